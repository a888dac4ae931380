package launch

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// Result is how a payload ended.
type Result struct {
	Status unix.WaitStatus
	Reason Reason
	Killed bool // by the supervisor, since it did not end when it was asked to
	Usage  Usage
	// Cgroup is what the jail as a whole used, where HasCgroup says that it had
	// a cgroup.
	Cgroup    cgroupdelegate.Usage
	HasCgroup bool
	// Largest are the processes with the most memory when the limit on memory
	// was last seen to be met, the largest first.
	Largest []Process
	// Shmem is how much was in files in memory then.
	Shmem uint64
	// Denied is what the policy refused, if Plan.Listener says that somebody
	// listened.
	Denied denial.Log
	// Unheard is whether a look at what the payload named did not come to its end,
	// after the jail had: what was refused, and what failed, is then not known.
	Unheard bool
	// Failed are the calls that the policy allows and that failed, if Options.Trace
	// asks for them, OtherFailures how many more there were, and Blind why their
	// results could not be seen.
	Failed        []*Failure
	OtherFailures uint64
	Blind         error
	// Executed are the names of the programs that were seen to begin, without their
	// directories.
	Executed []string
	// LeftRunning is whether other processes were there, as PID 1 saw it, when the payload
	// ended: the end of the jail killed them. pid_namespaces(7).
	LeftRunning bool
	// Zombies is how many ended processes a payload that is PID 1 had not waited for
	// when it was killed.
	Zombies int
	// Deaf is the signal that had asked it to end, and for which it had no handler; 0
	// where it had one.
	Deaf unix.Signal
	// Full are the limited file systems of the jail that were full at the end, of a
	// run of some length, or, where calls are traced, when one of its processes failed.
	Full []Full
	// Left are entries of the plan's end that failed, each a *StepError, and the
	// *NotEndingError of a start that failed: something of the jail may be left. The
	// payload has ended as Status says, or Run's error; this too is there when it fails.
	Left []error
	// Steps has what became of each entry of the plan, in its order, if
	// Options.Steps asks for it, and when Run fails.
	Steps []Step
}

// Step is what became of an entry.
type Step struct {
	Reached bool          // the call was made, and came back unless it was execve
	Result  int64         // an errno is its negative
	At      time.Duration // when it came back, since Run was called
}

// Usage is what the jail used, PID 1 and every process that it reaped.
type Usage struct {
	Wall, User, System time.Duration
	MaxRSS             int64 // bytes, of the largest process
	// Context switches: of their own accord, and when their time was over.
	Voluntary, Involuntary int64
}

// result reads how the payload ended: from the eventfd that PID 1 wrote, or,
// where the payload was PID 1 or PID 1 was killed, from waitid(2).
func (r *run) result() (res Result, err error) {
	if r.opt.Steps {
		res.Steps = r.steps()
	}
	wait := -1
	for i, e := range r.plan.Entries {
		if e.Stage != plan.Supervisor {
			break
		}
		if _, ok := e.Step.(plan.Waitid); ok {
			wait = i
		}
	}
	if wait < 0 {
		return res, errors.New("internal error: the plan does not wait")
	}
	info := (*siginfo)(addr(r.prog.ops[wait].args[2]))
	usage := (*unix.Rusage)(addr(r.prog.ops[wait].args[4]))
	res.Left, res.Killed = r.left, !r.giveUpAt.IsZero() && r.word == 0
	res.Cgroup, res.HasCgroup = r.cgroupUsage()
	res.Largest, res.Shmem = r.largestSeen, r.shmemSeen
	res.Full, res.Zombies, res.Deaf = full(r.inSight(lastAnswer)), r.zombie, r.deaf
	if res.Unheard = r.unheard; !r.unheard {
		r.heardOf(&res)
	}
	defer func() {
		if res.Reason = r.why; r.why == "" {
			res.Reason = res.reason(r.opt.Stopping.CPUTime)
		}
	}()
	res.Usage = Usage{
		Wall:   time.Since(r.began),
		User:   time.Duration(usage.Utime.Nano()),
		System: time.Duration(usage.Stime.Nano()),
		MaxRSS: usage.Maxrss * 1024,

		Voluntary: usage.Nvcsw, Involuntary: usage.Nivcsw,
	}
	if status := r.known(r.plan.Status); status >= 0 {
		n, err := sys.ReadEventfd(status)
		if err != nil {
			return res, err
		}
		r.say(n)
		res.LeftRunning = r.others
		if r.word != 0 {
			res.Status = r.bySeccomp(unix.WaitStatus(r.word - 1))
			return res, nil
		}
	}
	res.Status = r.bySeccomp(info.waitStatus())
	return res, nil
}

// heardOf is what is known from the calls that the payload's filter asked about.
func (r *run) heardOf(res *Result) {
	t := &r.traced
	for _, f := range t.full {
		if !slices.Contains(res.Full, f) {
			res.Full = append(res.Full, f)
		}
	}
	for _, f := range t.failures {
		f.EndedWell, f.After = f.last.wentOn()
	}
	for _, d := range r.denied.Denials {
		d.WentOn, _ = t.lives.denied[d].wentOn()
	}
	res.Denied, res.Executed = r.denied, t.executed
	res.Failed, res.OtherFailures, res.Blind = t.failures, t.others, t.blind
}

// say takes what PID 1 has written to its eventfd, stub_amd64.s, and returns how
// often the payload was stopped.
func (r *run) say(n uint64) (stops uint64) {
	r.word |= n & (1<<32 - 1)
	r.others = r.others || n>>60 != 0
	return n << 4 >> 36
}

// bySeccomp is the status of a payload that the policy ended: the supervisor kills
// one that catches SIGSYS by another signal.
func (r *run) bySeccomp(s unix.WaitStatus) unix.WaitStatus {
	if !r.unheard && r.ended && s.Signaled() && s.Signal() == unix.SIGKILL {
		return unix.WaitStatus(unix.SIGSYS)
	}
	return s
}

// Reason is why a payload ended, in one word.
type Reason string

// The reasons.
const (
	Exited   Reason = "exited"
	Signaled Reason = "signaled"

	Interrupted Reason = "interrupted" // somebody ended procjail
	Timeout     Reason = "timeout"     // its wall time was over
	OOM         Reason = "oom"         // the kernel killed it at the limit of its cgroup's memory
	Pids        Reason = "pids"        // it failed, and forks were refused at the limit of its cgroup's processes
	CPUTime     Reason = "cpu-time"    // it used up its processor time (RLIMIT_CPU)
	Seccomp     Reason = "seccomp"     // the filter killed it (SIGSYS)
)

// reason is judged by what the kernel counted, not by the status alone: 137 can
// be anything.
func (res *Result) reason(cpuTime time.Duration) Reason {
	s := res.Status
	killed := s.Signaled() && s.Signal() == unix.SIGKILL
	switch {
	case res.Cgroup.OOMKills > 0 && (killed || s.ExitStatus() == 128+int(unix.SIGKILL)):
		return OOM
	case res.Cgroup.PidsDenied > 0 && s != 0:
		return Pids
	case s.Signaled() && cpuTime > 0 && (killed || s.Signal() == unix.SIGXCPU) && res.Usage.User+res.Usage.System >= cpuTime/2: // the limit counts whole ticks, and rusage what ran of them
		return CPUTime
	case s.Signaled() && s.Signal() == unix.SIGSYS:
		return Seccomp
	case s.Signaled():
		return Signaled
	}
	return Exited
}

// siginfo is what waitid(2) fills in of siginfo_t, on 64-bit architectures.
type siginfo struct {
	signo, errno, code int32
	_                  int32
	pid                int32
	uid                uint32
	status             int32
}

// waitStatus is the status in the form of wait(2).
func (s *siginfo) waitStatus() unix.WaitStatus {
	const cldExited = 1
	if s.code == cldExited {
		return unix.WaitStatus(s.status&0xff) << 8
	}
	return unix.WaitStatus(s.status & 0x7f)
}

// watch reports progress until stop is called.
func (r *run) watch() (stop func()) {
	if r.opt.Progress == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	sys.Widen()
	go func() {
		defer close(done)
		t := time.NewTicker(time.Millisecond)
		defer t.Stop()
		for seen := 0; ; {
			select {
			case <-t.C:
				seen = r.progress(seen)
			case <-quit:
				r.progress(seen)
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// progress reports the entries that have a result now and had none before,
// and the one that is under way.
func (r *run) progress(seen int) int {
	for seen < len(r.plan.Entries) {
		r.opt.Progress(seen)
		if atomic.LoadInt64(&r.prog.board.outcomes[seen].result) == notRun {
			break
		}
		seen++
	}
	return seen
}
