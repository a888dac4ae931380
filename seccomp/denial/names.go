package denial

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

//go:generate go run gen.go

// x32Bit marks a call of x32's, which is AUDIT_ARCH_X86_64 too.
const x32Bit = 1 << 30

// Name is the call's in syscalls(2), or its number. Those of the 32-bit ABI of
// the architecture follow the ABI's name: "i386 ptrace".
func (c Call) Name() string {
	switch c.Arch {
	case unix.AUDIT_ARCH_X86_64:
		if c.NR > 0 && c.NR&x32Bit != 0 {
			return "x32 " + name(native[:], c.NR&^x32Bit)
		}
		return name(native[:], c.NR)
	case unix.AUDIT_ARCH_AARCH64:
		return name(native[:], c.NR)
	case unix.AUDIT_ARCH_I386:
		return "i386 " + name(compat[:], c.NR)
	case unix.AUDIT_ARCH_ARM:
		return "arm " + name(compat[:], c.NR)
	}
	return "call " + strconv.Itoa(int(c.NR)) + " of the ABI " + strconv.FormatUint(uint64(c.Arch), 16)
}

// foreign is whether the call came by another ABI than that of its program's
// architecture.
func (c Call) foreign() bool { return strings.Contains(c.Name(), " ") }

func name(table []string, nr int32) string {
	if nr >= 0 && int(nr) < len(table) && table[nr] != "" {
		return table[nr]
	}
	return "syscall_" + strconv.Itoa(int(nr))
}
