package launch

import (
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/internal/sys"
)

// Stopping is how and when a payload is made to end.
type Stopping struct {
	Timeout time.Duration // wall time until it is stopped; 0: none
	CPUTime time.Duration // processor time of the whole jail, where it has a cgroup; 0: none
	Signal  unix.Signal   // what it is sent first; 0: SIGTERM
	Grace   time.Duration // until it is killed after that; 0: at once
}

// killedTime is how long a jail may take to end once it was killed. Only a
// process that waits for a device or a file system takes longer.
const killedTime = 10 * time.Second

// restTime is how long the others may take to end that the payload has left.
const restTime = time.Second

// handlerTime is how long a signal's handler is waited for that may not come: an
// orphaned process group's SIGTSTP stops nobody.
const handlerTime = 100 * time.Millisecond

// oneWish is the time within which two signals are one: timeout(1) sends its own
// to its child and then to the process group that the child is in.
const oneWish = 100 * time.Millisecond

// leastGrace is how long after a first signal a second one kills at least: with
// a grace of 0 too, somebody may press ^C twice.
const leastGrace = 2 * time.Second

// NotEndingError is a jail that was killed and has not ended: it is left to the
// kernel.
type NotEndingError struct{ Processes string }

func (e *NotEndingError) Error() string {
	return "the jail was killed and has not ended after " + killedTime.String() + ": " + e.Processes
}

// await comes back when init has ended. Meanwhile it does what cannot wait: it
// ends a payload whose time is over or that somebody wants to end, stops with
// it, and looks at its memory when that meets its limit. Nothing in it waits for what
// is the payload's.
func (r *run) await() error {
	if r.alone() && r.quiet() && sys.PollShortly(r.pidfd, r.listener) {
		return nil
	}
	sys.Untie()
	r.memory = r.known(r.plan.Events)
	if r.memory >= 0 {
		_, _ = sys.Pread(r.memory, 512) // ppoll(2) tells of a change since it was read
	}
	if r.lookAt = time.Now().Add(lookTime); r.opt.Trace {
		r.lookAt = time.Now()
	}
	r.status = r.known(r.plan.Status)
	for {
		ended, changed, ready := sys.Poll(r.pidfd, r.memory, [3]int{r.wake, r.status, r.hears()}, r.wait())
		if ended {
			return nil
		}
		if changed {
			r.sampleMemory(r.memory)
		}
		if ready[0] {
			r.signals()
		}
		if ready[1] {
			r.stops()
		}
		if ready[2] {
			r.hear()
		}
		if err := r.deadlines(); err != nil {
			return err
		}
	}
}

// quiet reports whether nothing is due within the first milliseconds.
func (r *run) quiet() bool {
	s := r.opt.Stopping
	return (s.Timeout == 0 || s.Timeout > 20*time.Millisecond) && s.CPUTime == 0 && r.tty == nil
}

// wait is the time until the next deadline; negative for none.
func (r *run) wait() time.Duration {
	next := time.Duration(-1)
	for _, t := range []time.Time{r.until, r.killAt, r.giveUpAt, r.cpuAt(), r.lookAt, r.deafUntil()} {
		if d := time.Until(t); !t.IsZero() && (next < 0 || d < next) {
			next = max(d, 0)
		}
	}
	return next
}

// signals sees to those that came to the supervisor. They have gone on to the
// payload already.
func (r *run) signals() {
	_, _ = sys.ReadEventfd(r.wake)
	now := time.Now()
	again := false
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP} {
		if typed := sig == unix.SIGINT && r.tty != nil && r.tty.asked.Swap(false); r.came(sig) == 0 && !typed {
			continue
		}
		r.askedBy = sig
		// The second one means it. A terminal that is gone sends its own.
		if since := now.Sub(r.asked); r.asked.IsZero() || since > oneWish {
			again = again || sig != unix.SIGHUP && !r.asked.IsZero() && since <= max(r.opt.Stopping.Grace, leastGrace)
			r.asked = now
		}
		if sig == unix.SIGTERM || sig == unix.SIGHUP && r.tty != nil {
			r.stop(Interrupted, sig)
		}
	}
	if again {
		r.setReason(Interrupted)
		r.kill()
	}
	if r.came(unix.SIGTSTP) > 0 {
		r.mayStop = true
	}
	if r.tty == nil {
		return
	}
	if r.came(unix.SIGWINCH)+r.came(unix.SIGCONT) > 0 {
		r.tty.raw()
		r.tty.resize()
	}
	if r.tty.lost.Load() && !r.tty.told {
		r.tty.told = true
		_ = sys.PidfdSendSignal(r.pidfd, unix.SIGHUP)
		r.stop(Interrupted, unix.SIGHUP)
	}
}

// stop asks the payload to end, and sets the time to kill it. came is the signal
// that has gone to it already.
func (r *run) stop(why Reason, came unix.Signal) {
	r.setReason(why)
	sig := r.stopSignal()
	if r.askedBy = sig; came != sig {
		_ = sys.PidfdSendSignal(r.pidfd, sig)
	}
	_ = sys.PidfdSendSignal(r.pidfd, unix.SIGCONT) // one that is stopped takes no signal
	if r.killAt.IsZero() {
		r.killAt = time.Now().Add(r.opt.Stopping.Grace)
	}
}

func (r *run) stopSignal() unix.Signal {
	if sig := r.opt.Stopping.Signal; sig != 0 {
		return sig
	}
	return unix.SIGTERM
}

// deafTo reports whether PID 1 neither catches nor blocks a signal, which the kernel
// then drops: pid_namespaces(7).
func (r *run) deafTo(sig unix.Signal) bool {
	if sig == 0 {
		return false
	}
	status, err := sys.ReadFile("/proc/" + strconv.Itoa(r.known(r.plan.Init)) + "/status")
	for _, name := range []string{"SigBlk", "SigCgt"} {
		if mask, bad := strconv.ParseUint(field(status, name), 16, 64); bad == nil && mask>>(sig-1)&1 != 0 {
			return false
		}
	}
	return err == nil
}

func (r *run) setReason(why Reason) {
	if r.why == "" {
		r.why = why
	}
}

// kill ends the jail, whatever state it is in.
func (r *run) kill() {
	if !r.giveUpAt.IsZero() {
		return
	}
	if r.plan.Status == 0 {
		r.zombie = r.zombies()
		if r.deafTo(r.askedBy) {
			r.deaf = r.askedBy
		}
	}
	_ = sys.PidfdSendSignal(r.pidfd, unix.SIGKILL)
	if leaf := r.known(r.plan.Leaf); leaf >= 0 {
		_ = sys.WriteFileAt(leaf, "cgroup.kill", "1")
	}
	r.killAt, r.until = time.Time{}, time.Time{}
	r.giveUpAt = time.Now().Add(killedTime)
}

func (r *run) deadlines() error {
	now := time.Now()
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if due(r.lookAt) {
		r.openSpaces()
	}
	switch {
	case due(r.giveUpAt):
		return &NotEndingError{r.notEnding()}
	case due(r.killAt):
		r.kill()
	case due(r.until):
		r.until = time.Time{}
		r.stop(Timeout, 0)
	case due(r.cpuAt()):
		if r.cpuUsed() >= r.opt.Stopping.CPUTime {
			r.stop(CPUTime, 0)
		}
	}
	return nil
}

// cpuAt is when the jail's processor time can be used up at the earliest.
func (r *run) cpuAt() time.Time {
	limit := r.opt.Stopping.CPUTime
	if limit == 0 || r.why != "" || r.plan.Leaf == 0 {
		return time.Time{}
	}
	if r.cpuNext.IsZero() || !time.Now().Before(r.cpuNext) {
		left := max(limit-r.cpuUsed(), 0)
		r.cpuNext = time.Now().Add(max(left/time.Duration(sys.Processors()), 10*time.Millisecond))
		if left == 0 {
			r.cpuNext = time.Now()
		}
	}
	return r.cpuNext
}

func (r *run) cpuUsed() time.Duration {
	fd, err := sys.Openat(r.known(r.plan.Leaf), "cpu.stat", unix.O_RDONLY, 0)
	if err != nil {
		return 0
	}
	defer sys.Close(fd)
	text, _ := sys.Pread(fd, 4096)
	u := cgroupdelegate.ParseUsage(map[string]string{"cpu.stat": text})
	return u.User + u.System
}

// stops sees to the payload's being stopped. Who stopped it at the terminal, or
// by SIGTSTP to procjail, wants procjail stopped; who stopped it otherwise does
// not, least of all the payload itself.
func (r *run) stops() {
	n, err := sys.ReadEventfd(r.status)
	if err != nil {
		return
	}
	stops := r.say(n)
	if r.word != 0 && r.giveUpAt.IsZero() {
		// The kernel kills the others. What it cannot kill, nothing waits for.
		r.killAt, r.until = time.Now().Add(restTime), time.Time{}
	}
	r.mayStop = r.mayStop || r.came(unix.SIGTSTP) > 0 // its handler may have yet to wake this loop
	if stops == 0 || !r.mayStop && (r.tty == nil || r.tty.keys < 0) {
		return
	}
	group := !r.mayStop
	r.mayStop = false
	r.stopSelf(group)
}

// stopSelf stops procjail as SIGTSTP stops any program: not at all where its
// process group is orphaned, since nobody would let it go on (setpgid(2)).
// group is whether that was said at the payload's terminal, which has this
// process in no group: as a terminal does, it stops the whole of procjail's, such
// as the script that procjail is in.
//
// The payload goes on when procjail can be told to stop again, and not before:
// until then SIGTSTP does to procjail alone what it does by default.
func (r *run) stopSelf(group bool) {
	const sigDfl, sigIgn = 0, 1
	handler, restorer := handlerAddress()
	before := held.Load()
	held.Store(before | bit(unix.SIGTSTP) | bit(unix.SIGCONT))
	if r.tty != nil {
		r.tty.restore()
	}
	if group {
		_ = sys.Sigaction(unix.SIGTSTP, sigIgn, restorer)
		_ = sys.Kill(0, unix.SIGTSTP)
	}
	_ = sys.Sigaction(unix.SIGTSTP, sigDfl, restorer)
	r.came(unix.SIGTSTP) // what came so far is this stop
	continued := atomic.LoadUint32(&signalled[unix.SIGCONT])
	_ = sys.Raise(unix.SIGTSTP)
	_ = sys.Sigaction(unix.SIGTSTP, handler, restorer)
	if r.tty != nil {
		r.tty.raw()
		r.tty.resize()
	}
	_ = sys.PidfdSendSignal(r.pidfd, unix.SIGCONT)
	// The handler of the SIGCONT that ended this may be about to run, in another thread.
	for end := time.Now().Add(handlerTime); atomic.LoadUint32(&signalled[unix.SIGCONT]) == continued && time.Now().Before(end); {
		time.Sleep(handlerTime / 100)
	}
	held.Store(before)
	if r.mayStop = r.came(unix.SIGTSTP) > 0; r.mayStop {
		_ = sys.PidfdSendSignal(r.pidfd, unix.SIGTSTP)
	}
}
