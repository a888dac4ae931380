#include "textflag.h"

// The child's side of a start; see child_amd64.s, which this follows line by
// line.
//
// In the loop:
//	R19 the current op       R20 the first op
//	R24 its outcome          R21 the first outcome
//	R22 its index            R23 its bits of indirect arguments
// The kernel preserves all registers but R0.

#define OP_NR    0
#define OP_ARGS  8
#define OP_IND  56
#define OP_SKIP 64
#define OP_WANT 72
#define OP_JUMP 80
#define OP_ALSO 88
#define OP_SIZE 96

// CALLOP makes the call of the op at R9, which has three arguments, all known.
#define CALLOP(result, next) \
	CBZ  R9, next; \
	MOVD OP_NR(R9), R8; \
	MOVD (OP_ARGS+0)(R9), R0; \
	MOVD (OP_ARGS+8)(R9), R1; \
	MOVD (OP_ARGS+16)(R9), R2; \
	SVC; \
	MOVD R0, result

#define ARG(n, reg, next) \
	MOVD (OP_ARGS+8*n)(R19), reg; \
	TBZ  $n, R23, next; \
	MOVD (reg), reg; \
	MOVD reg, R9; \
	TBNZ $63, reg, passed

// func cloneAndRun(args unsafe.Pointer, size uintptr, first *op, table *op, outcomes *outcome, index uintptr, before, after *op) (pid, thread, tied, untied int64)
TEXT ·cloneAndRun(SB), NOSPLIT, $16-96
	MOVD $-1, R9
	MOVD R9, all-8(SP)
	MOVD $2, R0 // rt_sigprocmask(SIG_SETMASK, ~[], old, 8)
	MOVD $all-8(SP), R1
	MOVD $old-16(SP), R2
	MOVD $8, R3
	MOVD $135, R8
	SVC

	MOVD before+48(FP), R9
	CALLOP(tied+80(FP), clone)
clone:
	MOVD args+0(FP), R0
	MOVD size+8(FP), R1
	MOVD first+16(FP), R19
	MOVD table+24(FP), R20
	MOVD outcomes+32(FP), R21
	MOVD index+40(FP), R22
	ADD  R22<<4, R21, R24
	MOVD $435, R8 // clone3
	SVC
	CBZ  R0, next
	MOVD R0, pid+64(FP)
	MOVD $178, R8 // gettid
	SVC
	MOVD R0, thread+72(FP)
	MOVD after+56(FP), R9
	CALLOP(untied+88(FP), unblock)
unblock:
	MOVD $2, R0 // rt_sigprocmask(SIG_SETMASK, old, NULL, 8)
	MOVD $old-16(SP), R1
	MOVD $0, R2
	MOVD $8, R3
	MOVD $135, R8
	SVC
	RET

next:
	MOVD OP_IND(R19), R23
	ARG(0, R0, arg1)
arg1:
	ARG(1, R1, arg2)
arg2:
	ARG(2, R2, arg3)
arg3:
	ARG(3, R3, arg4)
arg4:
	ARG(4, R4, arg5)
arg5:
	ARG(5, R5, call)
call:
	MOVD OP_NR(R19), R8
	SVC
	MRS  CNTVCT_EL0, R9
	MOVD R9, 8(R24)
	MOVD R0, (R24)
	CMN  $4095, R0
	BHI  error // unsigned: -4095 to -1
	BEQ  error

	MOVD OP_ALSO(R19), R9
	CBZ  R9, want
	MOVW R0, (R9)
want:
	MOVD OP_WANT(R19), R9
	CMN  $1, R9
	BEQ  jump
	CMP  R9, R0
	BNE  fail
jump:
	MOVD OP_JUMP(R19), R9
	CBZ  R9, advance
	CBZ  R0, advance // the child of the clone
	MOVD R9, R22
	MOVD $OP_SIZE, R10
	MUL  R9, R10, R10
	ADD  R20, R10, R19
	ADD  R22<<4, R21, R24
	B    next

advance:
	ADD  $OP_SIZE, R19
	ADD  $16, R24
	ADD  $1, R22
	B    next

passed: // an argument is the result of an entry that was skipped, or failed
	MOVD -16(R21), R10
	CBNZ R10, exit
	MOVD $0x8000000000000000, R10 // notRun
	CMP  R10, R9
	BEQ  lost
	MOVD $-125, R0
	MOVD R0, (R24)
	B    advance

error:
	NEG  R0, R0
	MOVD OP_SKIP(R19), R9
skip:
	AND  $0xffff, R9, R10
	CBZ  R10, fail
	CMP  R10, R0
	BEQ  advance
	LSR  $16, R9
	B    skip

lost:
	MOVD $-125, R0
	MOVD R0, (R24)
fail:
	ADD  $1, R22
	MOVD -16(R21), R9
	CBNZ R9, exit
	MOVD R22, -16(R21)
exit:
	MOVD $255, R0
	MOVD $94, R8 // exit_group
	SVC
	MOVD $93, R8 // exit
	SVC
	BRK  $0 // both refused by a filter: die of the trap
	B    exit

// func ticks() uint64
TEXT ·ticks(SB), NOSPLIT, $0-8
	MRS  CNTVCT_EL0, R0
	MOVD R0, ret+0(FP)
	RET
