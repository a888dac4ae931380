package denial_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/bpftest"
	"github.com/Emmanuel326/procjail/seccomp"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

const (
	amd64  = unix.AUDIT_ARCH_X86_64
	allow  = uint32(unix.SECCOMP_RET_ALLOW)
	ask    = uint32(unix.SECCOMP_RET_USER_NOTIF)
	kill   = uint32(unix.SECCOMP_RET_KILL_PROCESS)
	errnoR = uint32(unix.SECCOMP_RET_ERRNO)
)

// machine is one that shares no code with this package.
func machine(t testing.TB, program []byte) func(denial.Call) uint32 {
	t.Helper()
	var list []bpf.RawInstruction
	for i := 0; i < len(program); i += 8 {
		b := program[i:]
		list = append(list, bpf.RawInstruction{Op: binary.NativeEndian.Uint16(b), Jt: b[2], Jf: b[3], K: binary.NativeEndian.Uint32(b[4:])})
	}
	m := bpftest.New(t, list)
	return func(c denial.Call) uint32 { return m.Run(bpftest.Call(c.Arch, uint32(c.NR), c.Args[:]...)) }
}

// calls are of every number and its neighbours, from three ABIs, with arguments
// that policies look at.
func calls(f func(denial.Call)) {
	arguments := []uint64{0, 1, 2, uint64(unix.SIGABRT), 1<<32 | 2, 8, 10, 16, 40, 0x5412, 0x7e020000, 1<<32 | 1, 0xffffffff, 0x10000000}
	for _, arch := range []uint32{amd64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64} {
		for nr := range int32(520) {
			for _, nr := range []int32{nr, nr | 1<<30} {
				for _, a := range arguments {
					f(denial.Call{NR: nr, Arch: arch, Args: [6]uint64{a, a, a}})
					f(denial.Call{NR: nr, Arch: arch, Args: [6]uint64{a, 1, 0}})
				}
			}
		}
	}
}

// TestWatch: what is loaded asks exactly where the policy refuses or kills, and
// Verdict has the policy's answer, as another machine finds it.
func TestWatch(t *testing.T) {
	for _, name := range seccomp.Builtins() {
		f, _ := seccomp.Builtin(name)
		for _, traced := range [][]int32{nil, {unix.SYS_EXECVE}, denial.Traced()} {
			watching, ok := denial.Watch(f.Program, amd64, traced)
			if !ok {
				t.Fatalf("%s cannot be watched", name)
			}
			policy, watched := machine(t, f.Program), machine(t, watching)
			asked := 0
			calls(func(c denial.Call) {
				want, got := policy(c), watched(c)
				if v := denial.Verdict(f.Program, c); v != want {
					t.Fatalf("%s: Verdict(%+v) = %#x, want %#x", name, c, v, want)
				}
				expect := want
				switch {
				case c.Arch == amd64 && c.NR == unix.SYS_CLONE3 && !slices.Contains(traced, unix.SYS_CLONE3):
				case c.Arch == amd64 && slices.Contains(traced, c.NR):
					// Of these the arguments matter.
					signal := uint32(unix.SIGABRT)
					switch lower := func(n int) uint32 { return uint32(c.Args[n]) }; {
					case c.NR == unix.SYS_WRITE && lower(0) != 1 && lower(0) != 2, c.NR == unix.SYS_TGKILL && lower(2) != signal,
						c.NR == unix.SYS_KILL && lower(1) != 0 && lower(1) != signal:
					default:
						expect = ask
					}
				case want&0xffff0000 == errnoR, want == kill:
					expect = ask
				}
				if got != expect {
					t.Fatalf("%s: %+v: %#x, want %#x; the policy says %#x", name, c, got, expect, want)
				}
				if got == ask {
					asked++
				}
			})
			if asked == 0 {
				t.Errorf("%s never asks", name)
			}
		}
	}
}

// program makes one of {code, jt, jf, k}.
func program(list ...[4]uint32) []byte {
	var p []byte
	for _, i := range list {
		p = binary.NativeEndian.AppendUint16(p, uint16(i[0]))
		p = append(p, byte(i[1]), byte(i[2]))
		p = binary.NativeEndian.AppendUint32(p, i[3])
	}
	return p
}

const (
	load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	result = unix.BPF_RET | unix.BPF_K
)

// TestWatchNeedsSendmsg: a payload that could not hand the listener over would wait
// for ever.
func TestWatchNeedsSendmsg(t *testing.T) {
	for name, p := range map[string][]byte{
		"refused":             program([4]uint32{result, 0, 0, errnoR | 1}),
		"allowed by argument": program([4]uint32{load, 0, 0, 16}, [4]uint32{equal, 0, 1, 3}, [4]uint32{result, 0, 0, allow}, [4]uint32{result, 0, 0, errnoR | 1}),
		"another instruction": program([4]uint32{unix.BPF_LD | unix.BPF_IMM, 0, 0, 1}, [4]uint32{result, 0, 0, allow}),
		"no end":              program([4]uint32{load, 0, 0, 0}),
		"nothing":             nil,
		"a jump past the end": program([4]uint32{unix.BPF_JMP | unix.BPF_JA, 0, 0, 7}, [4]uint32{result, 0, 0, allow}),
		"longest, with more on top": func() []byte {
			list := make([][4]uint32, 4096)
			for i := range list {
				list[i] = [4]uint32{result, 0, 0, allow}
			}
			return program(list...)
		}(),
	} {
		if _, ok := denial.Watch(p, amd64, nil); ok {
			t.Errorf("%s can be watched", name)
		}
	}
	if _, ok := denial.Watch(program([4]uint32{result, 0, 0, allow}), amd64, nil); !ok {
		t.Error("a policy that allows all cannot be watched")
	}
}

func TestVerdicts(t *testing.T) {
	f, _ := seccomp.Builtin("strict")
	eperm := errnoR | uint32(unix.EPERM)
	for _, c := range []struct {
		nr   int32
		want []uint32
	}{
		{unix.SYS_READ, []uint32{allow}},
		{unix.SYS_MOUNT, []uint32{eperm}},
		{unix.SYS_CLONE3, []uint32{errnoR | uint32(unix.ENOSYS)}},
		{unix.SYS_CLONE, []uint32{eperm, allow}},
		{unix.SYS_SOCKET, []uint32{errnoR | uint32(unix.EAFNOSUPPORT), allow}},
		{9999, []uint32{errnoR | uint32(unix.ENOSYS)}},
	} {
		if got := denial.Verdicts(f.Program, amd64, c.nr); !slices.Equal(got, c.want) {
			t.Errorf("Verdicts(%d) = %#x, want %#x", c.nr, got, c.want)
		}
	}
}

// TestNames: every call of the built-in policies has its name here, and a meaning
// if it is refused.
func TestNames(t *testing.T) {
	f, _ := seccomp.Builtin("strict")
	for nr := range int32(472) {
		c := denial.Call{NR: nr, Arch: amd64}
		v := denial.Verdict(f.Program, c)
		known := v != errnoR|uint32(unix.ENOSYS) || nr == unix.SYS_CLONE3
		d := denial.Denial{Call: c, Name: c.Name()}
		switch {
		case known && strings.HasPrefix(c.Name(), "syscall_"):
			t.Errorf("the policy knows %d, which has no name here", nr)
		case v == errnoR|uint32(unix.EPERM) && d.Meaning() == "a call that the policy does not know":
			t.Errorf("nothing says what allowing %s means", c.Name())
		}
	}
}
