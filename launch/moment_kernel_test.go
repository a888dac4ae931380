package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// stepBound is the time in which a jail has ended that was killed at one of its
// steps.
const stepBound = 10 * time.Second

// momentPlans are the starts that are held up at each of their steps.
var momentPlans = map[string]struct {
	needs  kerneltest.Feature
	change func(*plan.Spec)
}{
	"self":     {kerneltest.UserNamespaces, func(s *plan.Spec) { s.Forward = true }},
	"subid":    {kerneltest.SubordinateIDs, func(s *plan.Spec) { s.Forward, s.ID = true, userns.SubID }},
	"pid1":     {kerneltest.UserNamespaces, func(s *plan.Spec) { s.Forward, s.Init = true, profiles.PID1Payload }},
	"terminal": {kerneltest.UserNamespaces, func(s *plan.Spec) { s.Forward, s.TTY = true, plan.TTYAlways }},
}

// TestKernelMoments holds a start up at each of its steps in turn, and there
// kills the supervisor, PID 1 or the payload, or lets the time run out. Every
// held-up process is as one that was stopped. Each time the jail ends.
//
// The step is exchanged for a pause(2). Each moment is a process of its own.
func TestKernelMoments(t *testing.T) {
	kerneltest.Unprivileged(t)
	kerneltest.Require(t, kerneltest.UserNamespaces)
	every := everyNth(7)                       // another one for each plan and act
	slow := filepath.Join(t.TempDir(), "slow") // in place of newuidmap(1)
	if err := os.WriteFile(slow, []byte("#!/bin/sh\nsleep 0.5\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tt := range momentPlans {
		t.Run(name, func(t *testing.T) {
			kerneltest.Require(t, tt.needs)
			kerneltest.Clean(t)
			n := len(strict(t, []string{"/bin/sleep", "1000"}, tt.change).Entries)
			for k, act := range []string{"supervisor", "init", "payload", "timeout"} {
				for i := (k*2 + len(name)) % every; i < n; i += every {
					moment(t, name, act, i, slow)
				}
			}
		})
	}
}

// everyNth is of how many steps or faults one is tried: n in make test, each in
// make test-faults, and few with -short.
func everyNth(n int) int {
	switch {
	case os.Getenv("PROCJAIL_FAULTS") != "":
		return 1
	case testing.Short():
		return 10*n + 1
	}
	return n
}

func moment(t *testing.T, name, act string, i int, slow string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestMomentInside$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), fmt.Sprintf("PROCJAIL_MOMENT=%s %s %d %s", name, act, i, slow))
	cmd.Stdin = nil
	out, err := cmd.CombinedOutput()
	where := fmt.Sprintf("%s, %s at step %d", name, act, i+1)
	var exit *exec.ExitError
	switch {
	case act == "supervisor" && errors.As(err, &exit) && exit.ProcessState.Sys().(interface{ Signaled() bool }).Signaled():
	case act != "supervisor" && err == nil:
	default:
		t.Errorf("%s: %v\n%s", where, err, out)
	}
	kerneltest.NobodyLeft(t, where)
}

// TestMomentInside is the process that is killed, or kills.
func TestMomentInside(t *testing.T) {
	f := strings.Fields(os.Getenv("PROCJAIL_MOMENT"))
	if len(f) != 4 {
		t.Skip("run by TestKernelMoments")
	}
	act := f[1]
	i, _ := strconv.Atoi(f[2])
	p := strict(t, []string{"/bin/sleep", "1000"}, momentPlans[f[0]].change)
	if i < len(p.Entries) && p.Entries[i].Stage == plan.Supervisor && i > waitOf(p) { // which comes after the payload's end
		p = strict(t, []string{"/bin/true"}, momentPlans[f[0]].change)
	}
	prog, err := encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if i >= len(p.Entries) { // it differs by what the standard streams are
		if act == "supervisor" {
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		return
	}
	e := p.Entries[i]
	switch s := e.Step.(type) {
	case plan.SignalMask, plan.SchedSetaffinity, plan.Clone3, plan.Forward, plan.WriteMap, plan.Socketpair, plan.ReceiveFD, plan.Waitid:
		if e.Stage != plan.Supervisor {
			break
		}
		if act == "supervisor" {
			_ = unix.Kill(os.Getpid(), unix.SIGKILL) // nothing to hold up, or nothing yet
		}
		return
	case plan.Newidmap:
		held := *p
		held.Entries = append([]plan.Entry(nil), p.Entries...)
		s.Program = f[3]
		held.Entries[i].Step = s
		if prog, err = encode(&held); err != nil {
			t.Fatal(err)
		}
		p = &held
	default:
		if e.Stage == plan.Supervisor && act != "supervisor" {
			return // it would be this process that pauses
		}
		hold := op{nr: unix.SYS_PPOLL, want: -1, jump: prog.ops[i].jump} // without descriptors and end: pause(2) of every architecture
		if untied(p, i) {
			// Nothing tells it of the supervisor's end while it is held up there: it
			// finds out when it is tied the next time.
			wait := prog.arena.space(16)
			*(*unix.Timespec)(wait) = unix.Timespec{Nsec: 100e6}
			hold.args[2] = uint64(uintptr(wait))
		}
		prog.ops[i] = hold
	}
	if act == "supervisor" {
		go func() {
			awaitReached(p, prog, i)
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		}()
	}
	opt := Options{}
	if act == "timeout" {
		opt.Stopping = Stopping{Timeout: 20 * time.Millisecond, Grace: 5 * time.Millisecond}
	} else if act != "supervisor" {
		go func() {
			awaitReached(p, prog, i)
			// On a busy machine init may be there before the supervisor's thread has
			// noted who it is.
			clone := &prog.board.outcomes[cloneOf(p)].result
			for end := time.Now().Add(stepBound); atomic.LoadInt64(clone) == notRun && time.Now().Before(end); {
				time.Sleep(50 * time.Microsecond)
			}
			init := int(atomic.LoadInt64(clone))
			if init <= 0 { // the start has failed
				return
			}
			pid := init
			if act == "payload" && e.Stage == plan.Payload && p.Entries[len(p.Entries)-1].Stage != plan.Payload {
				text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", init, init))
				if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && n > 0 {
					pid = n
				}
			}
			_ = unix.Kill(pid, unix.SIGKILL)
			if pid != init { // by what is left of the start PID 1 may wait for it for ever
				time.Sleep(20 * time.Millisecond)
				_ = unix.Kill(init, unix.SIGKILL)
			}
		}()
	}
	began := time.Now()
	res, err := start(p, prog, opt)
	if took := time.Since(began); took > stepBound {
		t.Errorf("it took %v", took)
	}
	switch {
	case act == "timeout" && (err != nil || res.Reason != Timeout):
		t.Errorf("%+v, %v; want a timeout", res, err)
	case err == nil && act != "timeout" && res.Status.Signal() != unix.SIGKILL:
		t.Errorf("it ended with %#x", res.Status)
	}
}

// untied tells whether init has no parent death signal at entry i: it has not set
// one yet, or the kernel has cleared it with a change of ids or capabilities
// (prctl(2), PR_SET_PDEATHSIG).
func untied(p *plan.Plan, i int) bool {
	if p.Entries[i].Stage != plan.Init {
		return false
	}
	for i--; i >= 0; i-- {
		if p.Entries[i].Stage != plan.Init {
			continue
		}
		if s, ok := p.Entries[i].Step.(plan.Prctl); ok && s.Option.Bits == unix.PR_SET_PDEATHSIG {
			return false
		}
		switch name, _, _ := strings.Cut(plan.Spell(p.Entries[i].Step), "("); name {
		case "setresuid", "setresgid", "capset":
			return true
		}
	}
	return true
}

func waitOf(p *plan.Plan) int {
	for i := range p.Entries {
		if _, ok := p.Entries[i].Step.(plan.Waitid); ok {
			return i
		}
	}
	return -1
}

func cloneOf(p *plan.Plan) int {
	for i := range p.Entries {
		if _, ok := p.Entries[i].Step.(plan.Clone3); ok {
			return i
		}
	}
	return -1
}

// awaitReached waits until entry i is under way: what comes before it in its
// stage has a result.
func awaitReached(p *plan.Plan, prog *program, i int) {
	before := -1
	for k := i - 1; k >= 0 && before < 0; k-- {
		if p.Entries[k].Stage == p.Entries[i].Stage {
			before = k
		}
	}
	if before < 0 && p.Entries[i].Stage != plan.Supervisor {
		before = cloneOf(p)
	}
	for end := time.Now().Add(3 * stepBound); time.Now().Before(end); {
		if before < 0 || atomic.LoadInt64(&prog.board.outcomes[before].result) != notRun {
			break
		}
		time.Sleep(50 * time.Microsecond)
	}
	time.Sleep(500 * time.Microsecond)
}
