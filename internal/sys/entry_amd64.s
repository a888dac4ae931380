#include "textflag.h"

// See entry.go. The stack holds argc and argv as the kernel left them.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $157, AX // prctl(PR_GET_TIMERSLACK)
	MOVQ $30, DI
	SYSCALL
	MOVQ AX, ·callerTimerSlack(SB)
	MOVQ $157, AX // prctl(PR_SET_TIMERSLACK, 1 ms)
	MOVQ $29, DI
	MOVQ $1000000, SI
	SYSCALL
	JMP  _rt0_amd64_linux(SB)
