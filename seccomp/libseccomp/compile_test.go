//go:build cgo

package libseccomp_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/internal/bpftest"
	"github.com/Emmanuel326/procjail/seccomp/compact"
	"github.com/Emmanuel326/procjail/seccomp/libseccomp"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

func mustDecode(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Decode("test", []byte(text), policy.Host{Arch: runtime.GOARCH, Kernel: "6.1"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const head = "default = \"errno ENOSYS\"\nforeign = \"kill_process\"\n"

func TestCompileEqualsLibseccomp(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"nothing", head},
		{"each operator", head + `
[[rule]]
action = "allow"
names = ["read"]
args = [{ index = 0, op = "eq", value = 0x100000002 }]
[[rule]]
action = "allow"
names = ["write"]
args = [{ index = 5, op = "ne", value = 7 }]
[[rule]]
action = "log"
names = ["close"]
args = [{ index = 1, op = "lt", value = 0x100000000 }]
[[rule]]
action = "trap"
names = ["dup"]
args = [{ index = 2, op = "le", value = -1 }]
[[rule]]
action = "kill_thread"
names = ["fcntl"]
args = [{ index = 3, op = "gt", value = 0xffffffff }]
[[rule]]
action = "kill_process"
names = ["ioctl"]
args = [{ index = 4, op = "ge", value = 1 }]
[[rule]]
action = "errno EAGAIN"
names = ["mmap"]
args = [{ index = 0, op = "masked_eq", mask = 0xf0000000f, value = 0x300000001 }]
`},
		{"several arguments and alternatives", head + `
[[rule]]
action = "allow"
names = ["socket"]
args = [{ index = 0, op = "eq", value = 16 }, { index = 2, op = "eq", value = 0 }]
[[rule]]
action = "allow"
names = ["socket"]
args = [{ index = 0, op = "eq", value = 1 }]
[[rule]]
action = "allow"
names = ["socket"]
args = [{ index = 0, op = "gt", value = 30 }, { index = 1, op = "lt", value = 5 }, { index = 2, op = "ne", value = 9 }]
`},
		{"what holds otherwise", head + `
[[rule]]
action = "allow"
names = ["personality", "socket"]
args = [{ index = 0, op = "eq", value = 8 }]
[[rule]]
action = "errno EPERM"
names = ["personality", "ptrace"]
[[rule]]
action = "errno EAFNOSUPPORT"
names = ["socket"]
`},
		{"an allow-all with holes", `
default = "allow"
foreign = "errno ENOSYS"
[[rule]]
action = "errno EPERM"
names = ["mount", "mseal", "uretprobe", "listns"]
[[rule]]
action = "kill_process"
names = ["ioctl"]
args = [{ index = 1, op = "masked_eq", mask = 0xffffffff, value = 0x5412 }]
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, target := range targets {
				prove(t, mustDecode(t, tt.text), target.arch, target.audit)
			}
		})
	}
}

// Policies without sense: whatever libseccomp makes of them, Compile makes too.
func TestCompileRandomPolicies(t *testing.T) {
	names := []string{"read", "write", "ioctl", "socket", "clone", "personality", "futex", "mmap", "openat", "mseal"}
	actions := []string{"allow", "errno EPERM", "errno EACCES", "log", "trap"}
	ops := []string{"eq", "ne", "lt", "le", "gt", "ge"}
	seeds := uint64(40)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 1))
		value := func() int64 { return []int64{0, 1, 2, 16, 1 << 31, 1 << 32, 1<<32 + 1, -1, rnd.Int64()}[rnd.IntN(9)] }
		var b strings.Builder
		fmt.Fprintf(&b, "default = \"kill_thread\"\nforeign = \"kill_process\"\n")
		for _, name := range names {
			for range rnd.IntN(4) {
				fmt.Fprintf(&b, "[[rule]]\nnames = [%q]\naction = %q\nargs = [", name, actions[0])
				for index := range 3 {
					switch rnd.IntN(3) {
					case 0:
						fmt.Fprintf(&b, "{index=%d, op=%q, value=%d},", index, ops[rnd.IntN(len(ops))], value())
					case 1:
						mask := value()
						fmt.Fprintf(&b, "{index=%d, op=\"masked_eq\", mask=%d, value=%d},", index, mask, mask&value())
					}
				}
				b.WriteString("]\n")
			}
			if rnd.IntN(2) == 0 && !strings.Contains(b.String(), fmt.Sprintf("names = [%q]\naction = %q\nargs = []", name, actions[0])) {
				fmt.Fprintf(&b, "[[rule]]\nnames = [%q]\naction = %q\n", name, actions[1+rnd.IntN(len(actions)-1)])
			}
		}
		p, err := policy.Decode("random", []byte(b.String()), policy.Host{})
		if err != nil {
			continue // a rule that came out without args, twice
		}
		for _, target := range targets[:1] {
			prove(t, p, target.arch, target.audit)
		}
	}
}

// libseccomp drops rules with args of a call that has one without; in an OCI
// profile that is so, in procjail's own form the latter is what holds otherwise.
func TestConditionalBesideUnconditional(t *testing.T) {
	oci := mustDecode(t, `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
		{"names": ["read"], "action": "SCMP_ACT_KILL_PROCESS", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
		{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}`)
	own := mustDecode(t, head+`
[[rule]]
action = "kill_process"
names = ["read"]
args = [{ index = 0, op = "eq", value = 1 }]
[[rule]]
action = "allow"
names = ["read"]
`)
	for _, target := range targets {
		nr, _ := number("read", target.arch)
		for _, tt := range []struct {
			form string
			p    *policy.Policy
			fd   uint64
			want policy.Kind
		}{
			{"OCI", oci, 1, policy.Allow},
			{"OCI", oci, 2, policy.Allow},
			{"TOML", own, 1, policy.KillProcess},
			{"TOML", own, 2, policy.Allow},
		} {
			if got := bpftest.New(t, mustCompile(t, tt.p, target.arch)).Run(bpftest.Call(target.audit, nr, tt.fd)); got != uint32(tt.want) {
				t.Errorf("%s on %s: read(%d) = %#x, want %#x", tt.form, target.arch, tt.fd, got, uint32(tt.want))
			}
		}
	}
}

// The bytes depend on the meaning, not on how libseccomp writes it down: another
// version of it may choose otherwise.
func TestCompactIsCanonical(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for i, name := range []string{"read", "open", "mmap", "ioctl", "openat", "statx", "futex", "execve", "kill", "uname", "dup3"} {
		fmt.Fprintf(&b, "[[rule]]\nnames = [%q]\naction = %q\n", name, []string{"allow", "errno EPERM", "trap"}[i%3])
	}
	b.WriteString(`[[rule]]
names = ["socket"]
action = "allow"
args = [{ index = 0, op = "eq", value = 2 }, { index = 1, op = "masked_eq", mask = 15, value = 1 }]
`)
	p := mustDecode(t, b.String())
	for _, target := range targets {
		tree, err := libseccomp.LinearAsTree(p, target.arch)
		if err != nil {
			t.Fatal(err)
		}
		fromTree, err := compact.Compact(tree, target.audit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(mustCompile(t, p, target.arch), fromTree); diff != "" {
			t.Errorf("%s: -from linear +from tree\n%s", target.arch, diff)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	foreign := "arm64"
	if runtime.GOARCH == "arm64" {
		foreign = "amd64"
	}
	for _, tt := range []struct{ name, arch, text, want string }{
		{
			"unknown name", "amd64", head + "[[rule]]\naction = \"allow\"\nnames = [\"read\",\n  \"raed\"]\n",
			`test:6:3: unknown system call "raed"`,
		},
		{
			"arguments of a call that libseccomp does not know", foreign,
			head + "[[rule]]\naction = \"allow\"\nnames = [\"listns\"]\nargs = [{ index = 0, op = \"eq\", value = 1 }]\n",
			`test:5:10: libseccomp ` + libseccomp.Version() + ` does not know "listns": its arguments can be compared only on ` + foreign + ` itself`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := libseccomp.Compile(mustDecode(t, tt.text), tt.arch)
			if err == nil || err.Error() != tt.want {
				t.Errorf("Compile() = %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := libseccomp.Compile(mustDecode(t, head), "mips"); err == nil || err.Error() != `cannot compile for "mips"` {
		t.Errorf("Compile() = %v", err)
	}
}

// What the benchmarks compare with: one program for several ABIs.
func TestRaw(t *testing.T) {
	p := mustDecode(t, head+"[[rule]]\naction = \"allow\"\nnames = [\"read\", \"socket\"]\n")
	raw, err := libseccomp.Raw(p, []string{"amd64", "386", "x32"})
	if err != nil {
		t.Fatal(err)
	}
	program, err := compact.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	m := bpftest.New(t, program)
	for _, tt := range []struct {
		arch, nr uint32
		want     policy.Kind
	}{
		{compact.AuditArchX8664, 0, policy.Allow},
		{compact.AuditArchI386, 3, policy.Allow},
		{compact.AuditArchX8664, compact.X32Bit, policy.Allow},
		{compact.AuditArchAARCH64, 63, policy.KillProcess},
	} {
		if got := m.Run(bpftest.Call(tt.arch, tt.nr)); got != uint32(tt.want) {
			t.Errorf("arch %#x, number %d = %#x, want %#x", tt.arch, tt.nr, got, uint32(tt.want))
		}
	}
	if _, err := libseccomp.Raw(mustBuiltin(t, "strict"), []string{"amd64", "386"}); err == nil {
		t.Error("Raw() of a policy that libseccomp has no words for succeeded")
	}
}
