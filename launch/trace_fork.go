package launch

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// forks notes a process or thread that cannot be made. What comes of it cannot be
// seen: a thread that is to stop makes no other (ERESTARTNOINTR,
// kernel/fork.c:copy_process). The errno is what follows from what is there.
func (r *run) forks(call denial.Call, read denial.Memory, tid int) {
	r.goesOn(tid)
	f := &Failure{Call: call, Text: call.Text(read), Inferred: true}
	if call.Name() != "clone" {
		f.Call.Args = [6]uint64{}
	}
	flags := f.Call.Args[0]
	switch { // in the order of copy_process
	case flags&unix.CLONE_NEWUSER != 0 && flags&(unix.CLONE_FS|unix.CLONE_THREAD) == 0 && r.opt.UserNamespaces == 0:
		f.Errno = unix.ENOSPC
	case r.processesFull(tid):
		f.Errno = unix.EAGAIN
	case flags&unix.CLONE_THREAD == 0 && childless(tid):
		f.Errno = unix.ENOMEM
	default:
		return
	}
	r.failed(f, tid)
}

// withoutClone3 notes that a thread was refused that call: forks sees whether it goes
// on without.
func (t *tracer) withoutClone3(tid int, c denial.Call) {
	if t.clone3 == nil || len(t.clone3) >= mostFailures {
		t.clone3 = make(map[int]denial.Call)
	}
	t.clone3[tid] = c
}

// goesOn withdraws a refused clone3(2) of a thread that goes on without. The C library
// tries it each time that a process is made.
func (r *run) goesOn(tid int) {
	t := &r.traced
	c, ok := t.clone3[tid]
	if !ok {
		return
	}
	delete(t.clone3, tid)
	if gone := r.denied.Withdraw(c); gone != nil {
		delete(t.lives.denied, gone)
	}
}

// childless reports whether the children of a thread belong into a PID namespace
// whose PID 1 has ended, where none can be made: pid_namespaces(7).
func childless(tid int) bool {
	namespace := func(pid, name string) string { link, _ := sys.Readlink("/proc/" + pid + "/ns/" + name); return link }
	own := strconv.Itoa(tid)
	children := namespace(own, "pid_for_children")
	if children == "" || children == namespace(own, "pid") { // "" also where it has had none yet
		return false
	}
	for _, pid := range sys.Names("/proc") {
		if _, err := strconv.Atoi(pid); err != nil || namespace(pid, "pid") != children {
			continue
		}
		if status, _ := sys.ReadFile("/proc/" + pid + "/status"); !strings.HasPrefix(field(status, "State"), "Z") {
			return false
		}
	}
	return true
}

// processesFull reports whether as many processes and threads are in the jail as
// its pids.max lets be, or its RLIMIT_NPROC, which counts those of the same real id in
// its user namespace (getrlimit(2)).
func (r *run) processesFull(tid int) bool {
	if leaf := r.known(r.plan.Leaf); leaf >= 0 {
		current, known := countAt(leaf, "pids.current")
		if most, limited := countAt(leaf, "pids.max"); known && limited && current >= most {
			return true
		}
	}
	text, _ := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/limits")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "Max processes"); ok {
			if limit, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64); err == nil {
				return threads(r.known(r.plan.Init), tid, limit) >= limit
			}
		}
	}
	return false
}

// countAt is the number in a file of a cgroup; none is in one that says "max".
func countAt(dir int, name string) (n uint64, ok bool) {
	fd, err := sys.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	defer sys.Close(fd)
	text, _ := sys.Pread(fd, 32)
	n, err = strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	return n, err == nil
}

// threads counts those of the real id of a thread in a jail, up to a limit, in the
// /proc of its PID 1: the one of another process there may be anything, if that has
// another root.
func threads(init, tid int, limit uint64) (n uint64) {
	fd, err := sys.OpenProc("/proc/" + strconv.Itoa(init) + "/root")
	if err != nil {
		return 0
	}
	defer sys.Close(fd)
	proc := "/proc/self/fd/" + strconv.Itoa(fd)
	user := func(status string) string { uid, _, _ := strings.Cut(field(status, "Uid"), "\t"); return uid }
	own, _ := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	for _, pid := range sys.Names(proc) {
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		status, _ := sys.ReadFile(path.Join(proc, pid, "status"))
		if user(status) != user(own) {
			continue
		}
		more, _ := strconv.ParseUint(field(status, "Threads"), 10, 64)
		if n += more; n >= limit {
			break
		}
	}
	return n
}
