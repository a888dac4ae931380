package life

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelIgnored: a signal that was ignored when procjail was started is
// neither handled nor passed on, and the payload starts with it ignored, as any
// program does.
func TestKernelIgnored(t *testing.T) {
	kerneltest.Begin(t)
	kerneltest.RequirePrograms(t, "nohup")
	for _, tt := range []struct {
		name    string
		script  string // runs "$@" and prints its number
		ignored []syscall.Signal
	}{
		{"nothing", `echo $$; exec "$@"`, nil},
		{"nohup", `echo $$; exec nohup "$@"`, []syscall.Signal{unix.SIGHUP}},
		{"in the background", `"$@" & echo $!; wait $!`, []syscall.Signal{unix.SIGINT, unix.SIGQUIT}},
		{"nohup in the background", `nohup "$@" & echo $!; wait $!`, []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT}},
		{"trap", `trap '' TERM USR2; echo $$; exec "$@"`, []syscall.Signal{unix.SIGUSR2, unix.SIGTERM}},
	} {
		for _, pid1 := range []string{"init", "payload"} {
			t.Run(tt.name+"/"+pid1, func(t *testing.T) {
				kerneltest.Clean(t)
				procjail := []string{"-c", tt.script, "sh", kerneltest.Binary(t), "-q", "--pid1", pid1, "--stop-timeout", "1m", "--"}
				start := func(payload ...string) (j *jail, pid int) {
					cmd := wrap(t, "sh", slices.Concat(procjail, payload)...)
					cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
					j = follow(t, cmd)
					t.Cleanup(func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
					j.until("\n")
					pid, err := strconv.Atoi(strings.TrimSpace(strings.SplitAfter(j.out.String(), "\n")[0]))
					if err != nil {
						t.Fatalf("%q %q", j.out, j.err)
					}
					return j, pid
				}

				j, _ := start("grep", "SigIgn", "/proc/self/status")
				j.end()
				mask := inherited(t)
				for _, sig := range tt.ignored {
					mask |= 1 << (sig - 1)
				}
				if want := fmt.Sprintf("SigIgn:\t%016x\n", mask); !strings.HasSuffix(j.out.String(), want) {
					t.Errorf("the payload starts with %q, want %q", j.out, want)
				}

				j, pid := start(self(t, "echo", "alone")...)
				j.until("ready\n")
				for range 2 { // a second SIGINT would kill the jail
					for _, sig := range tt.ignored {
						if err := unix.Kill(pid, sig); err != nil {
							t.Fatalf("%v: %v", sig, err)
						}
					}
					time.Sleep(200 * time.Millisecond)
				}
				want := "ready\n"
				for _, sig := range []syscall.Signal{unix.SIGUSR1, unix.SIGWINCH, unix.SIGHUP, unix.SIGINT} {
					if !slices.Contains(tt.ignored, sig) {
						want += "payload " + itoa(int(sig)) + "\n"
						_ = unix.Kill(pid, sig)
						j.until(want)
					}
				}
				if !strings.HasSuffix(j.out.String(), "\n"+want) {
					t.Errorf("the payload got %q, want %q; standard error %q", j.out, want, j.err)
				}
				_ = unix.Kill(pid, unix.SIGKILL)
				j.end()
				kerneltest.NobodyLeft(t)
			})
		}
	}
}

// inherited are 32 and 33 where whoever started the test ignores them: those are the C
// library's, whose posix_spawn(3) leaves them so.
func inherited(t testing.TB) uint64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nSigIgn:\t")
	n, err := strconv.ParseUint(rest[:16], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n & (1<<31 | 1<<32)
}
