package life

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

const (
	// A shell says on standard error what a signal did to its child.
	stubborn = `exec 2>/dev/null; trap '' HUP INT QUIT TERM; echo ready; while :; do sleep 1; done`
	careful  = `exec 2>/dev/null; trap 'sleep 0.2; echo cleaned; exit 5' HUP INT QUIT TERM; echo ready; while :; do sleep 0.02; done`
	// Payloads that fork and end, and so do their children, for ever; and that
	// fork as much as they may.
	fleeing = `trap '' HUP INT QUIT TERM; X='sh -c "$X" & exit'; export X; echo ready; sh -c "$X" & sh -c "$X" & while :; do :; done 2>/dev/null`
	bomb    = `exec 2>/dev/null; trap '' HUP INT QUIT TERM; X='sh -c "$X" & sh -c "$X" & while :; do :; done'; export X; echo ready; sh -c "$X" & while :; do :; done`
)

// TestKernelStopping: whatever a payload does, procjail ends within a bound,
// with the right status and word.
func TestKernelStopping(t *testing.T) {
	kerneltest.Begin(t)
	const killed = 128 + 9
	for _, tt := range []struct {
		name    string
		options string
		payload []string
		send    []syscall.Signal // half a second apart
		code    int
		out     string // standard output, after "ready\n"
		err     string // an expression that standard error matches as a whole
		least   time.Duration
	}{
		{"timeout", "--timeout 500ms", sh("echo ready; exec sleep 100"), nil, 124, "", `procjail: timeout: stopped after 500ms\n`, 500 * time.Millisecond},
		{"timeout, with a trap", "--timeout 500ms", sh(careful), nil, 124, "cleaned\n", `procjail: timeout: stopped after 500ms\n`, 700 * time.Millisecond},
		{"timeout, ignored", "--timeout 500ms --stop-timeout 300ms", sh(stubborn), nil, 124, "", `procjail: timeout: .*500ms, and killed after another 300ms\n`, 800 * time.Millisecond},
		{"timeout, killed at once", "--timeout 500ms --stop-timeout 0s", sh(careful), nil, 124, "", `procjail: timeout: .*\n`, 500 * time.Millisecond},
		{"timeout, quiet", "-q --timeout 500ms", sh("echo ready; exec sleep 100"), nil, 124, "", "", 500 * time.Millisecond},
		{"timeout, not reached", "--timeout 1m", sh("echo ready; exit 3"), nil, 3, "", "", 0},
		{"timeout, stop signal", "--timeout 500ms --stop-signal INT", sh(`trap '' TERM; trap 'echo int; exit' INT; echo ready; while :; do sleep 0.02; done`), nil, 124, "int\n", `procjail: timeout: .*\n`, 0},
		{"timeout, real-time stop signal", "--timeout 500ms --stop-signal RTMIN+3", self(t, "echo", "alone"), nil, 0, "", ``, -1},
		{"timeout of the start itself", "--timeout 1ms --stop-timeout 0s", sh("exec sleep 100"), nil, 124, "", `procjail: timeout: stopped after 1ms.*\n`, -2},
		{"processor time", "--cpu-time 1s", sh(`echo ready; while :; do :; done`), nil, 124, "", `procjail: cpu-time: its 1s of processor time were used up.*\n`, time.Second / 2},
		{"SIGTERM", "", sh("echo ready; exec sleep 100"), []syscall.Signal{unix.SIGTERM}, 128 + 15, "", "", 0},
		{"SIGTERM, trap", "", sh(careful), []syscall.Signal{unix.SIGTERM}, 5, "cleaned\n", "", 0},
		{"SIGHUP, trap", "", sh(careful), []syscall.Signal{unix.SIGHUP}, 5, "cleaned\n", "", 0},
		{"SIGINT, trap", "", sh(careful), []syscall.Signal{unix.SIGINT}, 5, "cleaned\n", "", 0},
		{"SIGQUIT, trap", "", sh(careful), []syscall.Signal{unix.SIGQUIT}, 5, "cleaned\n", "", 0},
		{"SIGTERM, ignored", "--stop-timeout 300ms", sh(stubborn), []syscall.Signal{unix.SIGTERM}, killed, "", `procjail: interrupted: asked to end, and killed after another 300ms\n`, 300 * time.Millisecond},
		{"SIGTERM is the stop signal", "--stop-signal USR1", sh(`exec 2>/dev/null; trap 'echo term' TERM; trap 'echo usr1; exit 6' USR1; echo ready; while :; do sleep 0.02; done`), []syscall.Signal{unix.SIGTERM}, 6, "usr1\n", "", 0},
		{"second SIGINT", "", sh(stubborn), []syscall.Signal{unix.SIGINT, unix.SIGINT}, killed, "", `procjail: interrupted: .*\n`, 0},
		{"second SIGQUIT", "", sh(stubborn), []syscall.Signal{unix.SIGQUIT, unix.SIGQUIT}, killed, "", `procjail: interrupted: .*\n`, 0},
		{"SIGINT, then SIGTERM", "", sh(stubborn), []syscall.Signal{unix.SIGINT, unix.SIGTERM}, killed, "", `procjail: interrupted: .*\n`, 0},
		{"second SIGINT, without a grace", "--stop-timeout 0s", sh(stubborn), []syscall.Signal{unix.SIGINT, unix.SIGINT}, killed, "", `procjail: interrupted: .*\n`, 0},
		{"SIGINT, survived", "", sh(`trap 'echo int' INT; echo ready; i=0; while [ $i -lt 50 ]; do sleep 0.02; i=$((i+1)); done`), []syscall.Signal{unix.SIGINT}, 0, "int\n", "", 0},
		{"ignores everything", "--stop-timeout 200ms", self(t, "ignore"), []syscall.Signal{unix.SIGTERM}, killed, "", `procjail: interrupted: .*\n`, 0},
		{"stopped", "", sh(`trap 'echo term; exit 7' TERM; echo ready; kill -STOP $$; while :; do sleep 0.02; done`), []syscall.Signal{unix.SIGTERM}, 7, "term\n", "", 0},
		{"stopped, ignoring", "--stop-timeout 200ms", sh(`trap '' TERM; echo ready; while :; do kill -STOP $$; done`), []syscall.Signal{unix.SIGTERM}, killed, "", `procjail: interrupted: .*\n`, 0},
		{"stopped, timeout", "--timeout 500ms", sh(`echo ready; kill -STOP $$; sleep 100`), nil, 124, "", `procjail: timeout: .*\n`, 0},
		{"fork loop", "--timeout 700ms --stop-timeout 200ms", sh(fleeing), nil, 124, "", `procjail: timeout: .*\n`, 0},
		{"fork bomb", "--timeout 700ms --stop-timeout 200ms", sh(bomb), nil, 124, "", `(?s).*procjail: timeout: .*\n`, 0},
		{"traced", "--profile build --rw /tmp --timeout 700ms --stop-timeout 200ms", self(t, "traced"), nil, 124, "", `procjail: timeout: .*\n`, 0},
		{"PID 1", "--pid1 payload --stop-timeout 300ms", sh("echo ready; sleep 100; :"), []syscall.Signal{unix.SIGTERM}, killed, "", `procjail: interrupted: .*300ms: the payload is PID 1 and has no handler for SIGTERM, so that the kernel drops it \(pid_namespaces\(7\)\)\n`, 300 * time.Millisecond},
		{"PID 1, timeout", "--pid1 payload --timeout 500ms --stop-timeout 300ms", sh("echo ready; sleep 100; :"), nil, 124, "", `procjail: timeout: .*300ms: the payload is PID 1.*\n`, 0},
		{"PID 1, trap", "--pid1 payload", sh(careful), []syscall.Signal{unix.SIGTERM}, 5, "cleaned\n", "", 0},
		{"daemon left", "", sh(`setsid sleep 100 & echo ready; exit 4`), nil, 4, "", "", 0},
		{"standard output held", "", sh(`setsid sh -c 'trap "" HUP TERM; while :; do sleep 1; done' & echo ready; exit 4`), nil, 4, "", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kerneltest.Clean(t)
			if testing.Short() { // a start takes as long
				for _, text := range []*string{&tt.options, &tt.err} {
					*text = strings.NewReplacer("timeout 500ms", "timeout 2s", "timeout 700ms", "timeout 2s", "after 500ms", "after 2s", `.*500ms`, `.*2s`).Replace(*text)
				}
			}
			options := append([]string{"--allow-degraded", "cgroup,subid,landlock"}, strings.Fields(tt.options)...)
			switch tt.least {
			case -1: // a signal that the Go runtime handles by itself: only that it comes
				j := launchQuietly(t, nil, append(options, "--stop-timeout", "500ms"), tt.payload...)
				if code := j.end(); code != 124 || !strings.Contains(j.out.String(), "payload "+itoa(34+3)) {
					t.Errorf("exit %d, %q, %q", code, j.out, j.err)
				}
				return
			case -2: // no "ready"
				j := launchQuietly(t, nil, options, tt.payload...)
				if code := j.end(); code != tt.code || !regexp.MustCompile(`^(?:`+tt.err+`)$`).MatchString(j.err.String()) {
					t.Errorf("exit %d, %q", code, j.err)
				}
				return
			}
			j := launch(t, options, tt.payload...)
			for _, sig := range tt.send {
				time.Sleep(300 * time.Millisecond)
				j.signal(sig)
			}
			code := j.end()
			if took := time.Since(j.begun); took < tt.least {
				t.Errorf("it took %v, want at least %v", took, tt.least)
			}
			if code != tt.code {
				t.Errorf("exit %d, want %d", code, tt.code)
			}
			if got := strings.TrimPrefix(j.out.String(), "ready\n"); got != tt.out {
				t.Errorf("standard output %q, want %q", got, tt.out)
			}
			if !regexp.MustCompile(`^(?:` + tt.err + `)$`).MatchString(j.err.String()) {
				t.Errorf("standard error %q, want %q", j.err, tt.err)
			}
		})
	}
}

// TestKernelTwiceAtOnce: timeout(1) sends its signal to its child and then to
// its process group, in which the child is. That is one wish and not two.
func TestKernelTwiceAtOnce(t *testing.T) {
	kerneltest.Begin(t)
	for range kerneltest.Often(20, 20) {
		j := launch(t, []string{"-q"}, sh(careful)...)
		j.signal(unix.SIGTERM)
		time.Sleep(2 * time.Millisecond)
		j.signal(unix.SIGTERM)
		if code := j.end(); code != 5 || j.out.String() != "ready\ncleaned\n" {
			t.Fatalf("exit %d, %q: the payload was killed in its trap", code, j.out)
		}
	}
	out := kerneltest.RunCommand(t, wrap(t, "timeout", "1", kerneltest.Binary(t), "-q", "sh", "-c", careful))
	if out.Code != 124 || out.Stdout != "ready\ncleaned\n" {
		t.Errorf("timeout(1): %+v", out)
	}
}

// TestKernelStopEarly asks procjail to end at every moment of a start. The
// signal must not be lost between the processes that pass it on, or it would
// take the grace of ten seconds.
func TestKernelStopEarly(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for i := range kerneltest.Often(60, 500) {
			j := launchQuietly(t, nil, []string{"-q", "--id", id, "--stop-timeout", "1m"}, "sleep", "100")
			after := time.Duration(i%60) * 250 * time.Microsecond
			if testing.Short() {
				after = moment(10 * after)
			}
			time.Sleep(after)
			j.signal(unix.SIGTERM)
			if code := j.end(); code != 128+15 {
				t.Fatalf("after %v: exit %d, want 143; %q", after, code, j.err)
			}
		}
	})
}

// TestKernelSuspendEarly stops procjail, as ^Z does, at every moment of a start.
// It stops with all that it has made so far, and goes on from there.
func TestKernelSuspendEarly(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for i := range kerneltest.Often(60, 500) {
			after := time.Duration(i%60) * 250 * time.Microsecond
			if testing.Short() {
				after = moment(10 * after)
			}
			j := launchQuietly(t, nil, []string{"-q", "--id", id}, "sleep", "0.2")
			time.Sleep(after)
			j.signal(unix.SIGTSTP)
			pid := j.cmd.Process.Pid
			for end := time.Now().Add(bound); !strings.Contains("TZgone", state(pid)); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Errorf("after %v: procjail is in state %s, want T", after, state(pid))
					break
				}
			}
			j.signal(unix.SIGCONT)
			if code := j.end(); code != 0 {
				t.Fatalf("after %v: exit %d; %q", after, code, j.err)
			}
		}
	})
}
