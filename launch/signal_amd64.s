#include "textflag.h"

// forwardSignal is a signal handler, called by the kernel on the signal stack:
// DI the signal. It counts the signal, sends it on, unless that was one of the
// held before it was counted, and wakes the supervisor. It touches no memory of
// Go's but forwardTo, held, signalled and wake; sigreturn restores every register.
TEXT ·forwardSignal(SB), NOSPLIT|NOFRAME, $0-0
	MOVL DI, R8
	MOVQ ·held(SB), R9
	LEAQ ·signalled(SB), AX
	LOCK
	INCL (AX)(R8*4)
	LEAL -1(R8), CX
	BTQ  CX, R9
	JCS  wakeUp
	MOVL R8, SI
	MOVL ·forwardTo(SB), DI
	XORL DX, DX
	XORL R10, R10
	MOVQ $424, AX // pidfd_send_signal
	SYSCALL
wakeUp:
	MOVQ $1, AX // write(wake, &one, 8)
	MOVL ·wake(SB), DI
	LEAQ ·one(SB), SI
	MOVQ $8, DX
	SYSCALL
	RET

TEXT ·sigreturn(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $15, AX // rt_sigreturn
	SYSCALL
	INT  $3

// func handlerAddress() (handler, restorer uintptr)
TEXT ·handlerAddress(SB), NOSPLIT|NOFRAME, $0-16
	LEAQ ·forwardSignal(SB), AX
	MOVQ AX, handler+0(FP)
	LEAQ ·sigreturn(SB), AX
	MOVQ AX, restorer+8(FP)
	RET
