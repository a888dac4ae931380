#include "textflag.h"

// See boot.go. The stack holds what the kernel left: argc, argv, NULL, envp, NULL and
// the auxiliary vector.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $30, R0 // prctl(PR_GET_TIMERSLACK)
	MOVD $167, R8
	SVC
	MOVD R0, ·TimerSlack(SB)
	MOVD $29, R0 // prctl(PR_SET_TIMERSLACK, 10 ms)
	MOVD $10000000, R1
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

	MOVD $runtime·ebss-32768(SB), R0 // madvise(ebss less 32 KiB, 52 KiB and more, MADV_POPULATE_WRITE)
	AND  $~65535, R0 // whatever the size of a page
	MOVD $runtime·ebss+20480(SB), R1
	SUB  R0, R1, R1
	MOVD $23, R2
	MOVD $233, R8
	SVC

	MOVD ·profileRate(SB), R9
	MOVD ZR, (R9)

	MOVD $21, R0 // prctl(PR_GET_SECCOMP)
	MOVD $167, R8
	SVC
	CBNZ R0, go
	MOVD $0, R0 // sched_getaffinity(0, 128, affinity)
	MOVD $128, R1
	MOVD $·affinity(SB), R2
	MOVD $123, R8
	SVC
	CMP  $0, R0
	BLE  go
	MOVD R0, R19 // the size of the kernel's masks
	SUB  $128, RSP
	MOVD RSP, R0 // getcpu(RSP, NULL, NULL)
	MOVD $0, R1
	MOVD $0, R2
	MOVD $168, R8
	SVC
	CBNZ R0, leave
	MOVWU (RSP), R9
	MOVD RSP, R10 // all 0, and that one bit 1
	MOVD $16, R11
zero:
	MOVD.P ZR, 8(R10)
	SUBS $1, R11
	BNE  zero
	MOVD RSP, R10
	LSR  $6, R9, R11
	ADD  R11<<3, R10, R10
	MOVD $1, R11
	LSL  R9, R11, R11 // by the lower six bits
	MOVD R11, (R10)
	MOVD $0, R0 // sched_setaffinity(0, its size, RSP)
	MOVD R19, R1
	MOVD RSP, R2
	MOVD $122, R8
	SVC
	CBNZ R0, leave
	MOVD R19, ·affinitySize(SB)
leave:
	ADD  $128, RSP
go:
	JMP  _rt0_arm64_linux(SB)

// func call(number, a, b int64, m *mask) int64
TEXT ·call(SB), NOSPLIT, $0-40
	MOVD number+0(FP), R8
	MOVD a+8(FP), R0
	MOVD b+16(FP), R1
	MOVD m+24(FP), R2
	SVC
	MOVD R0, ret+32(FP)
	RET
