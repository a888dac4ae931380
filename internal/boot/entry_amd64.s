#include "textflag.h"

// See boot.go. The stack holds what the kernel left: argc, argv, NULL, envp, NULL and
// the auxiliary vector.
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $157, AX // prctl(PR_GET_TIMERSLACK)
	MOVQ $30, DI
	SYSCALL
	MOVQ AX, ·TimerSlack(SB)
	MOVQ $157, AX // prctl(PR_SET_TIMERSLACK, 1 ms)
	MOVQ $29, DI
	MOVQ $1000000, SI
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

	MOVQ $28, AX // madvise(bss, its size, MADV_POPULATE_WRITE)
	MOVQ $runtime·bss(SB), DI
	ANDQ $~4095, DI
	MOVQ $runtime·ebss(SB), SI
	SUBQ DI, SI
	MOVQ $23, DX
	SYSCALL

	MOVQ ·profileRate(SB), AX
	MOVQ $0, (AX)

	MOVQ 0(SP), CX
	LEAQ 16(SP)(CX*8), SI // envp
	MOVQ ·processors(SB), DX
environment:
	MOVQ (SI), AX
	TESTQ AX, AX
	JEQ  add
	ADDQ $8, SI
	CMPQ (AX), DX // "GOMAXPRO", then "OCS="; behind the last string are others of the kernel's
	JNE  environment
	MOVL 7(AX), AX
	CMPL AX, ·processors+7(SB)
	JNE  environment
	JMP  go
add: // before the NULL that SI is at: what is before it moves by two pointers
	MOVQ $1, ·Narrow(SB)
	MOVQ SI, CX
	MOVQ SP, SI
	SUBQ SP, CX
	SHRQ $3, CX
	SUBQ $16, SP // which stays aligned
	MOVQ SP, DI
	CLD
	REP; MOVSQ
	LEAQ ·processors(SB), AX
	MOVQ AX, 0(DI)
	MOVQ AX, 8(DI)
go:
	JMP  _rt0_amd64_linux(SB)
