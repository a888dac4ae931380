// Package kerneltest holds what tests that ask the kernel need: a skip that says
// what was probed, the program under test, and proof that nothing stayed behind.
//
//	func TestKernelHostname(t *testing.T) {
//		kerneltest.Require(t, kerneltest.UserNamespaces)
//		kerneltest.Clean(t)
//		got := kerneltest.Run(t, "--hostname", "jail", "uname", "-n")
//		if got.Code != 0 || got.Stdout != "jail\n" {
//			t.Errorf("%+v", got)
//		}
//	}
//
// It starts no jail by itself and knows nothing of plans. It is for tests only.
package kerneltest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// timeout ends a run that hangs; a jail takes some milliseconds.
const timeout = 30 * time.Second

// Result is how one run of procjail ended. Code is -1 where a signal ended
// procjail itself, which Signal then names.
type Result struct {
	Stdout, Stderr string
	Code           int
	Signal         syscall.Signal
}

// Run runs procjail with args, no standard input and the caller's environment.
// A run that takes longer than 30 seconds is killed and fails the test.
func Run(t testing.TB, args ...string) Result {
	t.Helper()
	return RunCommand(t, Command(t, args...))
}

// Command makes the command that Run runs, for a test that has more to set: the
// standard input, the environment, the directory, extra descriptors.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, Binary(t), args...)
	// A process of the jail's that outlives procjail would hold the pipes.
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// RunCommand runs a command of Command's, and captures the streams that it does
// not set itself.
func RunCommand(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v\nstderr: %s", cmd.Args, err, stderr.String())
	}
	if time.Since(start) >= timeout {
		t.Fatalf("%q was killed after %v\nstderr: %s", cmd.Args, timeout, stderr.String())
	}
	result := Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		result.Signal = status.Signal()
	}
	return result
}

// built is the program, compiled once for each test binary. It is kept as bytes
// because a directory of t.TempDir ends with the test that asked first.
var built = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "procjail-build")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "procjail")
	// The flags of the Makefile that make a difference.
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-E github.com/Emmanuel326/procjail/internal/boot.entry", "-o", name, "github.com/Emmanuel326/procjail/cmd/procjail")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(err, errors.New(string(out)))
	}
	return os.ReadFile(name)
})

// Binary returns the path of the procjail to test: PROCJAIL_BIN, which `make
// test` sets, or one that is compiled from this tree.
func Binary(t testing.TB) string {
	t.Helper()
	if name := os.Getenv("PROCJAIL_BIN"); name != "" {
		return name
	}
	program, err := built()
	if err != nil {
		t.Fatalf("cannot build procjail: %v", err)
	}
	name := filepath.Join(t.TempDir(), "procjail")
	if err := os.WriteFile(name, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}
