// Package life asks how a jail lives and ends: signals, limits of time,
// terminals, descriptors, and that nothing is left however it ends. The test
// binary is both sides: procjail is handed the binary itself where no program of
// the distribution's does what a payload has to do.
//
// `make test-faults` sets PROCJAIL_FAULTS, and what is drawn by lot is then
// drawn as often as it should be.
package life

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// bound is the time in which whatever is to end must have ended. It is long
// since the machine may be busy; nothing here ends by itself that soon.
const bound = 10 * time.Second

const victimWord = kerneltest.VictimWord

func TestMain(m *testing.M) { os.Exit(kerneltest.Main(m, victim)) }

func itoa(n int) string { return strconv.Itoa(n) }

// moment is a time after a start begins. With -short there are few of them, and a
// start takes ten times as long, in the machine of test/vm, which is emulated.
func moment(d time.Duration) time.Duration {
	if testing.Short() {
		return 10 * d
	}
	return d
}

// jail is a procjail that runs.
type jail struct {
	t        testing.TB
	cmd      *exec.Cmd
	out, err *buffer
	done     chan struct{}
	begun    time.Time
}

// launch starts procjail, in a process group of its own, and waits until
// its payload has written a first line.
func launch(t testing.TB, options []string, argv ...string) *jail {
	t.Helper()
	j := launchQuietly(t, nil, options, argv...)
	j.until("ready\n")
	return j
}

// launchQuietly does not wait. It runs prepare on the command first.
func launchQuietly(t testing.TB, prepare func(*exec.Cmd), options []string, argv ...string) *jail {
	t.Helper()
	cmd := kerneltest.Command(t, append(append(options[:len(options):len(options)], "--"), argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if prepare != nil {
		prepare(cmd)
	}
	return follow(t, cmd)
}

// follow starts a command that is or runs procjail.
func follow(t testing.TB, cmd *exec.Cmd) *jail {
	t.Helper()
	j := &jail{t: t, cmd: cmd, out: &buffer{}, err: &buffer{}, done: make(chan struct{}), begun: time.Now()}
	if cmd.Stdout == nil {
		cmd.Stdout = j.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = j.err
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(j.done)
	}()
	return j
}

// sh is a shell as a payload.
func sh(script string) []string { return []string{"sh", "-c", script} }

// self is this binary as a payload.
func self(t testing.TB, act string, args ...string) []string {
	t.Helper()
	return append([]string{kerneltest.Self(t), victimWord, act}, args...)
}

// until waits until the payload has written text to standard output.
func (j *jail) until(text string) {
	j.t.Helper()
	for end := time.Now().Add(bound); !strings.Contains(j.out.String(), text); {
		if time.Now().After(end) {
			_ = j.cmd.Process.Kill()
			j.t.Fatalf("%q: no %q in %q; standard error: %q", j.cmd.Args, text, j.out, j.err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (j *jail) signal(sig syscall.Signal) {
	j.t.Helper()
	if err := j.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		j.t.Error(err)
	}
}

// end waits for procjail's end, for a time that it fails the test after, and
// returns the exit status, or 128 and the signal that killed procjail itself.
func (j *jail) end() int {
	j.t.Helper()
	select {
	case <-j.done:
	case <-time.After(bound):
		j.t.Errorf("%q has not ended after %v; state %s; %q %q", j.cmd.Args, bound, state(j.cmd.Process.Pid), j.out, j.err)
		_ = j.cmd.Process.Kill()
		<-j.done
	}
	s := j.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	sync.Mutex
	b bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.Lock()
	defer b.Unlock()
	return b.b.String()
}

func state(pid int) string { return kerneltest.Stat(pid)[0] }

// awaitState waits until a process is in one of the states.
func awaitState(t testing.TB, pid int, states string) {
	t.Helper()
	for end := time.Now().Add(bound); !strings.Contains(states, state(pid)); {
		if time.Now().After(end) {
			t.Fatalf("process %d is in state %s, want %s", pid, state(pid), states)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// init1 and payload are the processes of a jail as they are numbered outside.
func (j *jail) init1() int {
	j.t.Helper()
	list := kerneltest.Children(j.cmd.Process.Pid)
	if len(list) != 1 {
		j.t.Fatalf("procjail has the children %v, want one", list)
	}
	return list[0]
}

func (j *jail) payload() int {
	j.t.Helper()
	list := kerneltest.Children(j.init1())
	if len(list) == 0 {
		j.t.Fatal("PID 1 has no child")
	}
	return list[0]
}

// wrap is a command that is not procjail itself, with its bound.
func wrap(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := kerneltest.Command(t)
	path, err := exec.LookPath(name)
	if err != nil {
		kerneltest.RequirePrograms(t, name)
	}
	cmd.Path, cmd.Args = path, append([]string{name}, args...)
	return cmd
}

// listener is a listening socket as a file, and its path.
func listener(t testing.TB) (file *os.File, path string) {
	t.Helper()
	path = t.TempDir() + "/socket"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	l.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, path
}

// dial connects and returns what is said until the end.
func dial(t testing.TB, path string) string {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(bound))
	text, _ := io.ReadAll(c)
	return string(text)
}
