//go:build cgo

package libseccomp_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	scmp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/net/bpf"

	"github.com/Emmanuel326/procjail/internal/bpftest"
	"github.com/Emmanuel326/procjail/seccomp/compact"
	"github.com/Emmanuel326/procjail/seccomp/libseccomp"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

var targets = []struct {
	arch  string
	audit uint32
	scmp  scmp.ScmpArch
}{
	{"amd64", compact.AuditArchX8664, scmp.ArchAMD64},
	{"arm64", compact.AuditArchAARCH64, scmp.ArchARM64},
}

func mustBuiltin(t testing.TB, name string) *policy.Policy {
	t.Helper()
	p, err := policy.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustLinear(t testing.TB, p *policy.Policy, arch string) []bpf.RawInstruction {
	t.Helper()
	program, err := libseccomp.Linear(p, arch)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func mustCompile(t testing.TB, p *policy.Policy, arch string) []bpf.RawInstruction {
	t.Helper()
	raw, err := libseccomp.Compile(p, arch)
	if err != nil {
		t.Fatal(err)
	}
	program, err := compact.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// number resolves a name as libseccomp does, or by the table of the package.
func number(name, arch string) (uint32, bool) {
	n, ok := libseccomp.Number(name, arch)
	return uint32(n), ok
}

// The filters that package seccomp embeds are those of the policies. If this
// fails: go generate ./seccomp, and review the policy's change as code.
func TestEmbeddedFiltersAreCurrent(t *testing.T) {
	for _, name := range policy.BuiltinNames() {
		for _, target := range targets {
			file := fmt.Sprintf("../filters/%s.%s.bpf", name, target.arch)
			embedded, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := libseccomp.Compile(mustBuiltin(t, name), target.arch)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(embedded, want) {
				t.Errorf("%s is not what the policy compiles to: run go generate ./seccomp", file)
			}
		}
	}
}

func TestBuiltinsEqualLibseccomp(t *testing.T) {
	for _, name := range policy.BuiltinNames() {
		t.Run(name, func(t *testing.T) {
			for _, target := range targets {
				prove(t, mustBuiltin(t, name), target.arch, target.audit)
			}
		})
	}
}

// Nothing is forgotten: each system call that libseccomp or the table knows has
// exactly one rule without args in each built-in policy.
func TestBuiltinsNameEverySyscall(t *testing.T) {
	for _, policyName := range policy.BuiltinNames() {
		p := mustBuiltin(t, policyName)
		count := make(map[string]int)
		for _, r := range p.Rules {
			for _, n := range r.Names {
				if len(r.Args) == 0 {
					count[n.Text]++
				}
			}
		}
		for _, target := range targets {
			for nr := range scmp.ScmpSyscall(1024) {
				name, err := nr.GetNameByArch(target.scmp)
				if err == nil && count[name] != 1 {
					t.Errorf("%s: %s (%d on %s) is in %d rules without args, want 1", policyName, name, nr, target.arch, count[name])
				}
			}
		}
		for _, name := range libseccomp.Newer() {
			if count[name] != 1 {
				t.Errorf("%s: %s is in %d rules without args, want 1", policyName, name, count[name])
			}
		}
	}
}

// A wider policy never refuses what a narrower one allows.
func TestBuiltinsWiden(t *testing.T) {
	names := policy.BuiltinNames()
	for i := range len(names) - 1 {
		narrow, wide := mustBuiltin(t, names[i]), mustBuiltin(t, names[i+1])
		for _, target := range targets {
			a := bpftest.New(t, mustCompile(t, narrow, target.arch))
			b := bpftest.New(t, mustCompile(t, wide, target.arch))
			check := func(nr uint32, args ...uint64) {
				x, y := a.Run(bpftest.Call(target.audit, nr, args...)), b.Run(bpftest.Call(target.audit, nr, args...))
				if x == uint32(policy.Allow) && y != x {
					t.Errorf("%s: number %d%#x: %s allows it, %s answers %#x", target.arch, nr, args, names[i], names[i+1], y)
				}
			}
			for _, nr := range numbers() {
				check(nr)
				check(nr, 1<<64-1, 1<<64-1, 1<<64-1)
			}
			for name, conditional := range narrow.Conditional() {
				if nr, ok := number(name, target.arch); ok && conditional {
					combinations(boundaries(narrow, name), 20_000, func(args []uint64) { check(nr, args...) })
				}
			}
		}
	}
}

// What the built-in policies are for, call by call.
func TestBuiltinDecisions(t *testing.T) {
	const (
		allow = "allow"
		eperm = "errno EPERM"
		nosys = "errno ENOSYS"
		noaf  = "errno EAFNOSUPPORT"
		high  = 0xdeadbeef << 32
	)
	var machines [3][2]bpftest.Machine
	for i, name := range policy.BuiltinNames() {
		for j, target := range targets {
			machines[i][j] = bpftest.New(t, mustCompile(t, mustBuiltin(t, name), target.arch))
		}
	}
	for _, tt := range []struct {
		call                 string
		args                 []uint64
		strict, deflt, build string
	}{
		{"read", nil, allow, allow, allow},
		{"clone", []uint64{17}, allow, allow, allow},              // fork: SIGCHLD
		{"clone", []uint64{0x3d0f00}, allow, allow, allow},        // pthread_create
		{"clone", []uint64{0x80 | 17}, allow, allow, allow},       // CLONE_NEWTIME's bit is the signal's here
		{"clone", []uint64{0x10000000 | 17}, eperm, eperm, allow}, // CLONE_NEWUSER
		{"clone", []uint64{high | 0x20000}, eperm, eperm, allow},  // CLONE_NEWNS
		{"clone3", nil, nosys, nosys, allow},
		{"unshare", []uint64{0}, eperm, eperm, allow},
		{"setns", nil, eperm, eperm, allow},
		{"mount", nil, eperm, eperm, allow},
		{"open_tree_attr", nil, eperm, eperm, allow},
		{"ptrace", nil, eperm, allow, allow},
		{"process_vm_readv", nil, eperm, allow, allow},
		{"io_uring_setup", nil, eperm, eperm, eperm},
		{"bpf", nil, eperm, eperm, eperm},
		{"perf_event_open", nil, eperm, eperm, eperm},
		{"userfaultfd", nil, eperm, eperm, eperm},
		{"open_by_handle_at", nil, eperm, eperm, eperm},
		{"kexec_load", nil, eperm, eperm, eperm},
		{"keyctl", []uint64{1}, eperm, eperm, allow},        // KEYCTL_JOIN_SESSION_KEYRING
		{"keyctl", []uint64{high | 1}, eperm, eperm, allow}, // the kernel sees the same
		{"keyctl", []uint64{11}, eperm, eperm, eperm},       // KEYCTL_READ
		{"ioctl", []uint64{0, 0x5413}, allow, allow, allow}, // TIOCGWINSZ
		{"ioctl", []uint64{0, 0x5412}, eperm, eperm, eperm}, // TIOCSTI
		{"ioctl", []uint64{0, high | 0x5412}, eperm, eperm, eperm},
		{"ioctl", []uint64{0, 0x541c}, eperm, eperm, eperm}, // TIOCLINUX
		{"ioctl", []uint64{0, high | 0x541c}, eperm, eperm, eperm},
		{"ioctl", []uint64{0x5412, 0}, allow, allow, allow},
		{"socket", []uint64{1, 1}, allow, allow, allow},
		{"socket", []uint64{2, 1, 0}, allow, allow, allow},
		{"socket", []uint64{high | 2, 0x80801, 6}, allow, allow, allow}, // SOCK_CLOEXEC | SOCK_NONBLOCK
		{"socket", []uint64{2, 10, 0}, noaf, noaf, noaf},                // SOCK_PACKET
		{"socket", []uint64{10, 2}, allow, allow, allow},
		{"socket", []uint64{16, 3, 0}, allow, allow, allow}, // NETLINK_ROUTE
		{"socket", []uint64{16, 3, 9}, noaf, allow, allow},  // NETLINK_AUDIT
		{"socket", []uint64{17, 3, 0}, noaf, noaf, noaf},    // AF_PACKET
		{"socket", []uint64{38, 5, 0}, noaf, noaf, noaf},    // AF_ALG
		{"socket", []uint64{40, 1, 0}, noaf, noaf, noaf},    // AF_VSOCK
		{"socketpair", []uint64{1, 1}, allow, allow, allow},
		{"socketpair", []uint64{2, 1}, noaf, noaf, noaf},
		{"personality", []uint64{0}, allow, allow, allow},
		{"personality", []uint64{8}, allow, allow, allow},
		{"personality", []uint64{0x20000}, allow, allow, allow},
		{"personality", []uint64{0x20008}, allow, allow, allow},
		{"personality", []uint64{0xffffffff}, allow, allow, allow},
		{"personality", []uint64{0x40000}, eperm, allow, allow},   // ADDR_NO_RANDOMIZE
		{"personality", []uint64{0x0400000}, eperm, eperm, eperm}, // READ_IMPLIES_EXEC
		{"seccomp", []uint64{1, 0}, allow, allow, allow},
		{"seccomp", []uint64{1, 8}, eperm, allow, allow}, // SECCOMP_FILTER_FLAG_NEW_LISTENER
		{"prctl", []uint64{22, 2}, allow, allow, allow},  // PR_SET_SECCOMP
		{"landlock_restrict_self", nil, allow, allow, allow},
		{"mseal", nil, allow, allow, allow},
		{"cachestat", nil, allow, allow, allow},
		{"get_mempolicy", nil, eperm, allow, allow},
		{"name_to_handle_at", nil, eperm, allow, allow},
	} {
		for i, want := range []string{tt.strict, tt.deflt, tt.build} {
			var action policy.Action
			if err := action.UnmarshalText([]byte(want)); err != nil {
				t.Fatal(err)
			}
			for j, target := range targets {
				nr, ok := number(tt.call, target.arch)
				if !ok {
					t.Fatalf("%s has no number on %s", tt.call, target.arch)
				}
				if got := machines[i][j].Run(bpftest.Call(target.audit, nr, tt.args...)); got != action.Return() {
					t.Errorf("%s on %s: %s%#x = %#x, want %s", policy.BuiltinNames()[i], target.arch, tt.call, tt.args, got, want)
				}
			}
		}
	}
}

// i386, x32 and the unknown, as the ABI's own head has it.
func TestBuiltinForeignABIs(t *testing.T) {
	for _, name := range policy.BuiltinNames() {
		for _, target := range targets {
			m := bpftest.New(t, mustCompile(t, mustBuiltin(t, name), target.arch))
			for abi, audit := range auditArches {
				for _, nr := range []uint32{0, 1, 39, 1000} {
					got := m.Run(bpftest.Call(audit, nr))
					if killed := got == uint32(policy.KillProcess); killed == (audit == target.audit) {
						t.Errorf("%s on %s: number %d of %s = %#x", name, target.arch, nr, abi, got)
					}
				}
			}
			if target.arch == "amd64" {
				if got := m.Run(bpftest.Call(target.audit, compact.X32Bit)); got != uint32(policy.KillProcess) {
					t.Errorf("%s: x32's read = %#x", name, got)
				}
			}
			if got := m.Run(bpftest.Call(target.audit, 999)); got != uint32(policy.Errno)|38 {
				t.Errorf("%s on %s: number 999 = %#x, want ENOSYS", name, target.arch, got)
			}
		}
	}
}

// Where libseccomp has learnt a name, our table must agree with it.
func TestNewerAgreesWithLibrary(t *testing.T) {
	known := 0
	for _, name := range libseccomp.Newer() {
		for _, target := range targets {
			n, err := scmp.GetSyscallFromNameByArch(name, target.scmp)
			if err != nil || n < 0 {
				continue
			}
			known++
			if got := libseccomp.NewerNumber(name); got != int(n) {
				t.Errorf("%s: table %d, libseccomp %d", name, got, n)
			}
		}
	}
	t.Logf("libseccomp %s knows %d of %d", libseccomp.Version(), known, len(libseccomp.Newer())*len(targets))
}
