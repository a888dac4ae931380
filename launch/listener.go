package launch

import (
	"errors"
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

// answer gives the answer to one call that the payload's filter asked about: the
// policy's. What the policy refuses is noted.
//
// A call that the policy answers with the end of the process ends it by the same
// signal, SIGSYS, unless that is caught or blocked: no handler may stand in the
// way of the policy (seccomp(2), SECCOMP_RET_KILL_PROCESS).
func (r *run) answer() {
	switch there, over := sys.PollNotification(r.listener); {
	case over:
		r.listener = 0 // closed at the end
		return
	case !there:
		return
	}
	var n sys.Notification
	if err := sys.ReceiveNotification(r.listener, &n); err != nil {
		return // it was killed before it was heard
	}
	r.flood.count()
	call := denial.Call{NR: n.NR, Arch: n.Arch, Args: n.Args}
	verdict := denial.Verdict(r.plan.Filter, call)
	pid := int(n.Pid)
	read := func(address uint64, size int) []byte { return sys.ReadMemory(pid, address, size) }
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
	errno := unix.Errno(verdict & unix.SECCOMP_RET_DATA)
	if verdict&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_KILL_PROCESS {
		errno = unix.ENOSYS
		r.ended = r.killed(&n) == r.plan.Payload || r.ended
	}
	if r.opt.Trace && d != nil {
		r.traced.lives.refused(d, pid)
	}
	if r.opt.Trace && call.Name() == "clone3" {
		r.traced.withoutClone3(pid, call)
		first = false // most go on without
	}
	_ = sys.AnswerNotification(r.listener, n.ID, errno)
	if first && r.opt.Denied != nil {
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
// fraction of one processor.
const (
	floodWindow = 100 * time.Millisecond
	floodCalls  = 4000
)

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

// killed ends the process of a thread as the policy's own answer would, and
// returns its id inside. The id may have gone to another process by now: what the
// pidfd is of is the caller's if its notification still stands.
func (r *run) killed(n *sys.Notification) int {
	status, _ := sys.ReadFile("/proc/" + strconv.Itoa(int(n.Pid)) + "/status")
	tgid, err := strconv.Atoi(field(status, "Tgid"))
	if err != nil {
		return 0
	}
	pidfd, err := sys.PidfdOpen(tgid)
	if err != nil {
		return 0
	}
	defer sys.Close(pidfd)
	if !sys.NotificationValid(r.listener, n.ID) {
		return 0
	}
	sig := unix.SIGSYS
	for _, name := range []string{"SigBlk", "SigIgn", "SigCgt"} {
		if mask, err := strconv.ParseUint(field(status, name), 16, 64); err != nil || mask&(1<<(unix.SIGSYS-1)) != 0 {
			sig = unix.SIGKILL
		}
	}
	_ = sys.PidfdSendSignal(pidfd, sig)
	return inside(status)
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
	if errno := errnoOf(err); errno != 0 {
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
