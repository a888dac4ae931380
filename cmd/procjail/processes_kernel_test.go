package main

import (
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
