//go:build cgo

package libseccomp

import (
	"runtime"

	scmp "github.com/seccomp/libseccomp-golang"

	"github.com/Emmanuel326/procjail/seccomp/compact"
)

// abi is one that filters can be compiled for.
type abi struct {
	name  string // GOARCH, or x32
	arch  scmp.ScmpArch
	audit uint32
}

var abis = []abi{
	{"amd64", scmp.ArchAMD64, compact.AuditArchX8664},
	{"arm64", scmp.ArchARM64, compact.AuditArchAARCH64},
	{"386", scmp.ArchX86, compact.AuditArchI386},
	{"x32", scmp.ArchX32, compact.AuditArchX8664},
	{"arm", scmp.ArchARM, compact.AuditArchARM},
}

func findABI(name string) (abi, bool) {
	for _, a := range abis {
		if a.name == name {
			return a, true
		}
	}
	return abi{}, false
}

// native says that libseccomp takes numbers of this ABI as they are. For all
// others it goes over the name, so that a number needs one that it knows
// (src/arch.c: arch_syscall_translate).
func (a abi) native() bool { return a.name == runtime.GOARCH }

// newer are the system calls that libseccomp 2.5.4 does not know, to Linux 7.1.
// From 424 on a number is the same on every ABI (x32 sets its bit); the two
// below exist on x86_64 alone. From src/syscalls.csv of libseccomp's main
// branch. Where the library knows a name, its number is taken: a test compares.
var newer = map[string]int{
	"uretprobe":         335,
	"uprobe":            336,
	"cachestat":         451,
	"fchmodat2":         452,
	"map_shadow_stack":  453,
	"futex_wake":        454,
	"futex_wait":        455,
	"futex_requeue":     456,
	"statmount":         457,
	"listmount":         458,
	"lsm_get_self_attr": 459,
	"lsm_set_self_attr": 460,
	"lsm_list_modules":  461,
	"mseal":             462,
	"setxattrat":        463,
	"getxattrat":        464,
	"listxattrat":       465,
	"removexattrat":     466,
	"open_tree_attr":    467,
	"file_getattr":      468,
	"file_setattr":      469,
	"listns":            470,
	"rseq_slice_yield":  471,
}

// lastSeparate is the highest number that ABIs do not share.
const lastSeparate = 423

// resolution is what is known of a name on one ABI.
type resolution int

const (
	unknownName resolution = iota // nobody knows the name
	notOnABI                      // another ABI has it: open on arm64
	fromTable                     // newer has it, libseccomp does not
	fromLibrary                   // libseccomp has it
)

// number resolves the name of a system call.
func (a abi) number(name string) (int, resolution) {
	// A negative number is libseccomp's mark for a call of other ABIs.
	if n, err := scmp.GetSyscallFromNameByArch(name, a.arch); err == nil {
		if n < 0 {
			return 0, notOnABI
		}
		return int(n), fromLibrary
	}
	n, ok := newer[name]
	switch {
	case !ok:
		return 0, unknownName
	case n <= lastSeparate && a.audit != compact.AuditArchX8664:
		return 0, notOnABI
	case a.name == "x32":
		n |= compact.X32Bit
	}
	return n, fromTable
}
