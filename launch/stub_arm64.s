#include "textflag.h"

// PID 1; see stub_amd64.s, which this follows line by line. The stack starts at
// 16, so that SP stays aligned.
TEXT ·initStub(SB), NOSPLIT|NOFRAME, $0-0
	MOVD 16(RSP), R9 // argv[1]
	MOVBU (R9), R20
	SUB  $48, R20 // '0'
	SUB  $256, RSP

	MOVD $4, R0 // prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE)
	MOVD $0, R1
	MOVD $167, R8
	SVC

	MOVD $1, R9 // write(2, &one, 8)
	MOVD R9, 0(RSP)
	MOVD $2, R0
	MOVD RSP, R1
	MOVD $8, R2
	MOVD $64, R8
	SVC

	MOVD $-1, R9
	MOVD R9, 0(RSP)
	MOVD R9, R0 // signalfd4(-1, ~[], 8, 0)
	MOVD RSP, R1
	MOVD $8, R2
	MOVD $0, R3
	MOVD $74, R8
	SVC
	TBNZ $63, R0, lost

	MOVW ZR, 16(RSP) // {fd=0, events=POLLIN}
	MOVD $1, R9
	MOVW R9, 20(RSP)
	MOVW R0, 24(RSP) // {fd=signalfd, events=POLLIN}
	MOVW R9, 28(RSP)

reap: // wait4(-1, &status, WNOHANG|WUNTRACED|__WALL, NULL)
	MOVD $-1, R0
	ADD  $192, RSP, R1
	MOVD $0x40000003, R2
	MOVD $0, R3
	MOVD $260, R8
	SVC
	CMP  R20, R0
	BEQ  payload
	CMP  $0, R0
	BGT  reap

sleep: // ppoll(fds, 2, NULL, NULL, 8)
	ADD  $16, RSP, R0
	MOVD $2, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $8, R4
	MOVD $73, R8
	SVC
	TBNZ $63, R0, lost
	MOVHU 22(RSP), R9
	CBNZ R9, lost

	MOVWU 24(RSP), R0 // read(signalfd, &info, 128)
	ADD  $64, RSP, R1
	MOVD $128, R2
	MOVD $63, R8
	SVC
	MOVWU 64(RSP), R1 // ssi_signo
	CMP  $17, R1      // SIGCHLD
	BEQ  reap
	MOVW 72(RSP), R9 // ssi_code
	CMP  $0, R9
	BGT  sleep
	MOVWU 76(RSP), R9 // ssi_pid
	CBNZ R9, sleep

	NEG  R20, R0 // kill(-payload, signo)
	MOVD $129, R8
	SVC
	TBZ  $63, R0, sleep
	MOVD R20, R0 // ESRCH: it has no group yet, or has left it: kill(payload, signo)
	SVC
	B    sleep

payload:
	MOVBU 192(RSP), R9
	CMP  $0x7f, R9 // stopped
	BNE  ended
	MOVD $0x100000000, R9
	MOVD R9, 200(RSP)
	MOVD $1, R0 // write(1, &number, 8), of 2^32 for each time
	ADD  $200, RSP, R1
	MOVD $8, R2
	MOVD $64, R8
	SVC
	B    reap

ended:
	MOVWU 192(RSP), R19
	MOVD $4096, R21
rest: // wait4(-1, NULL, WNOHANG|__WALL, NULL)
	MOVD $-1, R0
	MOVD $0, R1
	MOVD $0x40000001, R2
	MOVD $0, R3
	MOVD $260, R8
	SVC
	ADD  $1, R19, R9
	TBNZ $63, R0, alone
	CBZ  R0, others
	SUB  $1, R21
	CBNZ R21, rest
others:
	ORR  $(1<<60), R9, R9
alone:
	MOVD R9, 200(RSP)
	MOVD $1, R0 // write(1, &number, 8)
	ADD  $200, RSP, R1
	MOVD $8, R2
	MOVD $64, R8
	SVC
	ANDS $0x7f, R19, R0
	BEQ  exited
	ADD  $128, R0
	B    exit
exited:
	LSR  $8, R19, R0
	AND  $0xff, R0
	B    exit

lost: // nobody waits for this jail any more
	MOVD $137, R0
exit:
	MOVD $94, R8 // exit_group
	SVC
	B    exit

	// The end, for initImage to find: "procjail".
	WORD $0x636f7270
	WORD $0x6c69616a

// func stubAddress() unsafe.Pointer
TEXT ·stubAddress(SB), NOSPLIT|NOFRAME, $0-8
	MOVD $·initStub(SB), R0
	MOVD R0, ret+0(FP)
	RET
