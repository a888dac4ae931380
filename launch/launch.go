// Package launch carries a Plan out. It decides nothing, adds nothing and
// reorders nothing: the supervisor's entries are made by this process, in
// order; init's and the payload's by a child that runs them from a table of
// raw system calls.
//
// The child is a clone of this thread, with this process's memory or a copy of
// it, but it never returns to Go: it is no thread of the runtime's. The loop
// that runs the table is assembly (child_amd64.s, child_arm64.s); it uses no
// stack, allocates nothing and calls nothing. What it reports, it writes to
// memory that both share.
//
//	supervisor            init                   payload (shares init's memory)
//	clone3 ──────────────► builds the jail
//	newuidmap, wake ·····► goes on
//	waitid                 clone ───────────────► limits, landlock
//	   ▲                   execve of the stub ··► filter, execve
//	   └── its end ─────── reaps, forwards ◄───── its end
package launch

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// Options are what a run is given besides its plan.
type Options struct {
	// Progress is called with the index of each entry before it is made, or as
	// soon as that can be seen from outside the child. May be nil.
	Progress func(index int)
	// Steps asks for Result.Steps.
	Steps    bool
	Stopping Stopping
	// Before is called with what the payload was just before it became its program,
	// if the plan's filter asks about execve(2): Spec.Look. May be nil.
	Before func(State)
	// Trace is whether the calls that the policy allows and the plan's filter asks
	// about are looked at, as they are where Spec.Denials is DenialsTrace. Failed is
	// called with the first of each kind that fails, and with each other one, with the
	// errno 0: those for which it returns true are kept as well. It may set Idle and Verdict. May be nil.
	Trace  bool
	Failed func(*Failure) (keep bool)
	// UserNamespaces is how many the jail may make, for who traces: a clone(2) that
	// would be one too many cannot be seen to fail.
	UserNamespaces uint64
	// Denied is called with the first of each kind of call that the policy refused,
	// when it has been answered. The payload waits for it. May be nil.
	Denied func(*denial.Denial)
	// Manager returns the connection to the systemd that a plan with a
	// StartScope asks for a scope. Run closes it.
	Manager func() (*systemd.Manager, error)

	helpers time.Duration // for the programs that map ids; 0: helperTime
}

// Run makes the jail that p describes and waits until it has ended. Nothing of
// it is left when Run returns.
//
// The error is a *StepError where an entry failed. Init is told to die with the
// thread that cloned it. Where others in this process may end theirs, the caller is
// locked to it until Run returns.
func Run(p *plan.Plan, opt Options) (Result, error) {
	prog, err := encode(p)
	if err != nil {
		return Result{}, err
	}
	return start(p, prog, opt)
}

// start runs the table that encode wrote for p.
func start(p *plan.Plan, prog *program, opt Options) (Result, error) {
	r := &run{plan: p, prog: prog, opt: opt, began: time.Now(), beganTicks: ticks()}
	if !r.alone() {
		// The runtime ends the thread of a goroutine that ends locked to it. For a
		// process of one jail only the lock would be a switch of threads for each call
		// that the payload is refused.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	defer r.free()
	if d := opt.Stopping.Timeout; d > 0 {
		r.until = r.began.Add(d)
	}
	defer r.close()
	stop := r.watch()
	defer stop()
	if err := r.supervise(); err != nil {
		return Result{Steps: r.steps(), Left: r.left}, err
	}
	res, err := r.result()
	if err == nil {
		if cut := r.cut(res.Status, r.word == 0); cut != nil {
			return Result{Steps: r.steps(), Left: r.left}, cut
		}
	}
	return res, err
}

type run struct {
	plan  *plan.Plan
	prog  *program
	opt   Options
	began time.Time

	beganTicks uint64

	left   []error
	thread int   // that cloned init
	pidfd  int   // of init; 0 before it is there
	owned  []int // descriptors to close at the end

	manager    *systemd.Manager
	managerEnd time.Time
	job        *systemd.Job

	wake   int // the eventfd of the signal handler; 0 where there is none
	seen   [65]uint32
	status int    // the eventfd that PID 1 writes to
	word   uint64 // the payload's status, plus one, as PID 1 said it; 0: not yet
	others bool   // somebody else was left when the payload ended
	memory int    // memory.events
	tty    *terminal

	looked   bool
	lookAt   time.Time             // when the spaces are opened; 0: they are, or will not be
	sight    atomic.Pointer[sight] // nil: nothing is kept in it, or not yet
	zombie   int
	askedBy  unix.Signal   // to end; 0: it was not
	deaf     unix.Signal   // PID 1 has no handler for that
	listener int           // whom the filter asks; 0: nobody
	answered chan struct{} // closed when nobody answers any more; nil: nobody does so apart
	unheard  bool          // that did not come to its end: what follows is not to be read
	over     atomic.Bool   // the caller is told of nothing more
	late     chan []byte   // of a read of memory that has not come back; nil: none
	denied   denial.Log
	flood    flood
	traced   tracer
	execed   bool // the payload has made an execve
	ended    bool // the policy has ended the payload itself

	asked, until, killAt, giveUpAt, cpuNext time.Time // 0: not at all

	why     Reason // for which the supervisor has ended the payload
	mayStop bool   // the next stop of the payload is one of procjail's as well

	sampled     time.Time
	largestSeen []Process
	shmemSeen   uint64
}

// supervise makes the supervisor's entries up to the end of init. At a failure
// it runs the plan's undo list, and returns the child's own failure if there
// was one, since the supervisor's is then only what followed from it. The
// plan's end comes after either.
func (r *run) supervise() error {
	err := r.entries(r.plan.Entries[:r.plan.End])
	var stuck *NotEndingError // the undo list would wait for it
	if err != nil && r.pidfd != 0 && !errors.As(err, &stuck) {
		r.undo()
	}
	alive := errors.As(errors.Join(append(r.left, err)...), &stuck)
	for i := r.plan.End; i < len(r.plan.Entries); i++ {
		if left := r.entry(i); left != nil && !alive { // of which that would only follow
			r.left = append(r.left, left)
		}
	}
	if failed := r.failure(); failed != nil {
		return failed
	}
	if err != nil && r.pidfd != 0 {
		if cut := r.cut(r.undone(), true); cut != nil {
			return cut
		}
	}
	return err
}

// alone reports whether this process runs one jail and nothing else, so that no
// goroutine waits for the processor that the runtime gave this one.
func (r *run) alone() bool {
	for _, e := range r.plan.Entries {
		if _, ok := e.Step.(plan.Forward); ok {
			return true
		}
	}
	return false
}

// undo makes the plan's undo list. Each entry is tried, whatever became of
// those before it: the kernel may have done its work already. An init that does not
// end is left to the kernel.
func (r *run) undo() {
	for i := range r.prog.undo {
		if _, waits := r.plan.Undo[i].Step.(plan.Waitid); waits && !r.endsWithin(killedTime) {
			r.left = append(r.left, &NotEndingError{r.notEnding()})
			continue
		}
		_, _ = r.prog.undo[i].call()
	}
}

// endsWithin waits for the end of init.
func (r *run) endsWithin(wait time.Duration) bool {
	for end := time.Now().Add(wait); ; { // a signal ends one wait
		left := time.Until(end)
		if sys.PollShort(r.pidfd, max(left, 0)) {
			return true
		}
		if left <= 0 {
			return false
		}
	}
}

// free gives the board back, unless somebody still reads it.
func (r *run) free() {
	if !r.answering() {
		r.prog.board.free()
	}
}

func (r *run) close() {
	if r.manager != nil {
		r.manager.Close()
	}
	if !r.answering() {
		for _, s := range r.inSight(0) {
			sys.Close(s.fd)
		}
	}
	for _, fd := range r.owned {
		if r.answering() && (fd == r.listener || fd == r.pidfd) {
			continue
		}
		sys.Close(fd)
	}
	runtime.KeepAlive(r.prog)
}

// failure is what the child reported, if anything.
func (r *run) failure() error {
	failed := *r.prog.board.failed
	if failed == 0 {
		return nil
	}
	i := int(failed - 1)
	if i >= len(r.plan.Entries) {
		return errors.New("internal error: the plan ends without execve")
	}
	n := r.prog.board.outcomes[i].result
	if n == passed {
		if lost := r.lost(i); lost != nil {
			return lost
		}
	}
	if n < 0 {
		return r.stepError(i, unix.Errno(-n))
	}
	return r.stepError(i, 0)
}

// steps reads the board. The counter's ticks become time by the two moments
// that are known in both: the run's begin, and now.
func (r *run) steps() []Step {
	elapsed, total := time.Since(r.began), ticks()-r.beganTicks
	list := make([]Step, len(r.plan.Entries))
	for i := range list {
		o := r.prog.board.outcomes[i]
		if o.result == notRun {
			continue
		}
		list[i] = Step{Reached: true, Result: o.result}
		if o.ticks > r.beganTicks && total > 0 {
			list[i].At = time.Duration(float64(o.ticks-r.beganTicks) / float64(total) * float64(elapsed))
		}
	}
	return list
}

// ticks reads the processor's counter, which the child's loop stores as well.
//
//go:noescape
func ticks() uint64
