#include "textflag.h"

// See entry.go. The stack holds argc and argv as the kernel left them.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $30, R0 // prctl(PR_GET_TIMERSLACK)
	MOVD $167, R8
	SVC
	MOVD R0, ·callerTimerSlack(SB)
	MOVD $29, R0 // prctl(PR_SET_TIMERSLACK, 1 ms)
	MOVD $1000000, R1
	MOVD $167, R8
	SVC
	JMP  _rt0_arm64_linux(SB)
