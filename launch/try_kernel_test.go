package launch

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/plan"
)

const trialSpaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWUTS

// TestKernelTry: a call of the process is answered by the kernel as one of a
// process that has every capability in its user namespace.
func TestKernelTry(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	for _, tt := range []struct {
		name  string
		flags uint64
		call  [7]uint64
		want  int64
	}{
		{"fsopen with the capability", trialSpaces, [7]uint64{unix.SYS_FSOPEN}, -int64(unix.EFAULT)},
		{"fsopen without", 0, [7]uint64{unix.SYS_FSOPEN}, -int64(unix.EPERM)},
		{"getppid", 0, [7]uint64{unix.SYS_GETPPID}, int64(os.Getpid())},
		{"a call that is none", 0, [7]uint64{9999}, -int64(unix.ENOSYS)},
	} {
		got := Try(Trial{Flags: tt.flags, Call: &tt.call}, 0)
		if got.Cloned != 0 || !got.Made || got.Result != tt.want {
			t.Errorf("%s: %+v, want %d", tt.name, got, tt.want)
		}
	}
	if got := Try(Trial{Flags: unix.CLONE_NEWUSER | unix.CLONE_FS}, 0); got.Cloned != unix.EINVAL || got.Made {
		t.Errorf("a clone that the kernel refuses: %+v", got)
	}
}

// TestKernelTryMeanwhile: the process waits to be looked at, and is gone then.
func TestKernelTryMeanwhile(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	seen := ""
	got := Try(Trial{Flags: trialSpaces, Meanwhile: func(pid int) {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		seen = string(text)
	}}, 0)
	if got.Cloned != 0 || !strings.Contains(seen, "CapEff:\t000001ffffffffff") {
		t.Errorf("%+v, and its status: %q", got, seen)
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %v", err)
	}
}

// TestKernelTryEntries makes steps of a plan up to the one that fails, and reads
// what the kernel has to say of it.
func TestKernelTryEntries(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	fd := strict(t, []string{"/bin/true"}, nil).Entries[0].Out // an FD that stands for the first result
	entries := []plan.Entry{
		{Stage: plan.Init, Step: plan.Fsopen{Type: "tmpfs"}, Out: fd, Want: plan.Any},
		{Stage: plan.Init, Step: plan.FsconfigString{FD: fd, Key: "size", Value: "lots"}, Want: plan.Any, Skip: [2]plan.Errno{plan.Errno(unix.EINVAL)}},
		{Stage: plan.Init, Step: plan.Read{FD: fd, N: 1024}, Want: plan.Any},
		{Stage: plan.Init, Step: plan.FsconfigFlag{FD: fd, Key: "none"}, Want: plan.Any},
		{Stage: plan.Init, Step: plan.FsconfigCreate{FD: fd}, Want: plan.Any},
	}
	got := Try(Trial{Flags: trialSpaces, Entries: entries}, 1)
	var signs []string
	for _, n := range got.Results {
		signs = append(signs, unix.ErrnoName(unix.Errno(max(-n, 0))))
	}
	if want := []string{"", "EINVAL", "", "EINVAL"}; !slices.Equal(signs, want) || got.Made {
		t.Errorf("results %v %+v, want %v", signs, got, want)
	}
	if !strings.Contains(string(got.Read), "tmpfs: Bad value for 'size'") {
		t.Errorf("the kernel says %q", got.Read)
	}
}
