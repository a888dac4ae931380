package cause

import (
	"reflect"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// Steps has a value of each type of package plan's steps.
func Steps() []plan.Step {
	return []plan.Step{
		plan.Clone3{},
		plan.Clone{},
		plan.Newidmap{},
		plan.WriteMap{},
		plan.Unshare{},
		plan.Setns{},
		plan.PidfdOpen{},
		plan.Eventfd{},
		plan.PollAlive{},
		plan.AwaitEither{},
		plan.AwaitEvent{},
		plan.PidfdSendSignal{},
		plan.Waitid{},
		plan.SignalMask{},
		plan.Forward{},
		plan.Ignore{},
		plan.SchedSetaffinity{},
		plan.Reap{},
		plan.Exit{},
		plan.Setsid{},
		plan.Execve{},
		plan.ExecFD{},
		plan.Openat{},
		plan.OpenInRoot{},
		plan.Write{},
		plan.Read{},
		plan.Sendfile{},
		plan.Close{},
		plan.CloseRange{},
		plan.Dup3{},
		plan.Mknodat{},
		plan.Mkdirat{},
		plan.Symlinkat{},
		plan.Unlinkat{},
		plan.Rmdir{},
		plan.Fchdir{},
		plan.Fchmod{},
		plan.Chdir{},
		plan.Umask{},
		plan.Fsopen{},
		plan.FsconfigString{},
		plan.FsconfigFlag{},
		plan.FsconfigCreate{},
		plan.Fsmount{},
		plan.OpenTree{},
		plan.MountSetattr{},
		plan.MoveMount{},
		plan.PivotRoot{},
		plan.Detach{},
		plan.Prctl{},
		plan.AmbientRaise{},
		plan.Capset{},
		plan.Setgroups{},
		plan.Setresgid{},
		plan.Setresuid{},
		plan.JoinSessionKeyring{},
		plan.Prlimit{},
		plan.LandlockCreateRuleset{},
		plan.LandlockAddRule{},
		plan.LandlockRestrictSelf{},
		plan.SetFilter{},
		plan.Sethostname{},
		plan.Socket{},
		plan.InterfaceUp{},
		plan.NamespaceOf{},
		plan.StartScope{},
		plan.AwaitScope{},
		plan.OpenCgroup{},
		plan.Flock{},
		plan.MoveProcesses{},
		plan.MoveProcess{},
		plan.AwaitEmpty{},
		plan.GiveBack{},
		plan.Socketpair{},
		plan.SendFD{},
		plan.ReceiveFD{},
		plan.Ioctl{},
		plan.Setpgid{},
		plan.Fchown{},
		plan.KeepFD{},
	}
}

// Call is the system call of a step, as in "mount_setattr(2)". What is several
// calls has the name of the first.
func Call(s plan.Step) string {
	switch s := s.(type) {
	case plan.Newidmap:
		return s.Program + "(1)"
	case plan.WriteMap:
		return "write(2)"
	}
	return callName(s) + "(2)"
}

func callName(s plan.Step) string {
	if s == nil {
		return "nothing"
	}
	var w number
	s.Write(&w)
	return w.name
}

// typeName is the name of a step's type.
func typeName(s plan.Step) string { return reflect.TypeOf(s).Name() }

// errnoName is the errno's symbol, or what stands for the want of one.
func errnoName(e unix.Errno) string {
	if e == 0 {
		return "no errno"
	}
	return plan.Errno(e).String()
}

// number is the plan.Writer that takes down a call's name, its number, and those
// of its arguments that are no pointers and no results of the plan.
type number struct {
	name string
	nr   uint64
	args [6]uint64
	n    int
}

func (w *number) arg(v uint64) {
	if w.n < len(w.args) {
		w.args[w.n] = v
	}
	w.n++
}

func (w *number) Call(name string, nr uintptr)  { w.name, w.nr = name, uint64(nr) }
func (w *number) Int(n int64)                   { w.arg(uint64(n)) }
func (w *number) Mode(m uint32)                 { w.arg(uint64(m)) }
func (w *number) Flags(v uint64, _ []plan.Name) { w.arg(v) }
func (w *number) Symbol(v uint64, _ string)     { w.arg(v) }
func (w *number) String(string)                 { w.arg(0) }
func (w *number) Strings([]string)              { w.arg(0) }
func (w *number) Bytes([]byte)                  { w.arg(0) }
func (w *number) Buffer(int)                    { w.arg(0) }
func (w *number) Struct([]byte, func() string)  { w.arg(0) }
func (w *number) Program([]byte)                { w.arg(0) }
func (w *number) Rights(plan.FD)                { w.arg(0) }
func (w *number) Null()                         { w.arg(0) }

func (w *number) Ref([]byte, int, plan.FD, func() string)      { w.arg(0) }
func (w *number) Refs([]byte, []int, []plan.FD, func() string) { w.arg(0) }

func (w *number) FD(fd plan.FD) {
	if _, ok := fd.Result(); ok {
		fd = -1
	}
	w.arg(uint64(int64(fd)))
}

// namespaces are the CLONE_NEW* flags of what a step makes or enters.
func namespaces(s plan.Step) uint64 {
	var all uint64
	for _, n := range plan.Namespaces {
		all |= n.Bits
	}
	switch s := s.(type) {
	case plan.Clone3:
		return s.Flags & all
	case plan.Unshare:
		return s.Flags & all
	case plan.Setns:
		return s.Type & all
	case plan.Fsmount, plan.OpenTree: // a mount that stands nowhere is in a namespace of its own
		return unix.CLONE_NEWNS
	}
	return 0
}

// kind is a kind of namespace by the names that the kernel has for it.
type kind struct {
	flag   uint64
	word   string // in max_WORD_namespaces of /proc/sys/user
	link   string // in /proc/self/ns
	config string
}

var kinds = [...]kind{
	{unix.CLONE_NEWUSER, "user", "user", "USER_NS"},
	{unix.CLONE_NEWNS, "mnt", "mnt", "NAMESPACES"},
	{unix.CLONE_NEWPID, "pid", "pid", "PID_NS"},
	{unix.CLONE_NEWNET, "net", "net", "NET_NS"},
	{unix.CLONE_NEWIPC, "ipc", "ipc", "IPC_NS"},
	{unix.CLONE_NEWUTS, "uts", "uts", "UTS_NS"},
	{unix.CLONE_NEWCGROUP, "cgroup", "cgroup", "CGROUPS"},
	{unix.CLONE_NEWTIME, "time", "time_for_children", "TIME_NS"},
}

// path is where on the host the file of a step is: the path itself, below the
// directory that a descriptor of the supervisor's stands for. Empty for what is
// inside the jail.
func (l *look) path(dir plan.FD, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	at := l.behind(dir)
	if at == "" {
		return ""
	}
	return at + "/" + name
}

// behind is the path of what a descriptor was opened from; empty: none is known.
func (l *look) behind(fd plan.FD) string {
	if l.plan == nil {
		return ""
	}
	for _, e := range l.plan.Entries {
		if e.Out != fd || e.Out == 0 {
			continue
		}
		switch s := e.Step.(type) {
		case plan.Openat:
			return l.path(s.Dir, s.Path)
		case plan.OpenCgroup:
			// The supervisor is in it, or in a leaf of it by now.
			before, _, ok := strings.Cut(l.sys.ownCgroup()+"/", "/"+s.Unit+"/")
			if !ok {
				return ""
			}
			return s.Mount + before + "/" + s.Unit
		}
	}
	return ""
}

// fileSystem is the type of file system that a descriptor configures, or is a
// mount of.
func (l *look) fileSystem(fd plan.FD) string {
	if l.plan == nil {
		return ""
	}
	for _, e := range l.plan.Entries {
		if s, ok := e.Step.(plan.Fsopen); ok && e.Out == fd {
			return s.Type
		}
	}
	return ""
}

// errnoByName is the errno with a symbol; 0: there is none.
func errnoByName(name string) unix.Errno {
	switch name { // those that two names stand for
	case "EWOULDBLOCK":
		return unix.EWOULDBLOCK
	case "EOPNOTSUPP":
		return unix.EOPNOTSUPP
	case "EDEADLOCK":
		return unix.EDEADLK
	}
	for e := unix.Errno(1); e < 200; e++ {
		if unix.ErrnoName(e) == name {
			return e
		}
	}
	return 0
}
