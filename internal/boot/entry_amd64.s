#include "textflag.h"

// See boot.go. The stack holds what the kernel left: argc, argv, NULL, envp, NULL and
// the auxiliary vector.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $157, AX // prctl(PR_GET_TIMERSLACK)
	MOVQ $30, DI
	SYSCALL
	MOVQ AX, ·TimerSlack(SB)
	MOVQ $157, AX // prctl(PR_SET_TIMERSLACK, 10 ms)
	MOVQ $29, DI
	MOVQ $10000000, SI
	SYSCALL

	SUBQ $128, SP // for a struct rlimit64, then a struct kernel_sigaction
	MOVQ $302, AX // prlimit64(0, RLIMIT_NOFILE, NULL, SP)
	XORL DI, DI
	MOVQ $7, SI
	XORL DX, DX
	MOVQ SP, R10
	SYSCALL
	TESTQ AX, AX
	JNE  signals
	MOVQ 0(SP), AX
	MOVQ AX, ·Files(SB)
	CMPQ AX, $3
	JLS  signals
	MOVQ $3, 0(SP)
	MOVQ $302, AX // prlimit64(0, RLIMIT_NOFILE, SP, NULL)
	MOVQ SP, DX
	XORL R10, R10
	SYSCALL

signals:
	MOVQ $31, R12 // the signal
	XORL R13, R13
ask: // rt_sigaction(R12, NULL, SP, 8)
	MOVQ $0, 0(SP)
	MOVQ $13, AX
	MOVQ R12, DI
	XORL SI, SI
	MOVQ SP, DX
	MOVQ $8, R10
	SYSCALL
	SHLQ $1, R13
	CMPQ 0(SP), $1 // SIG_IGN
	JNE  next
	ORQ  $1, R13
next:
	SUBQ $1, R12
	JNE  ask
	MOVQ R13, ·Ignored(SB)
	ADDQ $128, SP

	MOVQ $28, AX // madvise(ebss less 32 KiB, 52 KiB and more, MADV_POPULATE_WRITE)
	MOVQ $runtime·ebss-32768(SB), DI
	ANDQ $~4095, DI
	MOVQ $runtime·ebss+20480(SB), SI
	SUBQ DI, SI
	MOVQ $23, DX
	SYSCALL

	MOVQ ·profileRate(SB), AX
	MOVQ $0, (AX)

	MOVQ $157, AX // prctl(PR_GET_SECCOMP)
	MOVQ $21, DI
	SYSCALL
	TESTQ AX, AX
	JNE  go
	MOVQ $204, AX // sched_getaffinity(0, 128, affinity)
	XORL DI, DI
	MOVQ $128, SI
	LEAQ ·affinity(SB), DX
	SYSCALL
	TESTQ AX, AX
	JLE  go
	MOVQ AX, R12 // the size of the kernel's masks
	MOVQ $309, AX // getcpu(SP, NULL, NULL)
	SUBQ $128, SP
	MOVQ SP, DI
	XORL SI, SI
	XORL DX, DX
	SYSCALL
	TESTQ AX, AX
	JNE  leave
	MOVL 0(SP), CX
	MOVQ SP, DI // all 0, and that one bit 1
	XORL AX, AX
	MOVQ $16, R13
zero:
	MOVQ AX, (DI)
	ADDQ $8, DI
	SUBQ $1, R13
	JNE  zero
	MOVQ CX, DI
	SHRQ $6, DI
	MOVQ $1, AX
	SHLQ CX, AX // by the lower six bits
	MOVQ AX, (SP)(DI*8)
	MOVQ $203, AX // sched_setaffinity(0, its size, SP)
	XORL DI, DI
	MOVQ R12, SI
	MOVQ SP, DX
	SYSCALL
	TESTQ AX, AX
	JNE  leave
	MOVQ R12, ·affinitySize(SB)
leave:
	ADDQ $128, SP
go:
	JMP  _rt0_amd64_linux(SB)

// func call(number, a, b int64, m *mask) int64
TEXT ·call(SB), NOSPLIT, $0-40
	MOVQ number+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	MOVQ m+24(FP), DX
	SYSCALL
	MOVQ AX, ret+32(FP)
	RET
