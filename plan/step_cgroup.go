package plan

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// StartScope asks a systemd manager for a scope with the supervisor and init in it
// (org.freedesktop.systemd1(5), StartTransientUnit). It is the sendmsg(2) of
// one D-Bus call, and the wait for its reply.
type StartScope struct {
	Socket      string // the manager's
	Unit, Slice string
	Description string
	Supervisor  int
	Init        FD
}

func (s StartScope) Write(w Writer) {
	w.Call("sendmsg", unix.SYS_SENDMSG)
	w.Symbol(0, quote(s.Socket))
	w.Symbol(0, "StartTransientUnit("+quote(s.Unit)+`, "fail", {Delegate=true, Slice=`+quote(s.Slice)+
		`, CollectMode="inactive-or-failed", Description=`+quote(s.Description)+", PIDs=["+strconv.Itoa(s.Supervisor)+", "+s.Init.String()+"]})")
}

// AwaitScope is the recvmsg(2) of the signal that says that the scope is there.
type AwaitScope struct{ Socket, Unit string }

func (s AwaitScope) Write(w Writer) {
	w.Call("recvmsg", unix.SYS_RECVMSG)
	w.Symbol(0, quote(s.Socket))
	w.Symbol(0, "JobRemoved("+quote(s.Unit)+`, "done")`)
}

// OpenCgroup is openat(2) of the directory of the supervisor's own cgroup, as
// /proc/self/cgroup names it once the scope is there.
type OpenCgroup struct {
	Mount string // where cgroup2 is
	Unit  string // the last part of the path
}

func (s OpenCgroup) Write(w Writer) {
	w.Call("openat", unix.SYS_OPENAT)
	w.FD(AtFDCWD)
	w.Symbol(0, quote(s.Mount+"/.../"+s.Unit))
	w.Flags(unix.O_DIRECTORY|unix.O_CLOEXEC, openFlags)
}

// Flock is flock(2) for a shared lock. It is tried again for a while where
// another jail gives the cgroup back.
type Flock struct{ FD FD }

func (s Flock) Write(w Writer) {
	w.Call("flock", unix.SYS_FLOCK)
	w.FD(s.FD)
	w.Symbol(unix.LOCK_SH|unix.LOCK_NB, "LOCK_SH|LOCK_NB")
}

// MoveProcesses is the write(2) of each process of the cgroup From to
// cgroup.procs of its child To, until From has none.
type MoveProcesses struct {
	From FD
	To   string
}

func (s MoveProcesses) Write(w Writer) {
	w.Call("write", unix.SYS_WRITE)
	w.FD(s.From)
	w.Symbol(0, quote(s.To+"/cgroup.procs"))
	w.Symbol(0, "each of cgroup.procs")
}

// MoveProcess is the write(2) of one process to cgroup.procs of a cgroup.
type MoveProcess struct{ To, Pid FD }

func (s MoveProcess) Write(w Writer) {
	w.Call("write", unix.SYS_WRITE)
	w.FD(s.To)
	w.Symbol(0, `"cgroup.procs"`)
	w.FD(s.Pid)
}

// AwaitEmpty is ppoll(2) of cgroup.events until it says that nothing lives in
// the cgroup. Where something does, a write(2) to cgroup.kill comes first.
type AwaitEmpty struct{ Events, Leaf FD }

func (s AwaitEmpty) Write(w Writer) {
	w.Call("ppoll", unix.SYS_PPOLL)
	w.Symbol(0, "[{fd="+s.Events.String()+", events=POLLPRI}]")
	w.Symbol(0, `"populated 0"`)
	w.Symbol(0, `or else cgroup.kill "1" in `+s.Leaf.String())
}

// GiveBack undoes MoveProcesses, unless another jail still stands in the cgroup
// Top: with an exclusive lock on it, controllers off, processes back, and their
// child removed.
type GiveBack struct {
	Top         FD
	Child       string
	Controllers []string
}

func (s GiveBack) Write(w Writer) {
	w.Call("flock", unix.SYS_FLOCK)
	w.FD(s.Top)
	w.Symbol(0, "LOCK_EX|LOCK_NB")
	w.Symbol(0, "then cgroup.subtree_control "+quote("-"+strings.Join(s.Controllers, " -"))+", cgroup.procs back, unlinkat "+quote(s.Child))
}

func (StartScope) sealed()    {}
func (AwaitScope) sealed()    {}
func (OpenCgroup) sealed()    {}
func (Flock) sealed()         {}
func (MoveProcesses) sealed() {}
func (MoveProcess) sealed()   {}
func (AwaitEmpty) sealed()    {}
func (GiveBack) sealed()      {}
