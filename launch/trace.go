package launch

import (
	"errors"
	"fmt"
	"net/netip"
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
	Text    string   // in the syntax of strace(1)
	Paths   []string // absolute, inside; as they were written, symbolic links and all
	Address string   // of a socket: host and port, or a path
	Errno   unix.Errno
	IDs     []uint32 // that a chown(2) would have given; -1 is none
	Process denial.Process
	Pid     int // of the thread, outside
	Count   uint64
	At      time.Duration // the first of them
	// Inferred is whether the errno is what must have come, and was not seen.
	Inferred bool
}

// mostFailures is how many kinds of failures are kept.
const mostFailures = 256

// tracer is what --trace-denials keeps.
type tracer struct {
	failures []*Failure
	others   uint64
	index    map[string]*Failure
	again    map[int]denial.Call // calls that are made again since they wait: let them
	blind    error               // why results cannot be seen
}

// trace lets a call go on that the policy allows, and looks what comes of it.
func (r *run) trace(n *sys.Notification, call denial.Call, read denial.Memory) {
	t, tid := &r.traced, int(n.Pid)
	goOn := func() { _ = sys.ContinueNotification(r.listener, n.ID) }
	if t.again[tid] == call {
		delete(t.again, tid)
		goOn()
		return
	}
	switch name := call.Name(); {
	case name == "clone" || name == "fork" || name == "vfork":
		// A thread that is to stop makes no other (ERESTARTNOINTR), so that nothing
		// is seen of this one but whether there is room.
		if full := r.processesFull(tid); full {
			r.failed(&Failure{Call: call, Text: name + "(...)", Errno: unix.EAGAIN, Inferred: true}, tid)
		}
		goOn()
		return
	}
	if name := call.Name(); name == "execve" || name == "execveat" {
		// One of several threads becomes its process's first in it, and what was to stop
		// it is forgotten (fs/exec.c:de_thread): what comes of it is not looked at.
		status, _ := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
		if field(status, "Threads") != "1" {
			goOn()
			return
		}
	}
	f := &Failure{Call: call, Text: call.Text(read), Address: call.Address(read), IDs: call.IDs()}
	for i := 0; ; i++ {
		dir, name, ok := call.Path(i, read)
		if !ok {
			break
		}
		f.Paths = append(f.Paths, absolute(tid, dir, name))
	}
	if !sys.NotificationValid(r.listener, n.ID) {
		return
	}
	err := sys.Result(tid, goOn, func() bool { return r.due() == nil }, func(result int64) {
		if result < 0 && result > -4096 {
			f.Errno = unix.Errno(-result)
			r.failed(f, tid)
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

// failed notes a failure.
func (r *run) failed(f *Failure, tid int) {
	t := &r.traced
	key := f.Call.Name() + " " + strings.Join(f.Paths, " ") + " " + strconv.Itoa(int(f.Errno))
	if len(f.Paths) == 0 {
		key += f.Text
	}
	if old := t.index[key]; old != nil {
		old.Count++
		return
	}
	if len(t.failures) >= mostFailures {
		t.others++
		return
	}
	if t.index == nil {
		t.index = make(map[string]*Failure)
	}
	f.Count, f.At, f.Pid = 1, time.Since(r.began), tid
	f.Process = process(tid)
	t.index[key] = f
	t.failures = append(t.failures, f)
	if r.opt.Failed != nil {
		r.opt.Failed(f)
	}
}

// absolute is a path of the payload's from its root.
func absolute(tid int, dir int32, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	link := "cwd"
	if dir != unix.AT_FDCWD {
		link = "fd/" + strconv.Itoa(int(dir))
	}
	from, err := sys.Readlink("/proc/" + strconv.Itoa(tid) + "/" + link)
	if err != nil {
		return name
	}
	return path.Join(from, name)
}

// listened reports whether somebody listens on a TCP port of the loopback, by
// /proc/PID/net/tcp, whose lines have the local port in hexadecimal and the state,
// 0A for TCP_LISTEN. True for what is no such address.
func listened(tid int, address string) bool {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().IsLoopback() {
		return true
	}
	for _, name := range []string{"tcp", "tcp6"} {
		text, err := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/net/" + name)
		if err != nil {
			return true // not to be known
		}
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			if len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", a.Port())) {
				return true
			}
		}
	}
	return false
}

// processesFull reports whether as many processes and threads are in the jail as
// its RLIMIT_NPROC, which counts those of its user namespace, or its pids.max lets
// be.
func (r *run) processesFull(tid int) bool {
	limit := uint64(1 << 62)
	text, _ := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/limits")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "Max processes"); ok {
			if n, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64); err == nil {
				limit = n
			}
		}
	}
	if leaf := r.known(r.plan.Leaf); leaf >= 0 {
		if fd, err := sys.Openat(leaf, "pids.max", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			text, _ := sys.Pread(fd, 32)
			sys.Close(fd)
			if n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64); err == nil {
				limit = min(limit, n)
			}
		}
	}
	return threads(tid, limit) >= limit
}

// threads counts those in the jail of a thread, up to a limit, in its own /proc.
func threads(tid int, limit uint64) (n uint64) {
	proc := "/proc/" + strconv.Itoa(tid) + "/root/proc"
	for _, pid := range sys.Names(proc) {
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		status, _ := sys.ReadFile(path.Join(proc, pid, "status"))
		more, _ := strconv.ParseUint(field(status, "Threads"), 10, 64)
		if n += more; n >= limit {
			break
		}
	}
	return n
}
