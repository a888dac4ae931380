#include "textflag.h"

// forwardSignal is a signal handler; see signal_amd64.s. R0 the signal, R1 its
// siginfo. It returns to the vDSO's sigreturn, which the kernel has put into
// the link register.
TEXT ·forwardSignal(SB), NOSPLIT|NOFRAME, $0-0
	MOVW 8(R1), R2 // si_code
	CMP  $0, R2
	BGT  done
	MOVD R0, R1
	MOVD $·forwardTo(SB), R3
	MOVW (R3), R0
	MOVD $0, R2
	MOVD $0, R3
	MOVD $424, R8 // pidfd_send_signal
	SVC
done:
	RET

// func handlerAddress() (handler, restorer uintptr)
TEXT ·handlerAddress(SB), NOSPLIT|NOFRAME, $0-16
	MOVD $·forwardSignal(SB), R0
	MOVD R0, handler+0(FP)
	MOVD ZR, restorer+8(FP)
	RET
