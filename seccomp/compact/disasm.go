package compact

import (
	"fmt"
	"io"

	"golang.org/x/net/bpf"
)

// Disassemble writes a program, an instruction a line, in the manner of
// libseccomp's scmp_bpf_disasm: line, code, and targets as line numbers.
func Disassemble(w io.Writer, p []bpf.RawInstruction) error {
	for i, in := range p {
		if _, err := fmt.Fprintf(w, "%4d: %02x %02x %02x %08x  %s\n", i, in.Op, in.Jt, in.Jf, in.K, mnemonic(i, in)); err != nil {
			return err
		}
	}
	return nil
}

func mnemonic(i int, in bpf.RawInstruction) string {
	jump := func(op string) string {
		return fmt.Sprintf("%-4s %#x  true:%04d false:%04d", op, in.K, i+1+int(in.Jt), i+1+int(in.Jf))
	}
	switch in.Op {
	case opLoad:
		return "ld   " + field(in.K)
	case opAnd:
		return fmt.Sprintf("and  %#x", in.K)
	case opJump:
		return fmt.Sprintf("jmp  %04d", i+1+int(in.K))
	case opJumpEqual:
		return jump("jeq")
	case opJumpGT:
		return jump("jgt")
	case opJumpGE:
		return jump("jge")
	case opJumpSet:
		return jump("jset")
	case opReturn:
		return "ret  " + action(in.K)
	}
	return "not of a seccomp filter"
}

// field names a word of struct seccomp_data, on a little-endian machine.
func field(offset uint32) string {
	switch {
	case offset == offsetNR:
		return "nr"
	case offset == offsetArch:
		return "arch"
	case offset < offsetArgs:
		return fmt.Sprintf("instruction_pointer+%d", offset-8)
	}
	half := "low"
	if offset%8 != 0 {
		half = "high"
	}
	return fmt.Sprintf("args[%d].%s", (offset-offsetArgs)/8, half)
}

// action names a return value: SECCOMP_RET_* of linux/seccomp.h.
func action(k uint32) string {
	data := k & 0xffff
	switch k &^ 0xffff {
	case 0x80000000:
		return "KILL_PROCESS"
	case 0x00000000:
		return "KILL_THREAD"
	case 0x00030000:
		return fmt.Sprintf("TRAP(%d)", data)
	case 0x00050000:
		return fmt.Sprintf("ERRNO(%d)", data)
	case 0x7fc00000:
		return fmt.Sprintf("USER_NOTIF(%d)", data)
	case 0x7ff00000:
		return fmt.Sprintf("TRACE(%d)", data)
	case 0x7ffc0000:
		return fmt.Sprintf("LOG(%d)", data)
	case 0x7fff0000:
		return "ALLOW"
	}
	return fmt.Sprintf("%#x", k)
}
