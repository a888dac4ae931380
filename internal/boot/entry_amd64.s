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
	MOVQ AX, ·callerFiles(SB)
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
	MOVQ R13, ·ignored(SB)
	ADDQ $128, SP
	JMP  _rt0_amd64_linux(SB)
