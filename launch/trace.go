package launch

import (
	"errors"
	"path"
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
	last      mark
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
	executed []string
	full     []Full // when a process ended that had failed
	blind    error  // why results cannot be seen
	lives    lives
}

// trace lets a call go on that the policy allows, and looks what comes of it.
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
		r.failed(&Failure{Call: call, Text: call.Text(read), Data: call.Data(read)}, tid)
		goOn()
		return
	case "kill", "tgkill":
		if call.Name() == "tgkill" || call.Args[1] != 0 { // it may end by that
			r.failed(&Failure{Call: call, Text: call.Text(read)}, tid)
			goOn()
			return
		}
	}
	f := &Failure{Call: call, Text: call.Text(read), Address: call.Address(read), IDs: call.IDs()}
	if call.Name() == "fchown" {
		f.Paths = append(f.Paths, absolute(tid, int32(call.Args[0]), ""))
	}
	for i := 0; ; i++ {
		dir, name, ok := call.Path(i, read)
		if !ok {
			break
		}
		f.Paths = append(f.Paths, absolute(tid, dir, name))
	}
	if strings.HasPrefix(f.Address, "/") { // unix(7)
		f.Paths = append(f.Paths, path.Clean(f.Address))
	}
	if !sys.NotificationValid(r.listener, n.ID) {
		return
	}
	err := sys.Result(tid, leader(tid), goOn, func() bool { return r.due() == nil }, func(tid int, result int64) {
		if result < 0 && result > -4096 {
			f.Errno = unix.Errno(-result)
		} else if call.Name() == "connect" && unanswered(tid, int(int32(call.Args[0])), f.Address) {
			f.Errno, f.Inferred = unix.ECONNREFUSED, true
		}
		if f.Errno != 0 || call.Misleads() {
			r.failed(f, tid)
		}
		if f.Errno == 0 && strings.HasPrefix(call.Name(), "execve") && len(f.Paths) > 0 && len(t.executed) < mostFailures {
			t.executed = append(t.executed, path.Base(f.Paths[0]))
		}
	})
	switch {
	case errors.Is(err, sys.ErrRestarted):
		if t.again == nil || len(t.again) > mostFailures {
			t.again = make(map[int]denial.Call)
		}
		t.again[tid] = call
		if !listened(tid, f.Address) {
			f.Errno, f.Inferred = unix.ECONNREFUSED, true
			r.failed(f, tid)
		}
	case errors.Is(err, unix.EPERM) && !r.execed: // it is undumpable until its first execve
		r.execed = true
	case errors.Is(err, unix.EPERM):
		t.blind = err // a debugger inside has it, or Yama lets nobody trace
	}
}

// failed notes a failure, and of the other calls those that the caller wants kept.
func (r *run) failed(f *Failure, tid int) {
	t := &r.traced
	key := f.Call.Name() + " " + strings.Join(f.Paths, " ") + " " + strconv.Itoa(int(f.Errno)) + f.Address
	switch f.Call.Name() { // the others differ in pointers
	case "open", "openat", "socket", "write":
		key += f.Text
	}
	if old := t.index[key]; old != nil {
		old.Count++
		old.last = t.lives.mark(tid)
		return
	}
	room := len(t.failures) < mostFailures
	if !room && f.Errno != 0 {
		t.others++
	}
	if !room {
		return
	}
	f.Count, f.At, f.Pid = 1, time.Since(r.began), tid
	f.Process = process(tid)
	if keep := r.opt.Failed != nil && r.opt.Failed(f); !keep && f.Errno == 0 {
		return
	}
	if t.index == nil {
		t.index = make(map[string]*Failure)
	}
	f.last = t.lives.mark(tid)
	t.index[key] = f
	t.failures = append(t.failures, f)
}

// leader is the id of the process of a thread, outside.
func leader(tid int) int {
	status, _ := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	pid, _ := strconv.Atoi(field(status, "Tgid"))
	return pid
}

// absolute is a path of the payload's from its root.
func absolute(tid int, dir int32, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	var from string
	var err error
	if dir == unix.AT_FDCWD {
		from, err = sys.Readlink("/proc/" + strconv.Itoa(tid) + "/cwd")
	} else {
		from, _, err = sys.DescriptorOf(leader(tid), int(dir))
	}
	if err != nil {
		return name
	}
	return path.Join(from, name)
}
