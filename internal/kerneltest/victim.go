package kerneltest

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// VictimWord as the first argument makes a test binary a payload: the second
// names what it is to do.
const VictimWord = "victim"

// Main is what the TestMain of a package does whose test binary is also its
// payload. It returns the exit status.
func Main(m *testing.M, victim func(act string, args []string) int) int {
	if len(os.Args) > 2 && os.Args[1] == VictimWord {
		return victim(os.Args[2], os.Args[3:])
	}
	// What was ignored for the tests would be for every jail. A program starts with
	// the default for what its parent handles.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	return m.Run()
}

// Self is the path of the test binary, which every view of a jail shows.
func Self(t testing.TB) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// ErrnoName is the symbol of an errno, "ok" for none, and otherwise what the
// error says.
func ErrnoName(err error) string {
	var e syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e) && unix.ErrnoName(e) != "":
		return unix.ErrnoName(e)
	}
	return err.Error()
}

// Waiting is a procjail whose payload waits for the end of its standard input.
type Waiting struct {
	Cmd   *exec.Cmd
	Shown string // what the payload wrote before it was ready
	stdin io.Closer
}

// StartWaiting starts a command of Command's and returns once its payload has
// written the line "ready".
func StartWaiting(t testing.TB, cmd *exec.Cmd) *Waiting {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := &Waiting{Cmd: cmd, stdin: in}
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if line == "ready\n" {
			return w
		}
		if err != nil {
			_ = cmd.Wait()
			t.Fatalf("%q: the payload said %q%q, %v; standard error %s", cmd.Args, w.Shown, line, err, cmd.Stderr)
		}
		w.Shown += line
	}
}

// Wait is one that an act of a victim does: it is ready, and waits.
func Wait() {
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// End ends the payload and returns procjail's exit status.
func (w *Waiting) End() int {
	w.stdin.Close()
	_ = w.Cmd.Wait()
	return w.Cmd.ProcessState.ExitCode()
}
