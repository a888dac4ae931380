#include "textflag.h"

// giveBack is a signal handler; see slack_amd64.s. It returns to the vDSO's sigreturn,
// which the kernel has put into the link register.
TEXT ·giveBack(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $29, R0 // prctl(PR_SET_TIMERSLACK, TimerSlack)
	MOVD $·TimerSlack(SB), R1
	MOVD (R1), R1
	MOVD $167, R8
	SVC
	RET

// func SlackHandler() (handler, restorer uintptr)
TEXT ·SlackHandler(SB), NOSPLIT|NOFRAME, $0-16
	MOVD $·giveBack(SB), R0
	MOVD R0, handler+0(FP)
	MOVD ZR, restorer+8(FP)
	RET
