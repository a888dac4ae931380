package cause

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// A question is a system call that the kernel itself refuses at once, whatever
// the host is like: for a flag that there is not, a descriptor that is -1, a
// pointer that is NULL. It does nothing, and its number, with the arguments that
// a filter might look at, is that of the step. So the answer tells who gives it:
// the kernel has one of a few, and any other comes from a seccomp filter that
// stands before it (seccomp(2); a security module is asked later, since it
// judges what the arguments stand for).
type question struct {
	args map[int]uint64 // in place of the step's own
	// answers are the kernel's. Of a call that wants a capability first, it is
	// that of a process with every capability in its user namespace.
	answers    []unix.Errno
	privileged bool
	succeeds   bool // harmless as it is: any result will do
}

const (
	noFD    = ^uint64(0)
	noFlags = uint64(0xffff_ff00) // bits that no call has a meaning for, in the upper half of an int
	null    = uint64(0)
)

// questions are those that are known, by the call's name.
func questions() map[string]question {
	badFD := question{args: map[int]uint64{0: noFD}, answers: []unix.Errno{unix.EBADF}}
	noPath := question{args: map[int]uint64{0: noFD, 1: null}, answers: []unix.Errno{unix.EFAULT, unix.EBADF}}
	harmless := question{succeeds: true}
	ask := func(args map[int]uint64, answers ...unix.Errno) question {
		return question{args: args, answers: answers}
	}
	asRoot := func(args map[int]uint64, answers ...unix.Errno) question {
		return question{args: args, answers: answers, privileged: true}
	}
	return map[string]question{
		"setns": badFD,

		// fs/fsopen.c, fs/namespace.c.
		"fsopen":        asRoot(map[int]uint64{0: null}, unix.EFAULT),
		"fsconfig":      ask(map[int]uint64{0: noFD, 2: null, 3: null}, unix.EINVAL),
		"fsmount":       asRoot(map[int]uint64{0: noFD}, unix.EBADF),
		"open_tree":     ask(map[int]uint64{0: noFD, 1: null, 2: noFlags}, unix.EINVAL),
		"mount_setattr": ask(map[int]uint64{0: noFD, 1: null, 2: noFlags, 3: null}, unix.EINVAL),
		"move_mount":    asRoot(map[int]uint64{0: noFD, 1: null, 2: noFD, 3: null, 4: noFlags}, unix.EINVAL),
		"pivot_root":    asRoot(map[int]uint64{0: null, 1: null}, unix.EFAULT),
		"umount2":       ask(map[int]uint64{0: null, 1: noFlags}, unix.EINVAL),

		"openat": noPath, "mknodat": noPath, "mkdirat": noPath, "unlinkat": noPath,
		"symlinkat": ask(map[int]uint64{0: null, 1: noFD, 2: null}, unix.EFAULT, unix.EBADF),
		"openat2":   ask(map[int]uint64{0: noFD, 1: null, 2: null, 3: 0}, unix.EINVAL),
		"chdir":     ask(map[int]uint64{0: null}, unix.EFAULT),
		"write":     badFD, "read": badFD, "close": badFD, "fchdir": badFD, "fchmod": badFD, "fchown": badFD,
		"ioctl": badFD, "fcntl": badFD, "sendmsg": badFD, "recvmsg": badFD, "flock": badFD,
		"sendfile":    ask(map[int]uint64{0: noFD, 1: noFD}, unix.EBADF),
		"close_range": ask(map[int]uint64{0: 2, 1: 1}, unix.EINVAL), // the first is above the last
		"dup3":        ask(map[int]uint64{0: noFD}, unix.EBADF),
		"umask":       harmless,

		"capset":                  ask(map[int]uint64{0: null, 1: null}, unix.EFAULT),
		"setresuid":               ask(map[int]uint64{0: noFD, 1: noFD, 2: noFD}), // leaves all three
		"setresgid":               ask(map[int]uint64{0: noFD, 1: noFD, 2: noFD}),
		"keyctl":                  ask(map[int]uint64{1: 1}, unix.EFAULT), // a name at address 1
		"prlimit64":               ask(map[int]uint64{1: 1 << 20, 2: null, 3: null}, unix.EINVAL),
		"landlock_create_ruleset": ask(map[int]uint64{0: null, 1: 0, 2: 0}, unix.EFAULT, unix.EINVAL, unix.EOPNOTSUPP),
		"landlock_add_rule":       ask(map[int]uint64{0: noFD, 2: null, 3: noFlags}, unix.EINVAL, unix.EOPNOTSUPP),
		"landlock_restrict_self":  asRoot(map[int]uint64{0: noFD, 1: noFlags}, unix.EINVAL, unix.EOPNOTSUPP),
		"seccomp":                 ask(map[int]uint64{1: noFlags, 2: null}, unix.EINVAL),
		"sethostname":             asRoot(map[int]uint64{0: null, 1: noFD}, unix.EINVAL),
		"socket":                  ask(map[int]uint64{1: 11}, unix.EINVAL), // SOCK_MAX: net/socket.c:__sock_create looks at it before any module

		"pidfd_open":        ask(map[int]uint64{1: noFlags}, unix.EINVAL),
		"eventfd2":          ask(map[int]uint64{1: noFlags}, unix.EINVAL),
		"socketpair":        ask(map[int]uint64{3: null}, unix.EFAULT),
		"pidfd_send_signal": ask(map[int]uint64{0: noFD, 3: noFlags}, unix.EINVAL, unix.EBADF),
		"waitid":            ask(map[int]uint64{1: noFD, 2: null, 3: noFlags, 4: null}, unix.EINVAL),
		"wait4":             ask(map[int]uint64{1: null, 2: noFlags, 3: null}, unix.EINVAL),
		"ppoll":             ask(map[int]uint64{0: null, 1: 1 << 30, 2: null}, unix.EINVAL, unix.EFAULT),
		"rt_sigprocmask":    ask(map[int]uint64{1: null, 3: 1}, unix.EINVAL),
		"rt_sigaction":      ask(map[int]uint64{0: 99, 3: 1}, unix.EINVAL),
		"sched_setaffinity": ask(map[int]uint64{2: null}, unix.EFAULT),
		"setsid":            harmless,
		"setpgid":           ask(map[int]uint64{1: noFD}, unix.EINVAL),
		"execve":            ask(map[int]uint64{0: null}, unix.EFAULT),
		"execveat":          ask(map[int]uint64{0: noFD, 1: null, 4: noFlags}, unix.EINVAL, unix.EFAULT),
	}
}

// prctls are those of prctl(2), whose first argument says what the call is.
func prctls() map[uint64]question {
	return map[uint64]question{
		unix.PR_SET_PDEATHSIG:    {args: map[int]uint64{1: 1000}, answers: []unix.Errno{unix.EINVAL}},
		unix.PR_SET_DUMPABLE:     {args: map[int]uint64{1: 99}, answers: []unix.Errno{unix.EINVAL}},
		unix.PR_CAPBSET_DROP:     {args: map[int]uint64{1: 1000}, answers: []unix.Errno{unix.EINVAL}, privileged: true},
		unix.PR_SET_SECUREBITS:   {args: map[int]uint64{1: 0}, succeeds: true, privileged: true}, // as they are in a new user namespace
		unix.PR_SET_TIMERSLACK:   {succeeds: true},
		unix.PR_SET_NO_NEW_PRIVS: {args: map[int]uint64{1: 2}, answers: []unix.Errno{unix.EINVAL}},
		unix.PR_CAP_AMBIENT:      {args: map[int]uint64{2: 1000}, answers: []unix.Errno{unix.EINVAL}},
	}
}

// questionFor is the call to make for a step, and what is known of its answer.
func questionFor(s plan.Step) (call [7]uint64, q question, ok bool) {
	var w number
	s.Write(&w)
	switch s := s.(type) {
	case plan.Newidmap, plan.WriteMap, plan.StartScope, plan.AwaitScope, plan.OpenCgroup, plan.MoveProcesses, plan.MoveProcess, plan.GiveBack,
		plan.AwaitEmpty, plan.Setgroups, plan.Exit:
		return call, q, false // not one call of a plan's, or none that tells
	case plan.Prctl:
		q, ok = prctls()[s.Option.Bits]
	case plan.AmbientRaise:
		q, ok = prctls()[unix.PR_CAP_AMBIENT]
	case plan.Clone: // CLONE_THREAD wants CLONE_SIGHAND: kernel/fork.c:copy_process
		q, ok = question{args: map[int]uint64{0: w.args[0] | unix.CLONE_THREAD}, answers: []unix.Errno{unix.EINVAL}}, true
	case plan.Unshare: // the bits of a signal are none of its flags: check_unshare_flags
		q, ok = question{args: map[int]uint64{0: w.args[0] | 1}, answers: []unix.Errno{unix.EINVAL}}, true
	default:
		q, ok = questions()[w.name]
	}
	if !ok {
		return call, q, false
	}
	call[0] = w.nr
	copy(call[1:], w.args[:])
	for i, v := range q.args {
		call[1+i] = v
	}
	return call, q, true
}

// spaces are the namespaces in which a question is asked, where the step is one
// of a process that is in such.
const spaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWUTS

// asked is what came of a question.
type asked uint8

const (
	notAsked asked = iota // or nothing could be made of the answer
	byKernel              // the kernel answers, as it does of itself
	byOther               // something else gives the failure's errno
)

// ask makes the question for the failure's step, in a process of its own. A
// filter is inherited, so that this process has the supervisor's and init's. What
// kills a process for such a call would have killed this one.
func (l *look) ask() asked {
	if _, ok := l.Step.(plan.Clone3); ok {
		// Without clone3(2) there is no other process. copy_clone_args_from_user
		// refuses a structure of no length.
		switch {
		case l.sys.Clone3 == nil || l.Errno == unix.EINVAL:
			return notAsked
		case l.sys.Clone3() == l.Errno:
			return byOther
		}
		return byKernel
	}
	call, q, ok := questionFor(l.Step)
	if !ok || l.sys.Try == nil || slices.Contains(q.answers, l.Errno) { // which would tell nothing
		return notAsked
	}
	if l.Errno == unix.ENOSYS && !l.sys.has(callName(l.Step)) {
		return notAsked
	}
	flags := l.around()
	got := l.answer(flags, call)
	switch {
	case got < 0:
		return notAsked
	case q.succeeds && got == 0, slices.Contains(q.answers, unix.Errno(got)), len(q.answers) == 0 && got == 0:
		return byKernel
	case unix.Errno(got) != l.Errno, q.privileged && !l.holds(flags, call[0]):
		return notAsked
	}
	return byOther
}

// has reports whether the kernel has a call. Some it has or not as it was built;
// the others are as old as the oldest kernel for procjail.
func (s *System) has(call string) bool {
	switch {
	case call == "keyctl":
		return s.exists("/proc/key-users")
	case strings.HasPrefix(call, "landlock_"):
		list, _ := s.word("/sys/kernel/security/lsm")
		return slices.Contains(strings.Split(list, ","), "landlock")
	}
	return true
}

// around are the namespaces in which a question is asked.
func (l *look) around() uint64 {
	if l.Stage == plan.Supervisor {
		return 0
	}
	return spaces
}

// answer makes a call in a process of its own. It is the errno, 0 for success,
// -1 for neither.
func (l *look) answer(flags uint64, call [7]uint64) int {
	got := l.sys.Try(Trial{Flags: flags, Call: &call})
	if got.Cloned != 0 || !got.Made {
		return -1
	}
	if got.Result < 0 {
		return int(-got.Result)
	}
	return 0
}

// controls are calls that want CAP_SYS_ADMIN before they look at anything else.
var controls = [...][8]uint64{
	{unix.SYS_SETHOSTNAME, null, noFD, 0, 0, 0, 0, uint64(unix.EINVAL)},
	{unix.SYS_FSOPEN, null, 0, 0, 0, 0, 0, uint64(unix.EFAULT)},
	{unix.SYS_PIVOT_ROOT, null, null, 0, 0, 0, 0, uint64(unix.EFAULT)},
	{unix.SYS_MOVE_MOUNT, noFD, null, noFD, null, noFlags, 0, uint64(unix.EINVAL)},
}

// holds reports whether a process like that of the step has its capability, by
// a call of another number.
func (l *look) holds(flags, other uint64) bool {
	for _, c := range controls {
		if c[0] != other && l.answer(flags, [7]uint64(c[:7])) == int(c[7]) {
			return true
		}
	}
	return false
}
