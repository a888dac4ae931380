package seccomp

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const payloadName = "payload"

// payload loads a built-in filter ("" for none), makes the system calls, each
// NUMBER,ARG,..., and prints their errnos. It is a process of its own: a filter
// cannot be taken off.
func payload(filter string, calls []string) {
	runtime.LockOSThread()
	if filter != "" {
		f, ok := Builtin(filter)
		if !ok {
			panic(filter)
		}
		if err := install(f); err != nil {
			fmt.Println("seccomp:", err)
			os.Exit(1)
		}
	}
	for _, call := range calls {
		var a [7]uintptr
		for i, word := range strings.Split(call, ",") {
			n, err := strconv.ParseUint(word, 0, 64)
			if err != nil {
				panic(err)
			}
			a[i] = uintptr(n)
		}
		_, _, errno := syscall.Syscall6(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
		fmt.Println(int(errno))
	}
}

// install does what the launcher does before execve(2), for all threads.
func install(f Filter) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	prog := unix.SockFprog{Len: uint16(f.Len()), Filter: (*unix.SockFilter)(unsafe.Pointer(&f.Program[0]))}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}

// runPayload returns the calls' errnos, and what ended the process.
func runPayload(t *testing.T, filter string, calls ...string) ([]syscall.Errno, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Args = append([]string{payloadName, filter}, calls...)
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var errnos []syscall.Errno
	for _, word := range strings.Fields(string(out)) {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("payload printed %q", out)
		}
		errnos = append(errnos, syscall.Errno(n))
	}
	if len(errnos) != len(calls) {
		t.Fatalf("payload printed %q for %d calls", out, len(calls))
	}
	return errnos, nil
}

func callText(nr uintptr, args []uint64) string {
	text := fmt.Sprint(nr)
	for _, a := range args {
		text += "," + fmt.Sprint(a)
	}
	return text
}

// The kernel takes the filters and does what the policies say. The calls are
// such that they fail, or do nothing, where no filter stops them.
func TestKernelDecisions(t *testing.T) {
	const (
		ok   = syscall.Errno(0)
		high = 0xdeadbeef << 32
		bad  = 1<<64 - 1 // a descriptor that is none
		none = syscall.Errno(9999)
	)
	tests := []struct {
		name                   string
		nr                     uintptr
		args                   []uint64
		control                syscall.Errno // without a filter; none: depends on the machine
		strict, deflt, builder syscall.Errno
	}{
		{"getpid", unix.SYS_GETPID, nil, ok, ok, ok, ok},
		{"unshare nothing", unix.SYS_UNSHARE, []uint64{0}, ok, unix.EPERM, unix.EPERM, ok},
		{"clone3", unix.SYS_CLONE3, []uint64{0, 0}, unix.EINVAL, unix.ENOSYS, unix.ENOSYS, unix.EINVAL},
		{"clone CLONE_NEWUSER|CLONE_FS", unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER | unix.CLONE_FS}, unix.EINVAL, unix.EPERM, unix.EPERM, unix.EINVAL},
		{"mount", unix.SYS_MOUNT, []uint64{0, 0, 0, 0, 0}, none, unix.EPERM, unix.EPERM, none},
		{"fsopen", unix.SYS_FSOPEN, []uint64{0, bad}, none, unix.EPERM, unix.EPERM, none},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, []uint64{0}, none, unix.EPERM, unix.EPERM, unix.EPERM},
		{"bpf", unix.SYS_BPF, []uint64{9999}, none, unix.EPERM, unix.EPERM, unix.EPERM},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, []uint64{0, 0}, none, unix.EPERM, unix.EPERM, unix.EPERM},
		{"keyctl nothing", unix.SYS_KEYCTL, []uint64{0x5555}, unix.EOPNOTSUPP, unix.EPERM, unix.EPERM, unix.EPERM},
		{"keyctl JOIN_SESSION_KEYRING", unix.SYS_KEYCTL, []uint64{1, 0}, ok, unix.EPERM, unix.EPERM, ok},
		{"ioctl TIOCSTI", unix.SYS_IOCTL, []uint64{bad, 0x5412}, unix.EBADF, unix.EPERM, unix.EPERM, unix.EPERM},
		{"ioctl TIOCSTI, high bits", unix.SYS_IOCTL, []uint64{bad, high | 0x5412}, unix.EBADF, unix.EPERM, unix.EPERM, unix.EPERM},
		{"ioctl TIOCLINUX, high bits", unix.SYS_IOCTL, []uint64{bad, high | 0x541c}, unix.EBADF, unix.EPERM, unix.EPERM, unix.EPERM},
		{"ioctl TIOCGWINSZ", unix.SYS_IOCTL, []uint64{bad, 0x5413}, unix.EBADF, unix.EBADF, unix.EBADF, unix.EBADF},
		{"socket AF_UNIX", unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM}, ok, ok, ok, ok},
		{"socket AF_NETLINK, NETLINK_ROUTE", unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW}, ok, ok, ok, ok},
		{"socket AF_NETLINK, NETLINK_USERSOCK", unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, 2}, ok, unix.EAFNOSUPPORT, ok, ok},
		{"socket AF_PACKET, high bits", unix.SYS_SOCKET, []uint64{high | unix.AF_PACKET, unix.SOCK_RAW}, none, unix.EAFNOSUPPORT, unix.EAFNOSUPPORT, unix.EAFNOSUPPORT},
		{"personality asks", unix.SYS_PERSONALITY, []uint64{0xffffffff}, ok, ok, ok, ok},
		{"personality READ_IMPLIES_EXEC", unix.SYS_PERSONALITY, []uint64{0x0400000}, ok, unix.EPERM, unix.EPERM, unix.EPERM},
		{"personality ADDR_NO_RANDOMIZE", unix.SYS_PERSONALITY, []uint64{0x0040000}, ok, unix.EPERM, ok, ok},
		{"ptrace nobody", unix.SYS_PTRACE, []uint64{unix.PTRACE_CONT, 0x7fffffff}, unix.ESRCH, unix.EPERM, unix.ESRCH, unix.ESRCH},
		{"seccomp NEW_LISTENER", unix.SYS_SECCOMP, []uint64{unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, 0}, unix.EFAULT, unix.EPERM, unix.EFAULT, unix.EFAULT},
		{"number 999", 999, nil, unix.ENOSYS, unix.ENOSYS, unix.ENOSYS, unix.ENOSYS},
	}
	var calls []string
	for _, tt := range tests {
		calls = append(calls, callText(tt.nr, tt.args))
	}
	control, err := runPayload(t, "", calls...)
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range tests {
		if tt.control != none && control[i] != tt.control {
			t.Errorf("%s, without a filter: errno %d, want %d", tt.name, control[i], tt.control)
		}
	}
	for column, name := range Builtins() {
		got, err := runPayload(t, name, calls...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, tt := range tests {
			want := [...]syscall.Errno{tt.strict, tt.deflt, tt.builder}[column]
			if want == none {
				want = control[i]
			}
			if got[i] != want {
				t.Errorf("%s, %s: errno %d (%v), want %d", tt.name, name, got[i], got[i], want)
			}
		}
	}
}

// A call by x32's numbers ends the process with SIGSYS, as signal(7) has it.
func TestKernelForeignABI(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("GOARCH is ", runtime.GOARCH, ": it has no second ABI that a 64-bit process can call by")
	}
	for _, name := range Builtins() {
		_, err := runPayload(t, name, callText(0x40000000|unix.SYS_GETPID, nil))
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGSYS {
			t.Errorf("%s: %v, want SIGSYS", name, err)
		}
	}
}
