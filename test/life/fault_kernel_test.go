package life

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// dice is a repeatable sequence of numbers from 0 to n-1 (an LCG of Knuth's).
type dice uint64

func (d *dice) roll(n int) int {
	*d = *d*6364136223846793005 + 1442695040888963407
	return int(uint64(*d)>>33) % n
}

// TestKernelFaultKills kills, or stops and then kills, the supervisor, PID 1 or
// the payload at a moment drawn by lot. `launch` has each single step.
func TestKernelFaultKills(t *testing.T) {
	kerneltest.Begin(t)
	kerneltest.Require(t, kerneltest.SubordinateIDs, kerneltest.NewIDMap)
	lot := dice(1)
	worst := time.Duration(0)
	for i := range kerneltest.Often(120, 2000) {
		options := []string{
			"-q", "--id", []string{"self", "subid"}[lot.roll(2)], "--pid1", []string{"init", "payload"}[lot.roll(2)],
			"--tty", []string{"auto", "always"}[lot.roll(2)], "--stop-timeout", "100ms",
		}
		target := []string{"supervisor", "init", "payload"}[lot.roll(3)]
		stop := lot.roll(3) == 0
		after := moment(time.Duration(lot.roll(25000)) * time.Microsecond)
		where := fmt.Sprintf("run %d %q: %s after %v, stopped first: %v", i, options, target, after, stop)

		j := launchQuietly(t, nil, options, sh(`setsid sleep 1000 & (setsid sleep 1000 &); trap '' HUP INT; exec sleep 1000`)...)
		time.Sleep(after)
		pid := j.cmd.Process.Pid
		for _, below := range []string{"init", "payload"} {
			if target == "supervisor" || target == "init" && below == "payload" {
				break
			}
			if list := kerneltest.Children(pid); len(list) > 0 {
				pid = list[0]
			}
		}
		began := time.Now()
		if stop {
			_ = unix.Kill(pid, unix.SIGSTOP)
			time.Sleep(time.Duration(lot.roll(3000)) * time.Microsecond)
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil || target == "payload" {
			// Not the caller's, or the start had not come so far. The supervisor ends it.
			j.signal(unix.SIGTERM)
		}
		j.end()
		kerneltest.NobodyLeft(t)
		worst = max(worst, time.Since(began))
		if t.Failed() {
			t.Fatal(where)
		}
		if s := j.err.String(); s != "" && !regexp.MustCompile(`^(procjail: (error|cause|remedy): .*\n)+$`).MatchString(s) {
			t.Errorf("%s: %q", where, s)
		}
	}
	t.Logf("the longest end took %v", worst)
}

// TestKernelFaultStraced stops the supervisor before each system call that it
// makes, by an injected delay, and kills it there.
func TestKernelFaultStraced(t *testing.T) {
	kerneltest.Begin(t)
	kerneltest.Require(t, kerneltest.Strace)
	// Only the supervisor's own calls, from its clone on.
	for when := 1; when <= kerneltest.Often(6, 40); when++ {
		for _, call := range []string{"clone3", "write", "close", "rt_sigaction", "ppoll", "recvmsg"} {
			if call == "clone3" && when > 1 {
				continue
			}
			where := fmt.Sprintf("%s no. %d", call, when)
			cmd := exec.Command("strace", "-f", "-o", "/dev/null", "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:delay_enter=%d:when=%d", call, moment(200*time.Millisecond).Microseconds(), when),
				kerneltest.Binary(t), "-q", "--id", "self", "sleep", "1000")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(moment(60 * time.Millisecond))
			done := make(chan struct{})
			go func() {
				_ = cmd.Wait()
				close(done)
			}()
			for end, over := time.Now().Add(bound), false; !over; {
				for _, pid := range kerneltest.Children(cmd.Process.Pid) { // it may have come to its child only now
					_ = unix.Kill(pid, unix.SIGKILL)
				}
				select {
				case <-done:
					over = true
				case <-time.After(time.Second):
				}
				if !over && time.Now().After(end) {
					_ = cmd.Process.Kill()
					<-done
					over = true
					t.Errorf("%s: it has not ended", where)
				}
			}
			kerneltest.NobodyLeft(t)
		}
	}
}

// TestKernelFaultWithout: procjail without descriptors, memory, disk, or anywhere
// to say so. It says which call failed, or runs, and leaves nothing.
func TestKernelFaultWithout(t *testing.T) {
	kerneltest.Begin(t)
	said := regexp.MustCompile(`(?m)^procjail: error: .*(EMFILE|ENFILE|ENOMEM|EAGAIN|ENOSPC|too many open files|cannot allocate memory|ENOENT|EBADF|RLIMIT_DATA.*EPERM).*$`)
	for n := 3; n <= max(14, kerneltest.Often(14, 40)); n++ {
		for _, options := range []string{"", "--tty always"} {
			got := kerneltest.RunCommand(t, wrap(t, "sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" -q --id self %s true`, n, options), kerneltest.Binary(t)))
			if got.Code != 0 && (got.Code != 125 || !said.MatchString(got.Stderr)) {
				t.Errorf("ulimit -n %d, %s: %+v", n, options, got)
			}
		}
	}
	for kb := 1 << 10; kb <= 1<<19; kb *= 2 {
		for _, what := range []string{"v", "d"} {
			got := kerneltest.RunCommand(t, wrap(t, "sh", "-c", fmt.Sprintf(`ulimit -%s %d; exec "$0" -q --id self true`, what, kb), kerneltest.Binary(t)))
			switch {
			case got.Code == 0, got.Code == 125 && said.MatchString(got.Stderr):
			case got.Code == 2 && strings.Contains(got.Stderr, "runtime"), got.Code == 127, got.Signal != 0, got.Code >= 128: // the Go runtime's own end
			default:
				t.Errorf("ulimit -%s %d: %+v", what, kb, got)
			}
		}
	}
	for _, tt := range []struct {
		redirect, argv string
		code           int
	}{
		{">&-", "true", 0},
		{"2>&-", "true", 0},
		{"<&- >&- 2>&-", "true", 0},
		{">/dev/full", "true", 0},
		{">/dev/full", "echo x", 1},
		{"2>/dev/full", "sh -c 'exit 3'", 3},
		{"2>/dev/full", "--ro /nonexistent true", 125},
		{"2>&-", "--ro /nonexistent true", 125},
		{"2>/dev/full", "-v sh -c 'exit 3'", 3},
		{"2>/dev/full", "--timeout 100ms sleep 100", 124},
		{">/dev/full 2>&1", "--tty always sh -c 'echo x; sleep 0.2; exit 3'", -1},
		{">/dev/full", "--dry-run true", 125},
	} {
		got := kerneltest.RunCommand(t, wrap(t, "sh", "-c", `exec "$0" --id self `+strings.Replace(tt.argv, "sh -c", "-- sh -c", 1)+" "+tt.redirect, kerneltest.Binary(t)))
		if tt.code >= 0 && got.Code != tt.code || got.Signal != 0 {
			t.Errorf("%s %s: %+v, want %d", tt.argv, tt.redirect, got, tt.code)
		}
	}
}

// TestKernelFaultDisk: the directory in which an overlay keeps what is changed is
// full.
func TestKernelFaultDisk(t *testing.T) {
	kerneltest.Begin(t)
	// A full file system of the caller's own, in a user namespace; procjail in it.
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lower"), 0o777); err != nil {
		t.Fatal(err)
	}
	script := `mount -t tmpfs -o size=64k,nr_inodes=12 none "$1/state" && { cat /dev/zero >"$1/state/full" 2>/dev/null; i=0
		while true 2>/dev/null >"$1/state/f$i"; do i=$((i+1)); [ $i -lt 100 ] || break; done
		XDG_STATE_HOME=$1/state exec "$0" --id self --overlay "$1/lower" -- sh -c "echo x >$1/lower/file"; }`
	_ = os.Mkdir(filepath.Join(dir, "state"), 0o777)
	got := kerneltest.RunCommand(t, wrap(t, "unshare", "-Um", "--map-current-user", "--keep-caps", "sh", "-c", script, kerneltest.Binary(t), dir))
	if got.Code == 0 || !strings.Contains(got.Stderr, "procjail: error: ") && !strings.Contains(got.Stderr, "No space left") {
		t.Errorf("%+v", got)
	}
	t.Logf("%+v", got)
}

// TestKernelFaultMany starts jails all at once and kills every other of the
// supervisors at once.
func TestKernelFaultMany(t *testing.T) {
	kerneltest.Begin(t)
	n := kerneltest.Often(60, 200)
	lot := dice(7)
	var jails []*jail
	for range n {
		jails = append(jails, launchQuietly(t, nil, []string{"-q", "--id", "self"}, "sleep", "1000"))
	}
	time.Sleep(time.Duration(lot.roll(300)) * time.Millisecond)
	for i, j := range jails {
		j.signal([]unix.Signal{unix.SIGKILL, unix.SIGTERM}[i%2])
	}
	for i, j := range jails {
		if code := j.end(); i%2 == 1 && code != 128+15 && (code != 125 || j.err.String() == "") {
			t.Errorf("jail %d: exit %d, %q", i, code, j.err)
		}
	}
	kerneltest.NobodyLeft(t)
}

// TestKernelScale starts 100 jails at once, and in make test-faults 300 and
// 1,000, lets them live together, and ends them. The time for each is to be the
// same.
func TestKernelScale(t *testing.T) {
	kerneltest.Begin(t)
	sizes := []int{kerneltest.Often(20, 100), kerneltest.Often(50, 300), kerneltest.Often(100, 1000)}
	var x, y []float64
	for _, n := range sizes {
		var wait sync.WaitGroup
		began := time.Now()
		procs := make([]*exec.Cmd, n)
		streams := make([]*os.File, n)
		errs := make([]bytes.Buffer, n)
		for i := range n {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(kerneltest.Binary(t), "-q", "--id", "self", "--profile", "strict", "sh", "-c", "echo; read x; exit 7")
			cmd.Stdin, cmd.Stderr = r, &errs[i]
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			r.Close()
			procs[i], streams[i] = cmd, w
			wait.Add(1)
			go func() {
				defer wait.Done()
				_, _ = out.Read(make([]byte, 1))
			}()
		}
		wait.Wait()
		started := time.Since(began)
		for _, w := range streams {
			w.Close()
		}
		failed := map[string]int{}
		for i, cmd := range procs {
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 7 {
				failed[fmt.Sprintf("exit %d: %s", code, errs[i].String())]++
			}
		}
		took := time.Since(began)
		t.Logf("%d jails: all run after %v, all have ended after %v: %v each", n, started.Round(time.Millisecond), took.Round(time.Millisecond), (took / time.Duration(n)).Round(time.Microsecond))
		for what, k := range failed {
			if strings.Contains(what, "procjail: error: ") {
				t.Logf("%d named failures: %s", k, what)
			} else {
				t.Errorf("%d failures that are not named: %s", k, what)
			}
		}
		x, y = append(x, math.Log(float64(n))), append(y, math.Log(took.Seconds()))
	}
	slope := (y[2] - y[0]) / (x[2] - x[0])
	t.Logf("slope: time grows with the number to the power of %.2f", slope)
	if slope > 1.5 && !testing.Short() { // a few tell nothing
		t.Errorf("slope %.2f", slope)
	}
}

// TestKernelFaultNotEnding: a jail that cannot end, since somebody outside traces
// its payload and does not let go, is named and left to the kernel.
func TestKernelFaultNotEnding(t *testing.T) {
	if kerneltest.Often(0, 1) == 0 {
		t.Skip("ten seconds: make test-faults")
	}
	kerneltest.Begin(t)
	kerneltest.Require(t, kerneltest.Strace)
	j := launch(t, []string{"-q", "--id", "self", "--profile", "build", "--rw", "/tmp"}, sh("echo ready; sleep 1000 & wait")...)
	tracer := exec.Command("strace", "-f", "-o", "/dev/null", "-p", itoa(j.payload()))
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	_ = tracer.Process.Signal(unix.SIGSTOP)
	time.Sleep(100 * time.Millisecond)
	j.signal(unix.SIGINT)
	time.Sleep(300 * time.Millisecond)
	j.signal(unix.SIGINT)
	select {
	case <-j.done:
	case <-time.After(3 * bound):
		t.Error("procjail waits for ever")
	}
	if !strings.Contains(j.err.String(), "has not ended after 10s") {
		t.Errorf("%q", j.err)
	}
	_ = tracer.Process.Signal(unix.SIGCONT)
	_ = tracer.Process.Kill()
	_ = tracer.Wait()
	j.end()
	kerneltest.NobodyLeft(t)
}
