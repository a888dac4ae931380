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

	SUB  $128, RSP // for a struct rlimit64, then a struct kernel_sigaction
	MOVD $0, R0 // prlimit64(0, RLIMIT_NOFILE, NULL, RSP)
	MOVD $7, R1
	MOVD $0, R2
	MOVD RSP, R3
	MOVD $261, R8
	SVC
	CBNZ R0, signals
	MOVD (RSP), R9
	MOVD R9, ·callerFiles(SB)
	CMP  $3, R9
	BLS  signals
	MOVD $3, R9
	MOVD R9, (RSP)
	MOVD $0, R0 // prlimit64(0, RLIMIT_NOFILE, RSP, NULL)
	MOVD RSP, R2
	MOVD $0, R3
	MOVD $261, R8
	SVC

signals:
	MOVD $31, R19 // the signal
	MOVD $0, R20
ask: // rt_sigaction(R19, NULL, RSP, 8)
	MOVD ZR, (RSP)
	MOVD R19, R0
	MOVD $0, R1
	MOVD RSP, R2
	MOVD $8, R3
	MOVD $134, R8
	SVC
	LSL  $1, R20, R20
	MOVD (RSP), R9
	CMP  $1, R9 // SIG_IGN
	BNE  next
	ORR  $1, R20, R20
next:
	SUBS $1, R19, R19
	BNE  ask
	MOVD R20, ·ignored(SB)
	ADD  $128, RSP
	JMP  _rt0_arm64_linux(SB)
