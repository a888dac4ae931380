package denial_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// memory is a process's: what lies at some addresses.
type memory map[uint64]string

func (m memory) read(address uint64, n int) []byte {
	s := m[address]
	return []byte(s[:min(n, len(s))])
}

func TestText(t *testing.T) {
	inet := func(family uint16, port uint16, rest ...byte) string {
		b := binary.NativeEndian.AppendUint16(nil, family)
		b = binary.BigEndian.AppendUint16(b, port)
		return string(append(b, rest...))
	}
	mem := memory{
		0x1000: "proc\x00", 0x2000: "/proc\x00", 0x3000: "a\nb\x1b[2J\x00", 0x4000: string(make([]byte, 0)),
		0x5000: inet(unix.AF_INET, 443, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0),
		0x6000: inet(unix.AF_INET6, 53, append(make([]byte, 4), 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)...),
		0x7000: "\x01\x00/run/docker.sock\x00garbage", 0x8000: "\x01\x00\x00abstract", 0x9000: "\x11\x00",
	}
	long := make([]byte, 5000)
	for i := range long {
		long[i] = 'x'
	}
	mem[0xa000] = string(long)
	at := ^uint64(99) // AT_FDCWD, in 64 bits
	for _, c := range []struct {
		nr   int32
		args [6]uint64
		want string
	}{
		{unix.SYS_MOUNT, [6]uint64{0x1000, 0x2000, 0x1000, unix.MS_NOSUID | unix.MS_NODEV}, `mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV, NULL)`},
		{unix.SYS_MOUNT, [6]uint64{0, 0x3000, 0xdead, 0, 0x10}, `mount(NULL, "a\nb\x1b[2J", 0xdead, 0, 0x10)`},
		{unix.SYS_UNSHARE, [6]uint64{unix.CLONE_NEWUSER | unix.CLONE_NEWNET | 1<<40}, `unshare(CLONE_NEWUSER|CLONE_NEWNET|0x10000000000)`},
		{unix.SYS_SOCKET, [6]uint64{unix.AF_PACKET, unix.SOCK_RAW | unix.SOCK_CLOEXEC, 768}, `socket(AF_PACKET, SOCK_RAW|SOCK_CLOEXEC, 768)`},
		{unix.SYS_SOCKET, [6]uint64{99, 77, 0}, `socket(0x63, 0xd|0x40, 0)`},
		{unix.SYS_CONNECT, [6]uint64{3, 0x5000, 16}, `connect(3, 192.0.2.7:443, 16)`},
		{unix.SYS_CONNECT, [6]uint64{3, 0x6000, 28}, `connect(3, [2001:db8::1]:53, 28)`},
		{unix.SYS_CONNECT, [6]uint64{3, 0x7000, 110}, `connect(3, "/run/docker.sock", 110)`},
		{unix.SYS_CONNECT, [6]uint64{3, 0x8000, 11}, `connect(3, "@abstract", 11)`},
		{unix.SYS_CONNECT, [6]uint64{3, 0x9000, 2}, `connect(3, {AF_PACKET}, 2)`},
		{unix.SYS_OPENAT, [6]uint64{at, 0x2000, unix.O_WRONLY | unix.O_CREAT | unix.O_CLOEXEC, 0o644}, `openat(AT_FDCWD, "/proc", O_WRONLY|O_CREAT|O_CLOEXEC, 0644)`},
		{unix.SYS_IOCTL, [6]uint64{0, 1<<32 | unix.TIOCSTI, 0x1000}, `ioctl(0, TIOCSTI, 0x1000)`},
		{unix.SYS_KEXEC_FILE_LOAD, [6]uint64{}, `kexec_file_load(...)`},
		{9999, [6]uint64{}, `syscall_9999(...)`},
		{unix.SYS_CHDIR, [6]uint64{0xa000}, `chdir("` + string(long[:256]) + `"...)`},
	} {
		if got := (denial.Call{NR: c.nr, Arch: amd64, Args: c.args}).Text(mem.read); got != c.want {
			t.Errorf("Text = %s, want %s", got, c.want)
		}
	}
	for want, c := range map[string]denial.Call{
		"i386 getpid(...)":                   {NR: 20, Arch: unix.AUDIT_ARCH_I386},
		"x32 getpid(...)":                    {NR: 39 | 1<<30, Arch: amd64},
		"call 7 of the ABI 1234(...)":        {NR: 7, Arch: 0x1234},
		`i386 syscall_99999(...)`:            {NR: 99999, Arch: unix.AUDIT_ARCH_I386},
		fmt.Sprintf("syscall_%d(...)", -100): {NR: -100, Arch: amd64},
	} {
		if got := c.Text(mem.read); got != want {
			t.Errorf("Text = %s, want %s", got, want)
		}
	}
}

func TestPath(t *testing.T) {
	mem := memory{0x1000: "old\x00", 0x2000: "/new\x00"}
	c := denial.Call{NR: unix.SYS_RENAMEAT2, Arch: amd64, Args: [6]uint64{5, 0x1000, ^uint64(99), 0x2000}}
	for n, want := range []struct {
		dir  int32
		path string
		ok   bool
	}{{5, "old", true}, {unix.AT_FDCWD, "/new", true}, {0, "", false}} {
		if dir, path, ok := c.Path(n, mem.read); dir != want.dir || path != want.path || ok != want.ok {
			t.Errorf("Path(%d) = %d, %q, %v", n, dir, path, ok)
		}
	}
}

// TestLogBounded tries more kinds than there is room for, and one kind often: the
// process is asked about once for each kind that is kept.
func TestLogBounded(t *testing.T) {
	var log denial.Log
	asked := 0
	who := func() denial.Process { asked++; return denial.Process{PID: 2, Name: "x"} }
	for i := range 1_000_000 {
		c := denial.Call{NR: unix.SYS_UNSHARE, Arch: amd64, Args: [6]uint64{uint64(i % 1000)}}
		log.Add(c, errnoR|uint32(unix.EPERM), time.Duration(i), who, memory{}.read)
	}
	var counted uint64
	for _, d := range log.Denials {
		counted += d.Count
	}
	if len(log.Denials) != denial.Most || asked != denial.Most || counted+log.Others != 1_000_000 {
		t.Errorf("%d kinds, asked %d times, %d calls and %d others", len(log.Denials), asked, counted, log.Others)
	}
	if d := log.Denials[3]; d.First != 3 || d.Last != 999_003 {
		t.Errorf("first %d, last %d", d.First, d.Last)
	}
}

func TestTelling(t *testing.T) {
	var log denial.Log
	add := func(at time.Duration, nr int32, verdict uint32, args ...uint64) {
		c := denial.Call{NR: nr, Arch: amd64}
		copy(c.Args[:], args)
		log.Add(c, verdict, at, func() denial.Process { return denial.Process{} }, memory{}.read)
	}
	eperm := errnoR | uint32(unix.EPERM)
	add(1, unix.SYS_IO_URING_SETUP, eperm)
	add(9, unix.SYS_GET_MEMPOLICY, eperm)
	add(2, unix.SYS_MOUNT, eperm)
	add(3, 9999, errnoR|uint32(unix.ENOSYS))
	add(4, unix.SYS_PTRACE, eperm)
	add(5, unix.SYS_SOCKET, errnoR|uint32(unix.EAFNOSUPPORT), unix.AF_ALG)
	add(6, unix.SYS_WRITEV, kill)
	add(7, unix.SYS_MOUNT, eperm)
	var got []string
	for _, d := range log.Telling() {
		got = append(got, d.Name)
	}
	if want := "[writev mount ptrace syscall_9999 socket io_uring_setup get_mempolicy]"; fmt.Sprint(got) != want {
		t.Errorf("Telling = %v, want %v", got, want)
	}
}

// TestWithdraw: what was taken back as often as it was noted has not been.
func TestWithdraw(t *testing.T) {
	var log denial.Log
	add := func(nr int32) denial.Call {
		c := denial.Call{NR: nr, Arch: amd64}
		log.Add(c, errnoR|uint32(unix.ENOSYS), 1, func() denial.Process { return denial.Process{} }, memory{}.read)
		return c
	}
	clone3 := add(unix.SYS_CLONE3)
	add(unix.SYS_CLONE3)
	add(unix.SYS_KCMP)
	log.Withdraw(clone3)
	if d := log.Denials[0]; len(log.Denials) != 2 || d.Name != "clone3" || d.Count != 1 {
		t.Errorf("after one: %+v of %d", d, len(log.Denials))
	}
	log.Withdraw(clone3)
	log.Withdraw(clone3)
	if len(log.Denials) != 1 || log.Denials[0].Name != "kcmp" {
		t.Errorf("after all: %d kinds", len(log.Denials))
	}
	add(unix.SYS_CLONE3)
	if d := log.Denials[1]; len(log.Denials) != 2 || d.Count != 1 {
		t.Errorf("again: %+v of %d", d, len(log.Denials))
	}
}
