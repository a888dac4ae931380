#include "textflag.h"

// PID 1: what init becomes when the jail is built. It is copied into a file of
// its own (initImage) and executed there, so it must not refer to anything of
// this program. It has three descriptors:
//	0  a pidfd of the supervisor, readable when that has ended
//	1  an eventfd that takes the payload's wait status, plus one, and 2^60 if
//	   others have not ended when it has, and 2^32 for each time that it is stopped
//	2  an eventfd that the payload waits for before it becomes a program
// and every signal is blocked; its second argument is the payload's process
// id, one digit. It reaps whatever is orphaned, passes on the
// signals that come from outside, and ends when the payload or the supervisor
// has ended; the kernel then kills what is left (pid_namespaces(7)).
//
// Its stack: 0 signal mask, 16 two struct pollfd, 64 struct signalfd_siginfo,
// 192 the wait status, 200 the eventfd's number.
TEXT ·initStub(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ 16(SP), AX // argv[1]
	MOVBLZX (AX), R13
	SUBL $48, R13 // '0'
	SUBQ $256, SP

	MOVQ $157, AX // prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE): for fs.suid_dumpable=1
	MOVQ $4, DI
	XORL SI, SI
	SYSCALL

	MOVQ $1, AX // write(2, &one, 8)
	MOVQ AX, 0(SP)
	MOVQ $2, DI
	MOVQ SP, SI
	MOVQ $8, DX
	SYSCALL

	MOVQ $-1, BX
	MOVQ BX, 0(SP)
	MOVQ $289, AX // signalfd4(-1, ~[], 8, 0)
	MOVQ BX, DI
	MOVQ SP, SI
	MOVQ $8, DX
	XORL R10, R10
	SYSCALL
	TESTQ AX, AX
	JLT  lost

	MOVL $0, 16(SP) // {fd=0, events=POLLIN}
	MOVL $1, 20(SP)
	MOVL AX, 24(SP) // {fd=signalfd, events=POLLIN}
	MOVL $1, 28(SP)

reap: // wait4(-1, &status, WNOHANG|WUNTRACED|__WALL, NULL)
	MOVQ $61, AX
	MOVQ $-1, DI
	LEAQ 192(SP), SI
	MOVQ $0x40000003, DX
	XORL R10, R10
	SYSCALL
	CMPQ AX, R13
	JEQ  payload
	TESTQ AX, AX
	JGT  reap

sleep: // ppoll(fds, 2, NULL, NULL, 8)
	MOVQ $271, AX
	LEAQ 16(SP), DI
	MOVQ $2, SI
	XORL DX, DX
	XORL R10, R10
	MOVQ $8, R8
	SYSCALL
	TESTQ AX, AX
	JLT  lost
	CMPW 22(SP), $0
	JNE  lost

	MOVQ $0, AX // read(signalfd, &info, 128)
	MOVL 24(SP), DI
	LEAQ 64(SP), SI
	MOVQ $128, DX
	SYSCALL
	CMPL 64(SP), $17 // ssi_signo == SIGCHLD
	JEQ  reap
	CMPL 72(SP), $0 // ssi_code > 0: the terminal's, which the payload has got as well
	JGT  sleep
	CMPL 76(SP), $0 // ssi_pid: 0 is somebody outside
	JNE  sleep

	MOVQ $62, AX // kill(-payload, signo)
	MOVQ R13, DI
	NEGQ DI
	MOVL 64(SP), SI
	SYSCALL
	TESTQ AX, AX
	JGE  sleep
	MOVQ $62, AX // ESRCH: it has no group yet, or has left it: kill(payload, signo)
	MOVQ R13, DI
	SYSCALL
	JMP  sleep

payload:
	CMPB 192(SP), $0x7f // stopped
	JNE  ended
	MOVQ $1, AX // write(1, &number, 8), of 2^32 for each time
	MOVQ AX, CX
	SHLQ $32, CX
	MOVQ CX, 200(SP)
	MOVQ AX, DI
	LEAQ 200(SP), SI
	MOVQ $8, DX
	SYSCALL
	JMP  reap

ended:
	MOVL 192(SP), BX
	MOVL $4096, R12 // who never comes to an end of it has company
rest: // wait4(-1, NULL, WNOHANG|__WALL, NULL): is there anybody who has not ended?
	MOVQ $61, AX
	MOVQ $-1, DI
	XORL SI, SI
	MOVQ $0x40000001, DX
	XORL R10, R10
	SYSCALL
	LEAQ 1(BX), CX
	TESTQ AX, AX
	JLT  alone
	JEQ  others
	SUBL $1, R12
	JNE  rest
others:
	MOVQ $1, AX
	SHLQ $60, AX
	ORQ  AX, CX
alone:
	MOVQ CX, 200(SP)
	MOVQ $1, AX // write(1, &number, 8)
	MOVQ $1, DI
	LEAQ 200(SP), SI
	MOVQ $8, DX
	SYSCALL
	MOVL BX, DI
	ANDL $0x7f, DI
	JEQ  exited
	ADDL $128, DI
	JMP  exit
exited:
	SHRL $8, BX
	MOVL BX, DI
	ANDL $0xff, DI
	JMP  exit

lost: // nobody waits for this jail any more
	MOVQ $137, DI
exit:
	MOVQ $231, AX // exit_group
	SYSCALL
	JMP  exit

	// The end, for initImage to find.
	BYTE $0x70; BYTE $0x72; BYTE $0x6f; BYTE $0x63
	BYTE $0x6a; BYTE $0x61; BYTE $0x69; BYTE $0x6c

// func stubAddress() unsafe.Pointer
TEXT ·stubAddress(SB), NOSPLIT|NOFRAME, $0-8
	LEAQ ·initStub(SB), AX
	MOVQ AX, ret+0(FP)
	RET
