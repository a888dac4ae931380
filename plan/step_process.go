package plan

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/userns"
)

// cloneFlags are those of clone(2), of which the low byte is a signal, and of unshare(2).
var cloneFlags = []Name{
	{unix.CLONE_VM, "CLONE_VM"},
	{unix.CLONE_FILES, "CLONE_FILES"},
	{unix.CLONE_VFORK, "CLONE_VFORK"},
	{unix.CLONE_PIDFD, "CLONE_PIDFD"},
	{unix.CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND"},
	{unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP"},
	{uint64(unix.SIGCHLD), "SIGCHLD"},
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{unix.CLONE_NEWNET, "CLONE_NEWNET"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
	{unix.CLONE_NEWTIME, "CLONE_NEWTIME"},
}

// Namespaces are the CLONE_NEW* flags with their names, in the order of
// namespaces(7).
var Namespaces = cloneFlags[len(cloneFlags)-8:]

// Clone3 is clone3(2) in the supervisor. The child is init; the entry's
// result is its process id. With CLONE_CLEAR_SIGHAND (since Linux 5.5) no
// handler of the supervisor's can run in the child.
type Clone3 struct {
	Flags uint64
	Pidfd FD // stands for the pidfd that the kernel stores
	// Cgroup is the directory of the cgroup that the child is born in, with
	// CLONE_INTO_CGROUP (since Linux 5.7).
	Cgroup FD
}

// CloneArgs are the struct clone_args that s asks for, with a place for the
// address of the pidfd at offset 8 (CLONE_ARGS_SIZE_VER0, 64 bytes) and for the
// number of the cgroup, if there is one, at offset 80 (CLONE_ARGS_SIZE_VER2, 88
// bytes).
func (s Clone3) CloneArgs() []byte {
	args := newStruct(64)
	if s.Cgroup != 0 {
		args = newStruct(88)
	}
	args.u64(0, s.Flags)
	args.u64(32, uint64(unix.SIGCHLD))
	return args
}

func (s Clone3) Write(w Writer) {
	w.Call("clone3", unix.SYS_CLONE3)
	if s.Cgroup == 0 {
		w.Struct(s.CloneArgs(), s.text)
		w.Int(64)
		return
	}
	w.Ref(s.CloneArgs(), 80, s.Cgroup, s.text)
	w.Int(88)
}

func (s Clone3) text() string {
	t := "{flags=" + flags(s.Flags, cloneFlags) + ", pidfd=[" + s.Pidfd.String() + "], exit_signal=SIGCHLD"
	if s.Cgroup != 0 {
		t += ", cgroup=" + s.Cgroup.String()
	}
	return t + "}"
}

// Clone is clone(2) in init, with CLONE_VM: no memory is copied. The child is
// the payload, or makes the network, and init goes on at once.
type Clone struct{ Flags uint64 }

func (s Clone) Write(w Writer) {
	w.Call("clone", unix.SYS_CLONE)
	w.Flags(s.Flags|uint64(unix.SIGCHLD), cloneFlags)
	w.Null()
}

// Newidmap runs newuidmap(1) or newgidmap(1), which may map a user's
// subordinate ids into the namespace of Pid because their files carry the
// privilege. Neighbours in a plan run side by side.
type Newidmap struct {
	Program string // an absolute path
	Pid     FD
	Map     userns.Map
}

func (s Newidmap) Write(w Writer) {
	w.Call("execve", unix.SYS_EXECVE)
	w.String(s.Program)
	w.Strings(append([]string{s.Program, s.Pid.String()}, s.Map.Args()...))
}

// WriteMap is the write(2) of a uid_map or gid_map by a supervisor that is
// privileged enough to write another process's (user_namespaces(7)).
type WriteMap struct {
	Pid  FD
	File string // "uid_map" or "gid_map"
	Map  userns.Map
}

func (s WriteMap) Write(w Writer) {
	data := s.Map.Bytes()
	w.Call("write", unix.SYS_WRITE)
	w.Symbol(0, "/proc/"+s.Pid.String()+"/"+s.File)
	w.Bytes(data)
	w.Int(int64(len(data)))
}

// Unshare is unshare(2).
type Unshare struct{ Flags uint64 }

func (s Unshare) Write(w Writer) {
	w.Call("unshare", unix.SYS_UNSHARE)
	w.Flags(s.Flags, cloneFlags)
}

// Setns is setns(2) into one namespace.
type Setns struct {
	FD   FD
	Type uint64
}

func (s Setns) Write(w Writer) {
	w.Call("setns", unix.SYS_SETNS)
	w.FD(s.FD)
	w.Flags(s.Type, cloneFlags)
}

// PidfdOpen is pidfd_open(2).
type PidfdOpen struct{ Pid int }

func (s PidfdOpen) Write(w Writer) {
	w.Call("pidfd_open", unix.SYS_PIDFD_OPEN)
	w.Int(int64(s.Pid))
	w.Symbol(0, "0")
}

// Eventfd is eventfd2(2): a counter of 64 bits that one process writes and
// another reads.
type Eventfd struct{ Flags uint64 }

var eventFlags = []Name{{unix.EFD_CLOEXEC, "EFD_CLOEXEC"}, {unix.EFD_NONBLOCK, "EFD_NONBLOCK"}}

func (s Eventfd) Write(w Writer) {
	w.Call("eventfd2", unix.SYS_EVENTFD2)
	w.Int(0)
	w.Flags(s.Flags|unix.EFD_CLOEXEC, eventFlags)
}

// PollAlive is ppoll(2) of a pidfd with no wait: 0 while the process lives, 1
// once it has ended.
type PollAlive struct{ Pidfd FD }

func (s PollAlive) Write(w Writer) {
	w.Call("ppoll", unix.SYS_PPOLL)
	fds := newStruct(8)
	fds.u16(4, unix.POLLIN)
	w.Ref(fds, 0, s.Pidfd, func() string { return "[{fd=" + s.Pidfd.String() + ", events=POLLIN}]" })
	w.Int(1)
	w.Struct(newStruct(16), func() string { return "{tv_sec=0, tv_nsec=0}" })
	w.Null()
}

// AwaitEither is ppoll(2), without a limit of time, for an event, or for the end
// of a process.
type AwaitEither struct{ Event, Process FD }

func (s AwaitEither) Write(w Writer) {
	w.Call("ppoll", unix.SYS_PPOLL)
	fds := newStruct(16)
	fds.u16(4, unix.POLLIN)
	fds.u16(12, unix.POLLIN)
	w.Refs(fds, []int{0, 8}, []FD{s.Event, s.Process}, func() string {
		return "[{fd=" + s.Event.String() + ", events=POLLIN}, {fd=" + s.Process.String() + ", events=POLLIN}]"
	})
	w.Int(2)
	w.Null()
	w.Null()
}

// AwaitEvent is ppoll(2) for an event, with a limit of time.
type AwaitEvent struct {
	Event   FD
	Seconds int64
}

func (s AwaitEvent) Write(w Writer) {
	w.Call("ppoll", unix.SYS_PPOLL)
	fds := newStruct(8)
	fds.u16(4, unix.POLLIN)
	w.Ref(fds, 0, s.Event, func() string { return "[{fd=" + s.Event.String() + ", events=POLLIN}]" })
	w.Int(1)
	limit := newStruct(16)
	limit.u64(0, uint64(s.Seconds))
	w.Struct(limit, func() string { return "{tv_sec=" + itoa(s.Seconds) + ", tv_nsec=0}" })
	w.Null()
}

// PidfdSendSignal is pidfd_send_signal(2).
type PidfdSendSignal struct {
	Pidfd  FD
	Signal unix.Signal
}

func (s PidfdSendSignal) Write(w Writer) {
	w.Call("pidfd_send_signal", unix.SYS_PIDFD_SEND_SIGNAL)
	w.FD(s.Pidfd)
	w.Symbol(uint64(s.Signal), unix.SignalName(s.Signal))
	w.Null()
	w.Symbol(0, "0")
}

// Waitid is waitid(2) for the end of the process behind a pidfd, with its
// resource usage, which the system call returns and the library's does not.
type Waitid struct{ Pidfd FD }

func (s Waitid) Write(w Writer) {
	w.Call("waitid", unix.SYS_WAITID)
	w.Symbol(unix.P_PIDFD, "P_PIDFD")
	w.FD(s.Pidfd)
	w.Buffer(128)
	w.Symbol(unix.WEXITED, "WEXITED")
	w.Buffer(144) // struct rusage
}

// SignalMask is rt_sigprocmask(2). All blocks every signal; otherwise none
// stays blocked.
type SignalMask struct{ All bool }

func (s SignalMask) Write(w Writer) {
	w.Call("rt_sigprocmask", unix.SYS_RT_SIGPROCMASK)
	w.Symbol(unix.SIG_SETMASK, "SIG_SETMASK")
	set := newStruct(8)
	if s.All {
		set.u64(0, ^uint64(0))
		w.Struct(set, func() string { return "~[]" })
	} else {
		w.Struct(set, func() string { return "[]" })
	}
	w.Null()
	w.Int(8)
}

// Forward is rt_sigaction(2) in the supervisor, for each signal: one that is
// sent to it goes on to the process behind Pidfd, by pidfd_send_signal(2) in the
// handler itself, unless it is Held; and an eventfd of the handler's wakes the
// supervisor, which counts them.
type Forward struct {
	Signals []unix.Signal
	Held    unix.Signal // 0: none
	Pidfd   FD
}

func (s Forward) Write(w Writer) {
	w.Call("rt_sigaction", unix.SYS_RT_SIGACTION)
	w.Symbol(0, signals(s.Signals))
	w.Struct(nil, func() string {
		t := "{sa_handler=pidfd_send_signal(" + s.Pidfd.String() + ")"
		if s.Held != 0 {
			t += " but for " + unix.SignalName(s.Held)
		}
		return t + ", sa_mask=~[], sa_flags=SA_ONSTACK|SA_RESTART|SA_SIGINFO}"
	})
	w.Null()
	w.Int(8)
}

// Ignore is rt_sigaction(2) with SIG_IGN.
type Ignore struct{ Signal unix.Signal }

func (s Ignore) Write(w Writer) {
	w.Call("rt_sigaction", unix.SYS_RT_SIGACTION)
	w.Symbol(uint64(s.Signal), signals([]unix.Signal{s.Signal}))
	act := newStruct(32) // struct kernel_sigaction: the handler is first
	act.u64(0, 1)
	w.Struct(act, func() string { return "{sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}" })
	w.Null()
	w.Int(8)
}

// signals names a list of them, a run of those in real time by its ends.
func signals(list []unix.Signal) string {
	var b strings.Builder
	for i, sig := range list {
		name := unix.SignalName(sig)
		run := name == "" && i > 0 && list[i-1] == sig-1
		switch {
		case run && i+1 < len(list) && list[i+1] == sig+1:
			continue
		case run:
			b.WriteString("..." + itoa(int64(sig)))
			continue
		case name == "":
			name = itoa(int64(sig))
		}
		if i > 0 {
			b.WriteString("|")
		}
		b.WriteString(name)
	}
	return b.String()
}

// SchedSetaffinity is sched_setaffinity(2) of the calling thread.
type SchedSetaffinity struct{ Processors Processors }

func (s SchedSetaffinity) Write(w Writer) {
	w.Call("sched_setaffinity", unix.SYS_SCHED_SETAFFINITY)
	w.Int(0)
	w.Int(int64(len(s.Processors)))
	w.Struct(s.Processors, s.Processors.String)
}

// Reap is wait4(2) for a child of init.
type Reap struct{ Pid FD }

func (s Reap) Write(w Writer) {
	w.Call("wait4", unix.SYS_WAIT4)
	w.FD(s.Pid)
	w.Null()
	w.Symbol(0, "0")
	w.Null()
}

// Exit is exit_group(2).
type Exit struct{}

func (s Exit) Write(w Writer) {
	w.Call("exit_group", unix.SYS_EXIT_GROUP)
	w.Int(0)
}

// Setsid is setsid(2): a new session, with no terminal.
type Setsid struct{}

func (s Setsid) Write(w Writer) { w.Call("setsid", unix.SYS_SETSID) }

// Execve is execve(2).
type Execve struct {
	Path      string
	Argv, Env []string
}

func (s Execve) Write(w Writer) {
	w.Call("execve", unix.SYS_EXECVE)
	w.String(s.Path)
	w.Strings(s.Argv)
	w.Strings(s.Env)
}

// ExecFD is execveat(2) with AT_EMPTY_PATH: the file behind a descriptor.
type ExecFD struct {
	FD   FD
	Argv []string
}

func (s ExecFD) Write(w Writer) {
	w.Call("execveat", unix.SYS_EXECVEAT)
	w.FD(s.FD)
	w.String("")
	w.Strings(s.Argv)
	w.Strings(nil)
	w.Symbol(unix.AT_EMPTY_PATH, "AT_EMPTY_PATH")
}

func (Clone3) sealed()           {}
func (Clone) sealed()            {}
func (Newidmap) sealed()         {}
func (WriteMap) sealed()         {}
func (Unshare) sealed()          {}
func (Setns) sealed()            {}
func (PidfdOpen) sealed()        {}
func (Eventfd) sealed()          {}
func (PollAlive) sealed()        {}
func (AwaitEither) sealed()      {}
func (AwaitEvent) sealed()       {}
func (PidfdSendSignal) sealed()  {}
func (Waitid) sealed()           {}
func (SignalMask) sealed()       {}
func (Forward) sealed()          {}
func (Ignore) sealed()           {}
func (SchedSetaffinity) sealed() {}
func (Reap) sealed()             {}
func (Exit) sealed()             {}
func (Setsid) sealed()           {}
func (Execve) sealed()           {}
func (ExecFD) sealed()           {}
