package contain

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

func TestKernelExitStatus(t *testing.T) {
	kerneltest.Begin(t)
	for code := range 256 {
		if testing.Short() && code%17 != 0 {
			continue
		}
		got := kerneltest.Run(t, "-q", "sh", "-c", "exit "+itoa(code))
		if got.Code != code || got.Stderr != "" || got.Stdout != "" {
			t.Errorf("exit %d: %+v", code, got)
		}
	}
}

// TestKernelSignalStatus: the payload ends itself by each signal. Some are
// ignored, and the stops would stop it.
func TestKernelSignalStatus(t *testing.T) {
	kerneltest.Begin(t)
	for sig := 1; sig <= 64; sig++ {
		want := 128 + sig
		switch unix.Signal(sig) {
		case unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, unix.SIGCONT:
			want = 7
		case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
			continue
		case 32, 33: // glibc's own: its posix_spawn, make(1)'s for one, has children ignore them
			continue
		}
		got := kerneltest.Run(t, "-q", "sh", "-c", "kill -"+itoa(sig)+" $$; exit 7")
		if got.Code != want || got.Stdout != "" {
			t.Errorf("signal %d: %+v, want %d", sig, got, want)
		}
	}
}

// TestKernelForward sends procjail what it is to pass on, and the payload says
// what came.
func TestKernelForward(t *testing.T) {
	for _, pid1 := range []string{"init", "payload"} {
		t.Run(pid1, func(t *testing.T) {
			kerneltest.Begin(t)
			for _, sig := range []string{"HUP", "INT", "QUIT", "TERM", "USR1", "USR2"} {
				script := `trap 'echo got; exit 42' ` + sig + `; echo ready; while :; do sleep 0.02; done`
				cmd := kerneltest.Command(t, "-q", "--pid1", pid1, "sh", "-c", script)
				out := new(bytes.Buffer)
				ready := &firstWrite{to: out, done: make(chan struct{})}
				cmd.Stdout = ready
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				select {
				case <-ready.done:
				case <-time.After(10 * time.Second):
					t.Error("the payload says nothing")
				}
				if err := cmd.Process.Signal(unix.SignalNum("SIG" + sig)); err != nil {
					t.Error(err)
				}
				_ = cmd.Wait()
				if code := cmd.ProcessState.ExitCode(); code != 42 || out.String() != "ready\ngot\n" {
					t.Errorf("SIG%s: exit %d, %q", sig, code, out)
				}
			}
		})
	}
}

// firstWrite closes done at the first write.
type firstWrite struct {
	to   *bytes.Buffer
	done chan struct{}
}

func (w *firstWrite) Write(b []byte) (int, error) {
	if w.to.Len() == 0 {
		close(w.done)
	}
	return w.to.Write(b)
}

func TestKernelReap(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		var left []string
		ask(t, &left, []string{"--id", id}, "orphans", "20")
		if len(left) != 0 {
			t.Errorf("PID 1 has not reaped:\n%s", strings.Join(left, "\n"))
		}
	})
}

func TestKernelPID1(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		var got report
		ask(t, &got, []string{"--id", id, "--pid1", "payload"}, "report")
		if got.Pid != 1 || !slices.Equal(got.Pids, []string{"/proc/1"}) {
			t.Errorf("the payload is %d of %q, want PID 1 and alone", got.Pid, got.Pids)
		}
		ask(t, &got, []string{"--id", id}, "report")
		if got.Pid == 1 {
			t.Error("the payload is PID 1 without --pid1 payload")
		}
	})
}

// TestKernelKilled kills procjail at every moment of a start, and while the
// payload runs. A payload that has children of its own, in sessions of their
// own, is the worst of the cases.
func TestKernelKilled(t *testing.T) {
	const script = `setsid sleep 60 & (setsid sleep 60 &) ; trap '' HUP INT TERM; echo ready; sleep 60`
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for _, pid1 := range []string{"init", "payload"} {
			t.Run(pid1, func(t *testing.T) {
				for i := range 50 {
					if testing.Short() && i%7 != 0 {
						continue
					}
					cmd := exec.Command(kerneltest.Binary(t), "-q", "--id", id, "--pid1", pid1, "sh", "-c", script)
					out, err := cmd.StdoutPipe()
					if err != nil {
						t.Fatal(err)
					}
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					if i%5 == 4 {
						_, _ = out.Read(make([]byte, 16))
					} else {
						time.Sleep(time.Duration(i) * 300 * time.Microsecond)
					}
					_ = cmd.Process.Kill()
					_ = cmd.Wait()
					kerneltest.NobodyLeft(t)
				}
			})
		}
	})
}

// TestKernelUntie: a payload that is PID 1 dies with procjail only by the parent
// death signal, which it must not be able to take back.
func TestKernelUntie(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		var got map[string]string
		ask(t, &got, []string{"--id", id, "--pid1", "payload"}, "attack", "untie")
		if got["none"] != "EPERM" || got["other"] != "EPERM" || got["kill"] != "ok" {
			t.Errorf("prctl(PR_SET_PDEATHSIG): %v, want EPERM but for SIGKILL", got)
		}
	})
}

// TestKernelPID1Killed: the jail ends, and procjail says so, when something
// outside kills PID 1.
func TestKernelPID1Killed(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		w, payload := startWaiting(t, "--id", id)
		init := kerneltest.Parent(payload)
		if init <= 1 || init == w.Cmd.Process.Pid {
			t.Fatalf("PID 1 is %d", init)
		}
		if err := unix.Kill(init, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if code := w.End(); code != 128+9 {
			t.Errorf("exit %d, want 137", code)
		}
	})
}
