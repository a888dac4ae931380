#include "textflag.h"

// forwardSignal is a signal handler, called by the kernel on the signal stack:
// DI the signal, SI its siginfo. It sends the signal on, unless its si_code
// says that it is the kernel's own, as from a terminal. It touches no memory
// of Go's but forwardTo; sigreturn restores every register.
TEXT ·forwardSignal(SB), NOSPLIT|NOFRAME, $0-0
	CMPL 8(SI), $0 // si_code
	JGT  done
	MOVL DI, SI
	MOVL ·forwardTo(SB), DI
	XORL DX, DX
	XORL R10, R10
	MOVQ $424, AX // pidfd_send_signal
	SYSCALL
done:
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
