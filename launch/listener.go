package launch

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// takeListener makes the entry that receives the descriptor of whom the
// payload's filter asks.
func (r *run) takeListener(i int, s plan.ReceiveFD) error {
	fd, err := r.receive(i, int(r.value(s.Socket)))
	switch {
	case errors.Is(err, errNoDescriptor): // a signal came first, or the child says what did
		r.prog.board.set(i, passed)
		return nil
	case err == nil && fd >= 0:
		r.listener = fd
	}
	return err
}

// hear answers one call, or begins to answer apart from what ends the payload
// (await): what is looked at where results are looked at can take as long as the
// payload likes. Behind a path may be a file system that it is the server of.
func (r *run) hear() {
	if r.opt.Trace {
		r.answered = make(chan struct{})
		sys.Widen()
		apart(r.thread, r.answers)
		return
	}
	switch there, over, _ := sys.AwaitNotification(r.listener, -1, 0); {
	case over:
		r.listener = 0 // closed at the end
	case there:
		r.answer()
	}
}

// answers answers until init has ended.
func (r *run) answers() {
	defer close(r.answered)
	runtime.LockOSThread() // ptrace(2) is for one thread, which ends with this
	sys.TimerSlack(1)
	for over := false; ; {
		listener, wait := -1, r.traced.wait()
		switch deaf := time.Until(r.flood.until); {
		case over:
		case r.heard() != 0:
			listener = r.listener
		case wait < 0 || deaf < wait:
			wait = max(deaf, 0)
		}
		there, gone, ended := sys.AwaitNotification(listener, r.pidfd, wait)
		if ended || gone && len(r.traced.pending) == 0 {
			return
		}
		over = over || gone
		if there {
			r.answer()
		}
		r.results()
		// Most calls are back before this thread would be, if it slept.
		for until := time.Now().Add(backTime); there && len(r.traced.pending) > 0 && time.Now().Before(until); {
			r.results()
		}
	}
}

// backTime is how long a call that has been let go on is waited for without a sleep.
const backTime = 30 * time.Microsecond

// lastAnswer is how long the last answer may take when init has ended.
const lastAnswer = time.Second

// silent waits until nobody answers any more, and reports whether that came to an end:
// otherwise what was noted of the calls is not to be read.
func (r *run) silent() bool {
	if r.answered == nil {
		return true
	}
	select {
	case <-r.answered:
		return true
	case <-time.After(lastAnswer):
		r.over.Store(true)
		return false
	}
}

// answering reports whether somebody answers.
func (r *run) answering() bool {
	select {
	case <-r.answered:
		return false
	default:
		return r.answered != nil
	}
}

// answer gives the answer to one call that the payload's filter asked about: the
// policy's. What the policy refuses is noted. For nothing of that it waits longer than
// readTime, or signalTime; where results are looked at it may.
func (r *run) answer() {
	var n sys.Notification
	if err := sys.ReceiveNotification(r.listener, &n); err != nil {
		return // it was killed before it was heard
	}
	r.flood.count()
	call := denial.Call{NR: n.NR, Arch: n.Arch, Args: n.Args}
	verdict := denial.Verdict(r.plan.Filter, call)
	pid := int(n.Pid)
	read := func(address uint64, size int) []byte { return r.read(pid, address, size) }
	if r.opt.Trace {
		read = r.memoryOf(pid)
	}
	if verdict == unix.SECCOMP_RET_ALLOW {
		r.look(pid, func() {
			if r.opt.Trace {
				r.trace(&n, call, read)
			} else {
				_ = sys.ContinueNotification(r.listener, n.ID)
			}
		})
		return
	}
	d, first := r.denied.Add(call, verdict, time.Since(r.began), func() denial.Process { return process(pid) }, read)
	if first && !sys.NotificationValid(r.listener, n.ID) {
		d.Text, d.Process = d.Name+"(...)", denial.Process{} // its id may be another's by now
	}
	if r.opt.Trace && d != nil {
		r.traced.lives.refused(d, pid)
	}
	if r.opt.Trace && call.Name() == "clone3" {
		r.traced.withoutClone3(pid, call)
		first = false // most go on without
	}
	if verdict&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_KILL_PROCESS {
		r.end(&n)
	} else {
		_ = sys.AnswerNotification(r.listener, n.ID, unix.Errno(verdict&unix.SECCOMP_RET_DATA))
	}
	if first && r.opt.Denied != nil && !r.over.Load() {
		r.opt.Denied(d)
	}
}

// flood bounds what a payload can make the supervisor do, which runs outside the
// jail's limits: after many calls in a short time it hears no more of them until
// that is over, and who makes them waits.
type flood struct {
	began time.Time // of the window
	calls int       // in it
	until time.Time // 0: it hears
}

// At most that many calls in that time are heard: at some microseconds each, a
// fraction of one processor. With --trace-denials a call takes ten times that, and
// the thread that answers them can be busy all the time: it is one processor's at most.
const (
	floodWindow = 100 * time.Millisecond
	floodCalls  = 4000
)

// hears is the listener for who ends the payload: 0 where another answers.
func (r *run) hears() int {
	if r.answered != nil {
		return 0
	}
	return r.heard()
}

// deafUntil is when a flood is over that who ends the payload waits out.
func (r *run) deafUntil() time.Time {
	if r.answered != nil {
		return time.Time{}
	}
	return r.flood.until
}

// heard is the listener, or 0 while a flood is waited out.
func (r *run) heard() int {
	f := &r.flood
	if !f.until.IsZero() {
		if time.Now().Before(f.until) {
			return 0
		}
		f.until = time.Time{}
	}
	return r.listener
}

// count notes that a call was heard.
func (f *flood) count() {
	if f.calls++; f.calls == 1 {
		f.began = time.Now()
		return
	}
	if f.calls%64 != 0 {
		return
	}
	switch passed := time.Since(f.began); {
	case passed >= floodWindow:
		f.calls = 0
	case f.calls >= floodCalls:
		f.calls, f.until = 0, f.began.Add(floodWindow)
	}
}

// signalTime is how long it may take until a process has SIGSYS that ends it, and
// busyTime that of one that does not come to run.
const (
	signalTime = 10 * time.Millisecond
	busyTime   = 100 * time.Millisecond
)

// end ends the process of a thread as the policy's own answer would
// (SECCOMP_RET_KILL_PROCESS, seccomp(2)): by SIGSYS, which nothing can stop there.
// Here it is a signal that a process can catch, block and ignore, that its tracer can
// take away, and that PID 1 of a namespace does not get from outside
// (pid_namespaces(7)): those are ended by SIGKILL.
func (r *run) end(n *sys.Notification) {
	status, _ := sys.ReadFile("/proc/" + strconv.Itoa(int(n.Pid)) + "/status")
	pidfd := r.pidfdOf(n, status)
	if pidfd < 0 {
		if sys.NotificationValid(r.listener, n.ID) { // it lives, and cannot be named
			r.ended = true
			_ = sys.PidfdSendSignal(r.pidfd, unix.SIGKILL)
		}
		return
	}
	defer sys.Close(pidfd)
	sig := unix.SIGSYS
	if !ends(status, unix.SIGSYS) {
		sig = unix.SIGKILL
	}
	_ = sys.PidfdSendSignal(pidfd, sig)
	_ = sys.AnswerNotification(r.listener, n.ID, unix.ENOSYS)
	for end := time.Now().Add(busyTime); sig == unix.SIGSYS && !sys.PollShort(pidfd, signalTime); {
		now, _ := sys.ReadFile("/proc/" + strconv.Itoa(int(n.Pid)) + "/status")
		if field(now, "CoreDumping") == "1" {
			break
		}
		if !waits(now, unix.SIGSYS) || time.Now().After(end) {
			_ = sys.PidfdSendSignal(pidfd, unix.SIGKILL)
			break
		}
	}
	r.ended = r.ended || inside(status) == r.plan.Payload
}

// ends reports whether a signal from outside ends the process that has a status: proc(5).
func ends(status string, sig unix.Signal) bool {
	for _, name := range []string{"SigBlk", "SigIgn", "SigCgt"} {
		if mask, err := strconv.ParseUint(field(status, name), 16, 64); err != nil || mask&(1<<(sig-1)) != 0 {
			return false
		}
	}
	ids := strings.Fields(field(status, "NStgid"))
	return len(ids) > 0 && ids[len(ids)-1] != "1" && field(status, "TracerPid") == "0"
}

// waits reports whether a signal has been sent to the process that has a status, and no
// thread of it has run since: proc(5).
func waits(status string, sig unix.Signal) bool {
	mask, err := strconv.ParseUint(field(status, "ShdPnd"), 16, 64)
	return err == nil && mask&(1<<(sig-1)) != 0
}

// pidfdOf opens the process of a thread that waits for an answer: -1 where it has
// ended, or there is no descriptor. The status may be another one's that has got the
// id, or this /proc another PID namespace's, so that the kernel is asked whether the
// thread is of that process, and whether it still waits.
func (r *run) pidfdOf(n *sys.Notification, status string) int {
	tgid, err := strconv.Atoi(field(status, "Tgid"))
	if err != nil {
		return -1
	}
	pidfd, err := sys.PidfdOpen(tgid)
	if err != nil {
		return -1
	}
	if !sys.IsThread(tgid, int(n.Pid)) || !sys.NotificationValid(r.listener, n.ID) {
		sys.Close(pidfd)
		return -1
	}
	return pidfd
}

// process is who has the id of a thread, by proc(5).
func process(tid int) denial.Process {
	status, _ := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	return denial.Process{Name: field(status, "Name"), PID: inside(status)}
}

// inside is the id of a process in the jail: the first is that in the namespace of
// whom this /proc is, proc(5).
func inside(status string) int {
	list := strings.Fields(field(status, "NStgid"))
	if len(list) < 2 {
		return 0
	}
	pid, _ := strconv.Atoi(list[1])
	return pid
}

// field is a line of /proc/PID/status.
func field(status, name string) string {
	for line := range strings.Lines(status) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// receive makes an entry that receives a descriptor: -1 where there is none since
// the run was ended.
func (r *run) receive(i, socket int) (int, error) {
	if err := r.awaitMessage(socket); err != nil {
		return -1, err
	}
	fd, err := sys.ReceiveFD(socket)
	if err == nil && fd < 0 {
		if !r.giveUpAt.IsZero() { // it was killed since its time was over
			r.prog.board.set(i, passed)
			return -1, nil
		}
		err = errNoDescriptor
	}
	if errno := sys.Errno(err); errno != 0 {
		return -1, r.stepError(i, errno)
	}
	if err != nil {
		return -1, r.otherError(i, err)
	}
	r.owned = append(r.owned, fd)
	r.prog.board.set(i, int64(fd))
	return fd, nil
}

var errNoDescriptor = errors.New("who was to send it ended before")
