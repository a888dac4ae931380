package life

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// duty is one of PID 1's. Its check fails without it, which TestKernelDuties
// shows by a procjail whose PID 1 has other machine code in that one place.
type duty struct {
	name  string
	check func(t *testing.T, procjail string) error
	// without is the code that fulfils the duty (launch/stub_amd64.s), and what is
	// put in its place. Each code is found once in the program.
	without [][2]string
}

var duties = []duty{
	{"reaps orphans", reaps, [][2]string{{"\x7f\xd0\x48\xc7\xc0\x0f\x01\x00\x00", "\x7f\x00\x48\xc7\xc0\x0f\x01\x00\x00"}}},                            // JG reap: one for each SIGCHLD
	{"forwards signals to the group", forwards, [][2]string{{"\x4c\x89\xef\x48\xf7\xdf\x8b\x74\x24\x40", "\x4c\x89\xef\x90\x90\x90\x8b\x74\x24\x40"}}}, // no NEGQ DI
	{"is not killed by the payload", notKilled, [][2]string{{"\x83\x7c\x24\x48\x00\x7f", "\x83\x7c\x24\x48\x00\x90"}, {"\x83\x7c\x24\x40\x11\x0f\x84", "\x83\x7c\x24\x40\x0a\x0f\x84"}}},
	{"says that the payload is stopped", stopsToo, [][2]string{{"\xc7\xc2\x03\x00\x00\x40", "\xc7\xc2\x01\x00\x00\x40"}}},                                          // no WUNTRACED
	{"ends when the payload ends", endsWithPayload, [][2]string{{"\x48\xc7\xc0\xe7\x00\x00\x00\x0f\x05\xeb\xf5", "\x48\xc7\xc0\x22\x00\x00\x00\x0f\x05\xeb\xf5"}}}, // pause(2)
	{"passes the exact status", exactStatus, [][2]string{{"\x48\x8d\x4b\x01", "\x48\x8d\x4b\x02"}}},                                                                // one too many
}

// TestKernelDuties holds PID 1 to each of its duties, and each test to that it
// fails without the duty.
func TestKernelDuties(t *testing.T) {
	for _, d := range duties {
		t.Run(d.name, func(t *testing.T) {
			kerneltest.Begin(t)
			if err := d.check(t, kerneltest.Binary(t)); err != nil {
				t.Error(err)
			}
			if runtime.GOARCH != "amd64" || d.without == nil || testing.Short() {
				return
			}
			t.Run("without", func(t *testing.T) {
				kerneltest.Clean(t)
				if err := d.check(t, altered(t, d.without)); err == nil {
					t.Error("nothing fails without the duty")
				} else {
					t.Log("without it:", err)
				}
			})
		})
	}
}

// altered is a copy of procjail with other machine code.
func altered(t *testing.T, changes [][2]string) string {
	t.Helper()
	program, err := os.ReadFile(kerneltest.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.Index(program, []byte("\xeb\xf5procjail")) // JMP exit, and the mark
	if end < 0 {
		t.Fatal("no code of PID 1's in procjail")
	}
	stub := program[end-700 : end+2]
	for _, c := range changes {
		if n := bytes.Count(stub, []byte(c[0])); n != 1 {
			t.Fatalf("% x is %d times in PID 1's code: it was changed, and so must this test be", c[0], n)
		}
		copy(stub[bytes.Index(stub, []byte(c[0])):], c[1])
	}
	name := filepath.Join(t.TempDir(), "procjail")
	if err := os.WriteFile(name, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// run runs a procjail and gives it a time.
func run(t *testing.T, procjail string, limit time.Duration, act func(j *jail), options []string, argv ...string) (*jail, int, error) {
	t.Helper()
	cmd := kerneltest.Command(t, append(append(options, "--"), argv...)...)
	cmd.Path = procjail
	j := &jail{t: t, cmd: cmd, out: &buffer{}, err: &buffer{}, done: make(chan struct{}), begun: time.Now()}
	cmd.Stdout, cmd.Stderr = j.out, j.err
	// Whatever this test is run by: an orphaned group takes no SIGTSTP (setpgid(2)).
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	go func() {
		_ = cmd.Wait()
		close(j.done)
	}()
	if act != nil {
		act(j)
	}
	select {
	case <-j.done:
		return j, cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		_ = cmd.Process.Kill()
		<-j.done
		return j, 0, fmt.Errorf("it has not ended after %v: %q %q", limit, j.out, j.err)
	}
}

// reaps: a shell leaves 10,000 zombies (with -short 1,000), and there never are
// more than a few.
func reaps(t *testing.T, procjail string) error {
	script := `
i=0; most=0
while [ $i -lt ` + itoa(kerneltest.Often(100, 100)) + ` ]; do
	j=0
	while [ $j -lt 100 ]; do (: & :); j=$((j+1)); done
	set -- /proc/[0-9]*; [ $# -le $most ] || most=$#
	i=$((i+1))
done
n=0; while set -- /proc/[0-9]*; [ $# -gt 2 ] && [ $n -lt 100 ]; do sleep 0.02; n=$((n+1)); done
echo $# $most`
	j, code, err := run(t, procjail, 3*bound, nil, []string{"-q", "--id", "self", "--profile", profile(t, "pids = 1000")}, sh(script)...)
	if err != nil {
		return err
	}
	var left, most int
	if _, err := fmt.Sscan(j.out.String(), &left, &most); err != nil || code != 0 {
		return fmt.Errorf("exit %d, %q, %q", code, j.out, j.err)
	}
	t.Logf("of all orphans at most %d processes were there at once", most)
	if left > 2 || most > 200 {
		return fmt.Errorf("%d processes are left, and %d were there at once", left, most)
	}
	return nil
}

// profile writes one that extends strict by limits.
func profile(t *testing.T, limits string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p.toml")
	if err := os.WriteFile(name, []byte("extends = \"strict\"\n[limits]\n"+limits+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// forwards: every signal that procjail passes on reaches the payload and its
// child, once.
func forwards(t *testing.T, procjail string) error {
	list := []unix.Signal{
		unix.SIGINT, unix.SIGHUP, unix.SIGABRT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGSTKFLT, unix.SIGCONT,
		unix.SIGVTALRM, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR, unix.SIGTSTP,
	}
	for sig := unix.Signal(35); sig <= 64; sig++ {
		list = append(list, sig)
	}
	// Two of these would kill.
	for _, part := range [][]unix.Signal{list, {unix.SIGQUIT}, {unix.SIGTERM}} {
		if err := forwardsEach(t, procjail, part, self(t, "echo")); err != nil {
			return err
		}
	}
	// A program of Go's cannot take 34.
	return forwardsEach(t, procjail, []unix.Signal{34}, []string{"bash", "-c", `exec 2>/dev/null
		bash -c 'trap "echo child 34" 34; echo ready; while :; do sleep 0.02; done' &
		trap "echo payload 34" 34; while :; do sleep 0.02; done`})
}

func forwardsEach(t *testing.T, procjail string, list []unix.Signal, argv []string) error {
	var fault error
	_, _, err := run(t, procjail, bound, func(j *jail) {
		defer func() { _ = j.cmd.Process.Kill() }()
		j.until("ready\n")
		count := func(who string, sig unix.Signal) int {
			return strings.Count("\n"+j.out.String(), "\n"+who+" "+itoa(int(sig))+"\n")
		}
		for _, sig := range list {
			j.signal(sig)
			for end := time.Now().Add(5 * time.Second); count("payload", sig) == 0 || count("child", sig) == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					fault = fmt.Errorf("signal %d came to the payload %d times, to its child %d times", sig, count("payload", sig), count("child", sig))
					return
				}
			}
		}
		for _, sig := range list {
			if n := count("payload", sig); n > 1 {
				fault = fmt.Errorf("signal %d came %d times", sig, n)
			}
		}
	}, []string{"-q", "--stop-timeout", "1m"}, argv...)
	return cmp.Or(fault, err)
}

// notKilled: nothing that the payload sends to PID 1 ends it, or comes back.
func notKilled(t *testing.T, procjail string) error {
	for _, argv := range [][]string{self(t, "all-to-1"), sh("for s in 1 2 3 9 15 19 34; do kill -$s 1; kill -$s -1; done 2>/dev/null; exit 42")} {
		j, code, err := run(t, procjail, bound, nil, []string{"-q"}, argv...)
		if err != nil {
			return err
		}
		if code != 42 || j.err.String() != "" {
			return fmt.Errorf("exit %d, want 42: %q", code, j.err)
		}
	}
	return nil
}

// stopsToo: SIGTSTP stops the payload and procjail, SIGCONT lets both go on.
func stopsToo(t *testing.T, procjail string) error {
	var fault error
	_, code, err := run(t, procjail, bound, func(j *jail) {
		j.until("ready\n")
		payload := j.payload()
		for i := 0; i < 100 && fault == nil; i++ {
			j.signal(unix.SIGTSTP)
			for end := time.Now().Add(bound / 2); state(payload) != "T" || state(j.cmd.Process.Pid) != "T"; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					fault = fmt.Errorf("the payload is in state %s, procjail in %s, want both T", state(payload), state(j.cmd.Process.Pid))
					break
				}
			}
			j.signal(unix.SIGCONT)
			awaitState(t, payload, "SR")
			awaitState(t, j.cmd.Process.Pid, "SR")
		}
		j.signal(unix.SIGUSR1)
	}, []string{"-q"}, sh("trap 'exit 6' USR1; echo ready; while :; do :; done")...) // a shell that waits in vfork(2) cannot stop
	if fault == nil && err == nil && code != 6 {
		fault = fmt.Errorf("exit %d, want 6", code)
	}
	if fault != nil {
		return fault
	}
	return err
}

// endsWithPayload: what the payload has left does not hold the jail. The supervisor ends
// one that is held a second later, so the quickest of three runs counts.
func endsWithPayload(t *testing.T, procjail string) error {
	quickest := bound
	for range 3 {
		began := time.Now()
		_, code, err := run(t, procjail, bound/2, nil, []string{"-q"},
			sh(`for i in 1 2 3; do setsid sh -c 'trap "" HUP INT TERM; while :; do sleep 1; done' & done; exit 42`)...)
		switch {
		case err != nil:
			return err
		case code != 42:
			return fmt.Errorf("exit %d, want 42", code)
		}
		quickest = min(quickest, time.Since(began))
	}
	if quickest > 900*time.Millisecond {
		return fmt.Errorf("it took %v", quickest)
	}
	return nil
}

// exactStatus: all exit statuses, and the signals that end a process.
func exactStatus(t *testing.T, procjail string) error {
	check := func(script string, want int) error {
		j, code, err := run(t, procjail, bound, nil, []string{"-q"}, sh(script)...)
		if err == nil && (code != want || j.out.String() != "") {
			err = fmt.Errorf("%s: exit %d, want %d: %q %q", script, code, want, j.out, j.err)
		}
		return err
	}
	for code := range 256 {
		if testing.Short() && code%17 != 0 {
			continue
		}
		if err := check("exit "+itoa(code), code); err != nil {
			return err
		}
	}
	harmless := []unix.Signal{unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, unix.SIGCONT}
	stops := []unix.Signal{unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU}
	for sig := unix.Signal(1); sig <= 64; sig++ {
		want := 128 + int(sig)
		switch {
		case slices.Contains(stops, sig), sig == 32, sig == 33: // glibc's own two
			continue
		case slices.Contains(harmless, sig):
			want = 7
		}
		if err := check("kill -"+strconv.Itoa(int(sig))+" $$; exit 7", want); err != nil {
			return err
		}
	}
	return nil
}

// TestKernelStopAndContinue stops each process of a jail from outside for a
// while, and then ends it: it goes on as if nothing had been.
func TestKernelStopAndContinue(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		j := launch(t, []string{"-q", "--id", id}, sh(careful)...)
		supervisor, init1, payload := j.cmd.Process.Pid, j.init1(), j.payload()
		for _, pid := range []int{supervisor, init1, payload, supervisor} {
			if id == "subid" && pid == payload { // not the caller's
				continue
			}
			// The SIGCONT before may still be on its way from one to the next.
			for end := time.Now().Add(bound); state(pid) != "T" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			awaitState(t, pid, "T")
			if pid == payload { // who is stopped by others stops nobody
				time.Sleep(50 * time.Millisecond)
				if s := state(supervisor); s == "T" {
					t.Error("procjail is stopped with the payload")
				}
			}
			if err := unix.Kill(pid, unix.SIGCONT); err != nil {
				t.Fatal(err)
			}
			awaitState(t, pid, "SR")
		}
		j.signal(unix.SIGTERM)
		if code := j.end(); code != 5 || j.out.String() != "ready\ncleaned\n" {
			t.Errorf("exit %d, %q, %q", code, j.out, j.err)
		}
	})
}

// TestKernelStoppedInit: with PID 1 stopped from outside, nothing that procjail
// does depends on it.
func TestKernelStoppedInit(t *testing.T) {
	kerneltest.Begin(t)
	for _, options := range [][]string{{"--timeout", moment(700 * time.Millisecond).String(), "--stop-timeout", "200ms"}, {"--stop-timeout", "200ms"}} {
		j := launch(t, append([]string{"-q"}, options...), sh(stubborn)...)
		if err := unix.Kill(j.init1(), unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		want := 124
		if len(options) == 2 {
			want = 128 + 9
			j.signal(unix.SIGTERM)
		}
		if code := j.end(); code != want {
			t.Errorf("%q: exit %d, want %d; %q", options, code, want, j.err)
		}
	}
}
