#include "textflag.h"

// giveBack is a signal handler, called by the kernel on the signal stack. It gives the
// thread that it runs in the timer slack that entry found; sigreturn restores every
// register.
TEXT ·giveBack(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $157, AX // prctl(PR_SET_TIMERSLACK, TimerSlack)
	MOVQ $29, DI
	MOVQ ·TimerSlack(SB), SI
	SYSCALL
	RET

TEXT ·sigreturn(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $15, AX // rt_sigreturn
	SYSCALL
	INT  $3

// func SlackHandler() (handler, restorer uintptr)
TEXT ·SlackHandler(SB), NOSPLIT|NOFRAME, $0-16
	LEAQ ·giveBack(SB), AX
	MOVQ AX, handler+0(FP)
	LEAQ ·sigreturn(SB), AX
	MOVQ AX, restorer+8(FP)
	RET
