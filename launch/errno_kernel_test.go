package launch

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/plan"
)

var errnos = []unix.Errno{unix.ENOMEM, unix.EPERM, unix.ENOSPC, unix.EINTR, unix.EAGAIN}

// firstFake is the number of a system call that fails with ENOMEM; the next one
// with the next of errnos. Linux has none of these.
const firstFake = 9000

// TestKernelErrnos makes each call of a start fail in turn with each of errnos.
// The kernel does that, by a seccomp filter for calls that are none, which has to
// be loaded in a process of its own.
func TestKernelErrnos(t *testing.T) {
	kerneltest.Unprivileged(t)
	kerneltest.Require(t, kerneltest.UserNamespaces)
	for _, name := range []string{"self", "pid1", "terminal"} {
		t.Run(name, func(t *testing.T) {
			kerneltest.Clean(t)
			cmd := exec.Command(os.Args[0], "-test.run=^TestErrnosInside$", "-test.v", "-test.timeout=300s")
			cmd.Env = append(os.Environ(), "PROCJAIL_ERRNOS="+name)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "faults were made") {
				t.Fatalf("%v\n%s", err, out)
			}
			_, line, _ := strings.Cut(string(out), "go:")
			line, _, _ = strings.Cut(line, "\n")
			t.Log(line)
		})
	}
}

// TestErrnosInside is the other process. no_new_privs comes with the filter, so
// there are no set-user-ID programs in it, and no subordinate ids.
func TestErrnosInside(t *testing.T) {
	name := os.Getenv("PROCJAIL_ERRNOS")
	if name == "" {
		t.Skip("run by TestKernelErrnos")
	}
	every := everyNth(11)
	fakeCalls(t)
	p := strict(t, []string{"/bin/true"}, momentPlans[name].change)
	before := kerneltest.Descriptors(t)
	made := 0
	for i, e := range p.Entries {
		switch e.Step.(type) {
		case plan.SignalMask, plan.SchedSetaffinity, plan.Clone3, plan.Forward, plan.Socketpair, plan.ReceiveFD:
			if e.Stage == plan.Supervisor {
				continue
			}
		}
		for k, errno := range errnos {
			if (i*len(errnos)+k)%every != 0 || slices.Contains(e.Skip[:], plan.Errno(errno)) ||
				e.Stage == plan.Supervisor && errno == unix.EINTR { // the supervisor makes it again
				continue
			}
			prog, err := encode(p)
			if err != nil {
				t.Fatal(err)
			}
			prog.ops[i] = op{nr: uint64(firstFake + k), want: -1, jump: prog.ops[i].jump}
			res, err := start(p, prog, Options{})
			made++
			if i >= p.End { // the payload has ended, and something is left undone
				if err != nil || len(res.Left) != 1 || !errors.Is(res.Left[0], errno) {
					t.Errorf("%s: %v, left %v", message(p, i, errno.Error()), err, res.Left)
				}
				continue
			}
			want := message(p, i, plan.Errno(errno).String())
			// Behind the payload's own filter it is that which answers.
			if err == nil || err.Error() != want && err.Error() != message(p, i, "ENOSYS") && err.Error() != message(p, i, "EPERM") {
				t.Errorf("Run says\n\t%v\nwant\n\t%s", err, want)
			}
			if !errors.Is(err, errno) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
				t.Errorf("%v is not %v", err, errno)
			}
			if n, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
				t.Fatalf("%s: a child is left: %d, %v", want, n, err)
			}
		}
	}
	if after := kerneltest.Descriptors(t); after > before+2 { // the runtime's own
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
	t.Logf("%d faults were made", made)
}

// fakeCalls loads the filter into every thread.
func fakeCalls(t *testing.T) {
	t.Helper()
	var filter []unix.SockFilter
	filter = append(filter, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0})
	for k, errno := range errnos {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(firstFake + k)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if e != 0 {
		t.Fatal(e)
	}
}
