package launch

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// Failure is a kind of call of the payload's that the policy allows and that
// failed: one path, or address, and one errno.
type Failure struct {
	Call    denial.Call
	Text    string     // in the syntax of strace(1)
	Paths   []string   // absolute, inside; as they were written, symbolic links and all
	Address string     // of a socket: host and port, or a path
	Data    string     // that is written to standard error
	Errno   unix.Errno // 0: the call did what it does, and that is not what it was made for
	IDs     []uint32   // that a chown(2) would have given; -1 is none
	Process denial.Process
	Pid     int // of the thread, outside
	Count   uint64
	At      time.Duration // the first of them
	// Inferred is whether the errno is what must have come, and was not seen.
	Inferred bool
	// EndedWell is whether the last process that it failed for did without, and ended
	// with status 0. After is how many calls it made meanwhile that were looked at. Of
	// Run's Result only.
	EndedWell bool
	After     uint64
	// Idle is for Options.Failed to set: of a failure that says nothing, which makes
	// room for others.
	Idle bool
	// Verdict is for Options.Failed too: what it has found, for as long as this is kept.
	Verdict any
	last    mark
	key     string // of it in tracer.index
}

// mostFailures is how many kinds of failures are kept.
const mostFailures = 256

// tracer is what --trace-denials keeps.
type tracer struct {
	failures []*Failure
	others   uint64
	index    map[string]*Failure
	again    map[int]denial.Call // calls that are made again since they wait: let them
	clone3   map[int]denial.Call // refused, of threads that may go on with clone(2)
	pending  []traced
	idle     time.Duration // until it is looked again whether one of pending has stopped
	executed []string
	full     []Full // when a process ended that had failed
	blind    error  // why results cannot be seen
	lives    lives
}

// traced is a thread that makes a call and stops on its way back.
type traced struct {
	call denial.Call
	f    *Failure // nil: what it names is not read before it has failed
	tid  int
	then int // the id that it has after an execve(2): its process's

	notification sys.Notification
}

// The time between two looks at the threads that are traced: a call that has nothing
// to wait for is back at once.
const (
	shortestIdle = 10 * time.Microsecond
	longestIdle  = time.Millisecond
)

// wait is how long a next call may be waited for; negative for ever.
func (t *tracer) wait() time.Duration {
	if len(t.pending) == 0 {
		return -1
	}
	t.idle = min(2*t.idle, longestIdle)
	return t.idle
}

// trace lets a call go on that the policy allows, and sees to it that the thread stops
// on its way back. Nobody waits for that: a call may take its time.
func (r *run) trace(n *sys.Notification, call denial.Call, read denial.Memory) {
	t, tid := &r.traced, int(n.Pid)
	goOn := func() { _ = sys.ContinueNotification(r.listener, n.ID) }
	t.lives.called(tid)
	if t.again[tid] == call {
		delete(t.again, tid)
		goOn()
		return
	}
	switch call.Name() {
	case "clone", "fork", "vfork":
		r.forks(call, read, tid)
		goOn()
		return
	case "exit_group":
		r.ends(call)
		t.lives.exits(tid, uint8(call.Args[0]))
		goOn()
		return
	case "write":
		// A shell has standard error in the place of the output for "echo ... >&2".
		if call.Args[0]&0xffffffff == 1 && !sys.SameFile(t.lives.leader(tid), 1, 2) {
			goOn()
			return
		}
		if !unheard(t.lives.leader(tid), call) {
			r.failed(written(call, read), tid)
		}
		goOn()
		return
	case "sendto":
		if call.Args[4] == 0 { // it names no address, and would return less than it was to send
			goOn()
			return
		}
	case "kill", "tgkill":
		if call.Name() == "tgkill" || call.Args[1] != 0 { // it may end by that
			r.failed(&Failure{Call: call, Text: call.Text(read)}, tid)
			goOn()
			return
		}
	}
	if t.executing(tid) {
		goOn()
		return
	}
	p := traced{call: call, tid: tid, then: tid, notification: *n}
	if call.Executes() {
		if p.then = leader(tid); p.then == 0 { // there is no descriptor to read it by
			goOn()
			return
		}
	}
	if call.Misleads() || call.Name() == "connect" {
		p.f = described(call, tid, read)
		if !sys.NotificationValid(r.listener, n.ID) {
			return
		}
	}
	switch err := sys.Trace(tid); {
	case err == nil:
		// Whoever had this id before has gone.
		t.pending = slices.DeleteFunc(t.pending, func(p traced) bool { return p.tid == tid })
		t.pending, t.idle = append(t.pending, p), shortestIdle
	case !sys.NotificationValid(r.listener, n.ID): // it has been killed, which is EPERM too
	case errors.Is(err, unix.EPERM) && !r.execed: // it is undumpable until its first execve
		r.execed = true
	case errors.Is(err, unix.EPERM):
		t.blind = err // a debugger inside has it, or Yama lets nobody trace
	}
	goOn()
}

// executing reports whether another thread of a thread's process is in an execve(2) that
// is waited for. That one holds what ptrace(2) would wait for until all the others have
// ended (cred_guard_mutex; fs/exec.c:de_thread), and those that are traced end for it
// only when this thread has asked for them.
func (t *tracer) executing(tid int) bool {
	if !slices.ContainsFunc(t.pending, func(p traced) bool { return p.call.Executes() && p.tid != tid }) {
		return false
	}
	pid := leader(tid)
	return slices.ContainsFunc(t.pending, func(p traced) bool { return p.call.Executes() && p.tid != tid && p.then == pid })
}

// written is what is written to standard error. Its Text has none of that: it is the
// payload's to say where, and may be a secret.
func written(call denial.Call, read denial.Memory) *Failure {
	text := "write(" + strconv.Itoa(int(int32(call.Args[0]))) + ", ..., " + strconv.FormatUint(call.Args[2], 10) + ")"
	return &Failure{Call: call, Text: text, Data: call.Data(read)}
}

// unheard reports whether a program writes to /dev/null, and is not to be heard, other
// than procjail itself.
func unheard(pid int, call denial.Call) bool {
	null := func(st sys.Stat, err error) bool { return err == nil && st.IsDevice() && st.Rdev == unix.Mkdev(1, 3) } // null(4)
	_, st, err := sys.DescriptorOf(pid, int(int32(call.Args[0])))
	return null(st, err) && !null(sys.StatFD(2))
}

// described reads what a call of a thread's names. It waits, or has stopped.
func described(call denial.Call, tid int, read denial.Memory) *Failure {
	f := &Failure{Call: call, Text: call.Text(read), Address: call.Address(read), IDs: call.IDs()}
	add := func(dir int32, name string) {
		if name = absolute(tid, dir, name); name != "" {
			f.Paths = append(f.Paths, name)
		}
	}
	if call.Name() == "fchown" {
		add(int32(call.Args[0]), "")
	}
	for i := 0; ; i++ {
		dir, name, ok := call.Path(i, read)
		if !ok {
			break
		}
		add(dir, name)
	}
	if strings.HasPrefix(f.Address, "/") { // unix(7)
		f.Paths = append(f.Paths, path.Clean(f.Address))
	}
	return f
}

// results takes those of the traced threads that have stopped.
func (r *run) results() {
	t := &r.traced
	for i := 0; i < len(t.pending); {
		p := &t.pending[i]
		status, stopped, gone := sys.Stopped(p.tid, p.tid == r.known(r.plan.Init))
		switch {
		case stopped && sys.Executed(status):
			tid := p.tid
			r.executed(tid) // which makes another list
			if !sys.Detach(tid, status) {
				t.pending = append(t.pending, traced{tid: tid, then: tid})
			}
			t.idle, i = shortestIdle, 0
			continue
		case stopped:
			r.returned(*p, status)
			t.idle = shortestIdle
			if !sys.Detach(p.tid, status) {
				i++ // it will be gone
				continue
			}
		case gone && p.tid != p.then:
			p.tid = p.then
			continue
		case !gone:
			i++
			continue
		}
		t.pending = slices.Delete(t.pending, i, i+1)
	}
}

// executed notes an execve(2) that succeeded. It has ended all the other threads of
// its process (fs/exec.c:de_thread).
func (r *run) executed(pid int) {
	t := &r.traced
	t.pending = slices.DeleteFunc(t.pending, func(p traced) bool {
		if p.then == pid && p.call.Executes() {
			r.succeeded(p.f, pid)
		}
		return p.tid == pid || p.then == pid
	})
}

// returned looks what the call of a stopped thread returns. What waits with a limit to
// that is not made again by the kernel when it is interrupted (signal(7); net/sock.h:
// sock_intr_errno), nor what a FUSE answers so.
func (r *run) returned(p traced, status unix.WaitStatus) {
	t := &r.traced
	result, again, ok := sys.Returned(p.tid, p.notification.IP)
	failed := result < 0 && result > -4096
	if ok && p.f == nil && (again || failed) {
		p.f = described(p.call, p.tid, r.memoryOf(p.tid))
	}
	switch {
	case !ok:
	case again, result == -int64(unix.EINTR) && sys.Interrupted(status) && sys.MakeAgain(p.tid, &p.notification):
		if t.again == nil || len(t.again) > mostFailures {
			t.again = make(map[int]denial.Call)
		}
		t.again[p.tid] = p.call
		if p.call.Name() == "connect" && !listened(p.tid, p.f.Address) {
			p.f.Errno, p.f.Inferred = unix.ECONNREFUSED, true
			r.failed(p.f, p.tid)
		}
	case failed:
		p.f.Errno = unix.Errno(-result)
		if p.f.Errno == unix.EINPROGRESS && !listened(p.tid, p.f.Address) { // it learns so by poll(2): connect(2)
			p.f.Errno, p.f.Inferred = unix.ECONNREFUSED, true
		}
		r.failed(p.f, p.tid)
	case p.f != nil:
		r.succeeded(p.f, p.tid)
	}
}

// succeeded is for a call that did: what it was made for may yet not come of it.
func (r *run) succeeded(f *Failure, tid int) {
	t := &r.traced
	switch {
	case f.Call.Name() == "connect" && unanswered(tid, int(int32(f.Call.Args[0])), f.Address):
		f.Errno, f.Inferred = unix.ECONNREFUSED, true
		r.failed(f, tid)
	case f.Call.Misleads():
		r.failed(f, tid)
	}
	if f.Call.Executes() && len(f.Paths) > 0 && len(t.executed) < mostFailures {
		t.executed = append(t.executed, path.Base(f.Paths[0]))
	}
}

// failed notes a failure, and of the other calls those that the caller wants kept.
func (r *run) failed(f *Failure, tid int) {
	t := &r.traced
	key := f.Call.Name() + " " + strings.Join(f.Paths, " ") + " " + strconv.Itoa(int(f.Errno)) + f.Address
	switch f.Call.Name() { // the others differ in pointers
	case "open", "openat", "socket":
		key += f.Text
	case "write":
		key += f.Data
	}
	if old := t.index[key]; old != nil {
		old.Count++
		old.last = t.lives.mark(tid)
		return
	}
	instead := -1
	if len(t.failures) >= mostFailures {
		// Programs look for hundreds of files that need not be there before they
		// come to what they fail for.
		instead = slices.IndexFunc(t.failures, func(f *Failure) bool { return f.Idle })
		if instead < 0 {
			if f.Errno != 0 {
				t.others++
			}
			return
		}
	}
	f.Count, f.At, f.Pid = 1, time.Since(r.began), tid
	f.Process = process(tid)
	if r.over.Load() {
		return
	}
	if keep := r.opt.Failed != nil && r.opt.Failed(f); !keep && f.Errno == 0 {
		return
	}
	if t.index == nil {
		t.index = make(map[string]*Failure)
	}
	if instead >= 0 {
		delete(t.index, t.failures[instead].key)
		t.failures = slices.Delete(t.failures, instead, instead+1)
		t.others++
	}
	f.last, f.key = t.lives.mark(tid), key
	t.index[key] = f
	t.failures = append(t.failures, f)
}

// leader is the id of the process of a thread, outside.
func leader(tid int) int {
	status, _ := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	pid, _ := strconv.Atoi(field(status, "Tgid"))
	return pid
}

// absolute is a path of the payload's from its root; empty where it starts from what
// has no path there. /proc leads from the root of the mount namespace, and the
// payload's may be another directory (chroot(2)).
func absolute(tid int, dir int32, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	root, err := sys.Readlink("/proc/" + strconv.Itoa(tid) + "/root")
	if err != nil {
		return ""
	}
	var from string
	if dir == unix.AT_FDCWD {
		from, err = sys.Readlink("/proc/" + strconv.Itoa(tid) + "/cwd")
	} else {
		from, _, err = sys.DescriptorOf(leader(tid), int(dir))
	}
	if err != nil || !path.IsAbs(from) || strings.HasSuffix(from, " (deleted)") {
		return ""
	}
	if root != "/" && from != root {
		var below bool
		if from, below = strings.CutPrefix(from, root+"/"); !below {
			return ""
		}
	} else if from == root {
		from = ""
	}
	return path.Join("/", from, name)
}
