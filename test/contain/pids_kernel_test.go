package contain

import (
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelPids: --pids without a cgroup, down to 1. RLIMIT_NPROC counts PID 1 and
// the payload, which is there already when it is set, so that one process is had in
// any case; what it then may not make is EAGAIN from fork(2), and the shell's to
// tell: without a cgroup nobody counts.
func TestKernelPids(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for _, tt := range []struct {
			pids, pid1 string
			children   int
		}{
			{"1", "init", 0},
			{"2", "init", 0},
			{"3", "init", 1},
			{"8", "init", 6},
			{"1", "payload", 0},
			{"2", "payload", 1},
			{"8", "payload", 7},
		} {
			const script = `for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & echo $i; done`
			got := kerneltest.Run(t, "-q", "--cgroup", "off", "--id", id, "--pids", tt.pids, "--pid1", tt.pid1, "sh", "-c", script)
			if n := strings.Count(got.Stdout, "\n"); n != tt.children || got.Code != 2 || !strings.HasSuffix(got.Stderr, ": Cannot fork\n") {
				t.Errorf("--pids %s --pid1 %s: %d children, want %d; %+v", tt.pids, tt.pid1, n, tt.children, got)
			}
		}
		// A program that is alone is all that --pids 1 leaves.
		if got := kerneltest.Run(t, "--cgroup", "off", "--id", id, "--pids", "1", "echo", "alone"); got.Code != 0 || got.Stdout != "alone\n" || got.Stderr != "" {
			t.Errorf("%+v", got)
		}
	})
}
