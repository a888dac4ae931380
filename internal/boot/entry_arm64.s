#include "textflag.h"

// See boot.go. The stack holds what the kernel left: argc, argv, NULL, envp, NULL and
// the auxiliary vector.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $30, R0 // prctl(PR_GET_TIMERSLACK)
	MOVD $167, R8
	SVC
	MOVD R0, ·TimerSlack(SB)
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
	MOVD R9, ·Files(SB)
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
	MOVD R20, ·Ignored(SB)
	ADD  $128, RSP

	MOVD $runtime·bss(SB), R0 // madvise(bss, its size, MADV_POPULATE_WRITE)
	AND  $~65535, R0 // whatever the size of a page
	MOVD $runtime·ebss(SB), R1
	SUB  R0, R1, R1
	MOVD $23, R2
	MOVD $233, R8
	SVC

	MOVD ·profileRate(SB), R9
	MOVD ZR, (R9)

	MOVD (RSP), R9
	ADD  $16, RSP, R10
	ADD  R9<<3, R10, R10 // envp
	MOVD ·processors(SB), R11
	MOVWU ·processors+7(SB), R12
environment:
	MOVD (R10), R13
	CBZ  R13, add
	ADD  $8, R10
	MOVD (R13), R14 // "GOMAXPRO", then "OCS="; behind the last string are others of the kernel's
	CMP  R14, R11
	BNE  environment
	MOVWU 7(R13), R14
	CMP  R14, R12
	BNE  environment
	B    go
add: // before the NULL that R10 is at: what is before it moves by two pointers
	MOVD $1, R9
	MOVD R9, ·Narrow(SB)
	MOVD RSP, R11
	SUB  $16, RSP // which stays aligned
	MOVD RSP, R12
move:
	CMP  R11, R10
	BEQ  moved
	MOVD.P 8(R11), R13
	MOVD.P R13, 8(R12)
	B    move
moved:
	MOVD $·processors(SB), R13
	MOVD R13, (R12)
	MOVD R13, 8(R12)
go:
	JMP  _rt0_arm64_linux(SB)
