#include "textflag.h"

// The child's side of a start. From the clone on nothing here uses the stack or
// the Go runtime: the child has no goroutine, and after a second clone two
// processes run this code on the same memory.
//
// In the loop:
//	R12 the current op       BP  the first op
//	R14 its outcome          R13 the first outcome
//	R15 its index
// The kernel preserves these and clobbers only AX, CX and R11 (syscall(2)).

#define OP_NR    0
#define OP_ARGS  8
#define OP_IND  56
#define OP_SKIP 64
#define OP_WANT 72
#define OP_JUMP 80
#define OP_ALSO 88
#define OP_SIZE 96

// CALLOP makes the call of the op at BX, which has three arguments, all known.
#define CALLOP(result, next) \
	TESTQ BX, BX; \
	JEQ  next; \
	MOVQ OP_NR(BX), AX; \
	MOVQ (OP_ARGS+0)(BX), DI; \
	MOVQ (OP_ARGS+8)(BX), SI; \
	MOVQ (OP_ARGS+16)(BX), DX; \
	SYSCALL; \
	MOVQ AX, result

#define ARG(n, reg, next) \
	MOVQ (OP_ARGS+8*n)(R12), reg; \
	BTQ  $n, BX; \
	JCC  next; \
	MOVQ (reg), reg; \
	MOVQ reg, CX; \
	TESTQ reg, reg; \
	JLT  passed

// func cloneAndRun(args unsafe.Pointer, size uintptr, first *op, table *op, outcomes *outcome, index uintptr, before, after *op) (pid, thread, tied, untied int64)
//
// Every signal is blocked around the clone, so that no handler of Go's ever
// runs in the child, which inherits the mask. In the supervisor nothing can
// move the goroutine to another thread meanwhile.
TEXT ·cloneAndRun(SB), NOSPLIT, $16-96
	MOVQ $-1, AX
	MOVQ AX, all-8(SP)
	MOVQ $14, AX // rt_sigprocmask(SIG_SETMASK, ~[], old, 8)
	MOVQ $2, DI
	LEAQ all-8(SP), SI
	LEAQ old-16(SP), DX
	MOVQ $8, R10
	SYSCALL

	MOVQ before+48(FP), BX
	CALLOP(tied+80(FP), clone)
clone:
	MOVQ args+0(FP), DI
	MOVQ size+8(FP), SI
	MOVQ first+16(FP), R12
	MOVQ table+24(FP), R8
	MOVQ outcomes+32(FP), R13
	MOVQ index+40(FP), R9
	MOVQ $435, AX // clone3
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, pid+64(FP)
	MOVQ $186, AX // gettid
	SYSCALL
	MOVQ AX, thread+72(FP)
	MOVQ after+56(FP), BX
	CALLOP(untied+88(FP), unblock)
unblock:
	MOVQ $14, AX // rt_sigprocmask(SIG_SETMASK, old, NULL, 8)
	MOVQ $2, DI
	LEAQ old-16(SP), SI
	XORL DX, DX
	MOVQ $8, R10
	SYSCALL
	RET

child:
	MOVQ R8, BP // it never returns
	MOVQ R9, R15
	MOVQ R15, R14
	SHLQ $4, R14
	ADDQ R13, R14

next:
	MOVQ OP_IND(R12), BX
	ARG(0, DI, arg1)
arg1:
	ARG(1, SI, arg2)
arg2:
	ARG(2, DX, arg3)
arg3:
	ARG(3, R10, arg4)
arg4:
	ARG(4, R8, arg5)
arg5:
	ARG(5, R9, call)
call:
	MOVQ OP_NR(R12), AX
	SYSCALL
	MOVQ AX, BX
	RDTSC
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, 8(R14)
	MOVQ BX, AX
	MOVQ AX, (R14)
	CMPQ AX, $-4095
	JCC  error // unsigned: -4095 to -1

	MOVQ OP_ALSO(R12), BX
	TESTQ BX, BX
	JEQ  want
	MOVL AX, (BX)
want:
	MOVQ OP_WANT(R12), BX
	CMPQ BX, $-1
	JEQ  jump
	CMPQ AX, BX
	JNE  fail
jump:
	MOVQ OP_JUMP(R12), BX
	TESTQ BX, BX
	JEQ  advance
	TESTQ AX, AX
	JEQ  advance // the child of the clone
	MOVQ BX, R15
	IMULQ $OP_SIZE, BX
	LEAQ (BP)(BX*1), R12
	MOVQ R15, R14
	SHLQ $4, R14
	ADDQ R13, R14
	JMP  next

advance:
	ADDQ $OP_SIZE, R12
	ADDQ $16, R14
	INCQ R15
	JMP  next

passed: // an argument is the result of an entry that was skipped, or failed
	CMPQ -16(R13), $0
	JNE  exit
	MOVQ $0x8000000000000000, BX // notRun
	CMPQ CX, BX
	JEQ  lost
	MOVQ $-125, AX
	MOVQ AX, (R14)
	JMP  advance

error:
	NEGQ AX
	MOVQ OP_SKIP(R12), BX
skip:
	MOVWQZX BX, CX
	TESTQ CX, CX
	JEQ  fail
	CMPQ CX, AX
	JEQ  advance
	SHRQ $16, BX
	JMP  skip

lost:
	MOVQ $-125, AX
	MOVQ AX, (R14)
fail:
	INCQ R15
	CMPQ -16(R13), $0
	JNE  exit
	MOVQ R15, -16(R13)
exit:
	MOVQ $255, DI
	MOVQ $231, AX // exit_group
	SYSCALL
	MOVQ $60, AX // exit
	SYSCALL
	INT  $3 // both refused by a filter: die of the trap
	JMP  exit

// func ticks() uint64
TEXT ·ticks(SB), NOSPLIT, $0-8
	RDTSC
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, ret+0(FP)
	RET
