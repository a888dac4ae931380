package compact

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
)

// MaxInstructions is BPF_MAXINSNS of linux/bpf_common.h.
const MaxInstructions = 4096

// AUDIT_ARCH_* of linux/audit.h: what seccomp_data.arch holds.
const (
	AuditArchX8664   = 0xc000003e // also for x32, which sets X32Bit in the number
	AuditArchI386    = 0x40000003
	AuditArchAARCH64 = 0xc00000b7
	AuditArchARM     = 0x40000028
)

// X32Bit is __X32_SYSCALL_BIT of asm/unistd.h.
const X32Bit = 0x40000000

// struct seccomp_data: nr, arch, instruction_pointer, args[6], all of it in
// words of 32 bits at multiples of 4.
const (
	offsetNR   = 0
	offsetArch = 4
	offsetArgs = 16
	dataSize   = 64
)

// Operation codes of struct sock_filter that a seccomp program may hold and
// this package understands; linux/bpf_common.h.
const (
	opLoad      = 0x20 // BPF_LD | BPF_W | BPF_ABS
	opAnd       = 0x54 // BPF_ALU | BPF_AND | BPF_K
	opJump      = 0x05 // BPF_JMP | BPF_JA
	opJumpEqual = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	opJumpGT    = 0x25 // BPF_JMP | BPF_JGT | BPF_K
	opJumpGE    = 0x35 // BPF_JMP | BPF_JGE | BPF_K
	opJumpSet   = 0x45 // BPF_JMP | BPF_JSET | BPF_K
	opReturn    = 0x06 // BPF_RET | BPF_K
)

// UnsupportedError says which instruction keeps a program from being compacted.
type UnsupportedError struct {
	Index       int
	Instruction bpf.RawInstruction
	Reason      string
}

func (e *UnsupportedError) Error() string {
	i := e.Instruction
	return fmt.Sprintf("instruction %d {%#x, %d, %d, %#x}: %s", e.Index, i.Op, i.Jt, i.Jf, i.K, e.Reason)
}

// Decode reads an array of struct sock_filter in native endian, which is little
// on all that procjail supports.
func Decode(b []byte) ([]bpf.RawInstruction, error) {
	if len(b) == 0 || len(b)%8 != 0 {
		return nil, fmt.Errorf("%d bytes are not an array of struct sock_filter", len(b))
	}
	p := make([]bpf.RawInstruction, len(b)/8)
	for i := range p {
		w := b[i*8:]
		p[i] = bpf.RawInstruction{
			Op: binary.LittleEndian.Uint16(w), Jt: w[2], Jf: w[3], K: binary.LittleEndian.Uint32(w[4:]),
		}
	}
	return p, nil
}

// Encode is the inverse of Decode.
func Encode(p []bpf.RawInstruction) []byte {
	b := make([]byte, 0, len(p)*8)
	for _, i := range p {
		b = binary.LittleEndian.AppendUint16(b, i.Op)
		b = append(b, i.Jt, i.Jf)
		b = binary.LittleEndian.AppendUint32(b, i.K)
	}
	return b
}

// Check holds what the kernel demands of a program (kernel/seccomp.c:
// seccomp_check_filter, net/core/filter.c: bpf_check_classic) and besides that
// each instruction is one that this package can evaluate. After it, evaluation
// terminates and stays inside the program: jumps only go forward.
func Check(p []bpf.RawInstruction) error {
	if len(p) == 0 || len(p) > MaxInstructions {
		return fmt.Errorf("%d instructions: the kernel takes 1 to %d", len(p), MaxInstructions)
	}
	for i, in := range p {
		bad := func(reason string) error { return &UnsupportedError{Index: i, Instruction: in, Reason: reason} }
		left := uint64(len(p) - i - 1) // instructions that follow
		switch in.Op {
		case opLoad:
			if in.K%4 != 0 || in.K >= dataSize {
				return bad("load outside of struct seccomp_data, or not of a whole word")
			}
		case opAnd, opReturn:
		case opJump:
			if uint64(in.K) >= left {
				return bad("jump out of the program")
			}
		case opJumpEqual, opJumpGT, opJumpGE, opJumpSet:
			if uint64(max(in.Jt, in.Jf)) >= left {
				return bad("jump out of the program")
			}
		default:
			return bad("not a load, and, jump or return of a constant")
		}
	}
	if last := len(p) - 1; p[last].Op != opReturn {
		return &UnsupportedError{Index: last, Instruction: p[last], Reason: "the last one is no return"}
	}
	return nil
}
