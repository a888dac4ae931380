package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelFewProcesses raises RLIMIT_NPROC from 1 until a jail can be made.
// Where there are too few processes for the Go runtime's own threads it is the
// runtime that ends procjail; from there on each failure is the limit's.
func TestKernelFewProcesses(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	bin := kerneltest.Binary(t)
	told := 0
	for n := 1; n < 500; n++ {
		limit := strconv.Itoa(n)
		cmd := exec.Command("prlimit", "--nproc="+limit+":"+limit, bin, "-q", "--cgroup", "off", "--id", "self", "true")
		got := kerneltest.RunCommand(t, cmd)
		switch {
		case got.Code == 0:
			t.Logf("%d processes are enough; %d limits below were named", n, told)
			if told == 0 {
				t.Error("no failure was the limit's")
			}
			return
		case strings.Contains(got.Stderr, "newosproc"), got.Code == 1 && strings.HasPrefix(got.Stderr, "prlimit: "):
		case got.Code == 125 && strings.Contains(got.Stderr, ": EAGAIN\nprocjail: cause: uid ") &&
			strings.Contains(got.Stderr, " processes and threads, those in its user namespaces among them, and may have "+limit+" (RLIMIT_NPROC)\nprocjail: remedy: end some, or ulimit -u "):
			told++
		case got.Code == 125 && strings.Contains(got.Stderr, " of "+limit+"), pids.max"): // somebody's process has ended since
			t.Logf("with %d: %s", n, got.Stderr)
		default:
			t.Errorf("with %d: exit %d, %s", n, got.Code, got.Stderr)
		}
	}
	t.Error("500 processes are not enough")
}

// TestKernelFewProcessIDs does so with process ids, of which a pid namespace has
// had its own number since Linux 6.14. Those below 300 are given once only.
func TestKernelFewProcessIDs(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	told := 0
	for n := 301; n < 350; n++ {
		script := fmt.Sprintf(`echo %d >/proc/sys/kernel/pid_max || exit 88
echo 299 >/proc/sys/kernel/ns_last_pid && exec "$0" -q --cgroup off --id self true`, n)
		got := kerneltest.RunCommand(t, exec.Command("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "sh", "-c", script, kerneltest.Binary(t)))
		switch {
		case got.Code == 88:
			t.Skip("kernel.pid_max is the host's: ", got.Stderr)
		case got.Code == 0:
			t.Logf("pid_max %d is enough; %d below were named", n, told)
			if told == 0 {
				t.Error("no failure was for want of process ids")
			}
			return
		case strings.Contains(got.Stderr, "newosproc"):
		case got.Code == 125 && strings.Contains(got.Stderr, fmt.Sprintf(": EAGAIN\nprocjail: cause: %d of the %[1]d process ids from 300 to %d are in use, and kernel.pid_max is %d\n", n-300, n-1, n)):
			told++
		default:
			t.Errorf("with %d: exit %d, %s", n, got.Code, got.Stderr)
		}
	}
	t.Error("50 process ids are not enough")
}
