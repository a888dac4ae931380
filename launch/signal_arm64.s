#include "textflag.h"

// forwardSignal is a signal handler; see signal_amd64.s. R0 the signal. It
// returns to the vDSO's sigreturn, which the kernel has put into the link
// register.
TEXT ·forwardSignal(SB), NOSPLIT|NOFRAME, $0-0
	MOVW R0, R9
	MOVD $·held(SB), R3
	LDAR (R3), R6
	MOVD $·signalled(SB), R3
	ADD  R9<<2, R3, R3
count:
	LDAXRW (R3), R4
	ADDW $1, R4
	STLXRW R4, (R3), R5
	CBNZ R5, count
	SUB  $1, R9, R5
	LSR  R5, R6, R6
	TBNZ $0, R6, wakeUp
	MOVW R9, R1
	MOVD $·forwardTo(SB), R3
	MOVW (R3), R0
	MOVD $0, R2
	MOVD $0, R3
	MOVD $424, R8 // pidfd_send_signal
	SVC
wakeUp:
	MOVD $·wake(SB), R3
	MOVW (R3), R0
	MOVD $·one(SB), R1 // write(wake, &one, 8)
	MOVD $8, R2
	MOVD $64, R8
	SVC
	RET

// func handlerAddress() (handler, restorer uintptr)
TEXT ·handlerAddress(SB), NOSPLIT|NOFRAME, $0-16
	MOVD $·forwardSignal(SB), R0
	MOVD R0, handler+0(FP)
	MOVD ZR, restorer+8(FP)
	RET
