package cause

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// Why says why no entry is right for steps and errnos that the manual has
// together.
type Why struct {
	On
	Text string
}

// Whys are the combinations for which the table has no entry: what stands here
// cannot come, or the kernel does not say why it did.
func Whys() []Why {
	const (
		ours    = "cannot come from the host: an error of procjail's own"
		newRoot = "the place is in the jail's own root, which nobody else has seen: an error of procjail's own"
		fixed   = "the arguments are constants that every kernel since 5.14 takes, or were looked up before: what it has against them it does not say"
		ended   = "the process, of which the supervisor holds a pidfd, cannot be gone: an error of procjail's own"
		log     = "a fault of a disk, or of the file system on it; only the kernel's log says more (dmesg(1))"
		after   = "made when the payload has ended: it is said with its errno, in the report as left"
	)
	// E lists errnos.
	E := func(list ...unix.Errno) []unix.Errno { return list }
	S := func(list ...plan.Step) []plan.Step { return list }

	inRoot := S(plan.Mknodat{}, plan.Symlinkat{}, plan.Unlinkat{}, plan.Rmdir{}, plan.Fchdir{}, plan.Fchmod{}, plan.Fchown{})
	events := S(plan.PollAlive{}, plan.AwaitEither{}, plan.AwaitEvent{}, plan.AwaitEmpty{})
	moves := S(plan.MoveProcesses{}, plan.MoveProcess{})
	configures := S(plan.FsconfigString{}, plan.FsconfigFlag{}, plan.FsconfigCreate{})
	scope := S(plan.StartScope{}, plan.AwaitScope{})
	reads := S(plan.Read{}, plan.Write{}, plan.Sendfile{}, plan.Close{}, plan.Dup3{}, plan.KeepFD{})
	why := func(text string, errnos []unix.Errno, steps ...plan.Step) Why { return Why{On{steps, errnos}, text} }
	return []Why{
		// Any step. nil: a step of any type.
		{On{nil, E(unix.EFAULT)}, "every pointer of a plan leads into memory that procjail holds: an error of procjail's own"},
		{On{nil, E(unix.EBADF)}, "a descriptor of a plan is the result of an earlier step, or one of the caller's that was looked at: an error of procjail's own"},
		{On{nil, E(unix.EINTR)}, "a call that a signal interrupts is made again, and init has every signal blocked"},
		{On{nil, E(unix.EIO)}, log},
		{On{nil, E(unix.EPERM, unix.EACCES, unix.ENOSYS, unix.EOPNOTSUPP)}, "a filter around procjail is asked for at any step, and the kernel has no reason of its own " +
			"to refuse this one: a security module may, and only the kernel's log says more (dmesg(1), ausearch(8))"},

		// Processes.
		why("since Linux 4.9 it is ENOSPC (clone(2))", E(unix.EUSERS), plan.Clone3{}, plan.Clone{}, plan.Unshare{}),
		why("only with set_tid, which no plan uses", E(unix.EEXIST), plan.Clone3{}, plan.Clone{}),
		why("only for a process in a new cgroup, which this one is not", E(unix.EBUSY, unix.ENOSPC), plan.Clone{}),
		why("no namespace is asked for: "+ours, E(unix.EINVAL), plan.Clone{}),
		why(fixed, E(unix.EINVAL), plan.PidfdOpen{}, plan.Eventfd{}, plan.PidfdSendSignal{}, plan.Waitid{}, plan.Reap{}, plan.SignalMask{}, plan.Forward{}, plan.Ignore{},
			plan.CloseRange{}, plan.Dup3{}, plan.ExecFD{}),
		{On{events, E(unix.EINVAL)}, fixed},
		why(ended, E(unix.ESRCH), plan.PidfdOpen{}, plan.PidfdSendSignal{}, plan.Setns{}),
		why("the kernel could not make an inode of its own for it, and says no more", E(unix.ENODEV), plan.PidfdOpen{}, plan.Eventfd{}),
		why("each child of a plan is waited for once, and by its parent: an error of procjail's own", E(unix.ECHILD, unix.ESRCH, unix.EAGAIN), plan.Waitid{}, plan.Reap{}),
		why("PID 1's program is a file of the jail's own that procjail has just written: an error of procjail's own",
			E(unix.E2BIG, unix.EACCES, unix.EAGAIN, unix.EISDIR, unix.ELIBBAD, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOENT, unix.ENOEXEC, unix.ENOTDIR, unix.ETXTBSY), plan.ExecFD{}),
		why("newuidmap(1) was executable when procjail looked; the kernel does not say what is wrong with it now",
			E(unix.E2BIG, unix.EINVAL, unix.EISDIR, unix.ELIBBAD, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOEXEC, unix.ENOTDIR, unix.ETXTBSY), plan.Newidmap{}),
		why("the path, or that of the interpreter, is at fault in a way that the kernel does not say", E(unix.ELIBBAD, unix.ELOOP, unix.ENAMETOOLONG), plan.Execve{}),
		why("the plan passes over it: the cpuset has become another one meanwhile", E(unix.EINVAL), plan.SchedSetaffinity{}),
		why("the thread is the one that calls: an error of procjail's own", E(unix.ESRCH), plan.SchedSetaffinity{}),
		why("the process leads no session or group yet: an error of procjail's own", E(unix.EACCES, unix.EINVAL, unix.ESRCH), plan.Setpgid{}),

		// Ids.
		why("the file is one of /proc/PID, of a process that waits: the kernel says no more",
			E(unix.EAGAIN, unix.EBUSY, unix.EDESTADDRREQ, unix.EDQUOT, unix.EEXIST, unix.EFBIG, unix.EISDIR, unix.ELOOP, unix.ENAMETOOLONG, unix.ENODEV,
				unix.ENOSPC, unix.ENOTDIR, unix.ENXIO, unix.EOVERFLOW, unix.EPIPE, unix.ETXTBSY), plan.WriteMap{}),
		why("the ids are mapped by then: an error of procjail's own", E(unix.EINVAL, unix.EAGAIN), plan.Setgroups{}, plan.Setresuid{}, plan.Setresgid{}),

		// Files of the host's and of the jail's.
		why("O_EXCL in the jail's own root, or a directory that was just made: "+ours, E(unix.EEXIST), plan.Openat{}, plan.OpenInRoot{}, plan.OpenCgroup{}),
		why("no plan opens for that, or in that way: the kernel says no more",
			E(unix.EBUSY, unix.EINVAL, unix.EISDIR, unix.ENODEV, unix.ENXIO, unix.EOVERFLOW, unix.ETXTBSY, unix.EWOULDBLOCK), plan.Openat{}, plan.OpenInRoot{}, plan.OpenCgroup{}),
		why("the destination is opened by O_PATH, which makes and reads nothing: the kernel says no more",
			E(unix.E2BIG, unix.EAGAIN, unix.EDQUOT, unix.EFBIG, unix.ENAMETOOLONG, unix.ENOSPC, unix.EROFS, unix.EXDEV), plan.OpenInRoot{}),
		why("a directory is opened to be read, and nothing is made: the kernel says no more",
			E(unix.EDQUOT, unix.EFBIG, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOSPC, unix.ENOTDIR, unix.EROFS), plan.OpenCgroup{}),
		{On{inRoot, E(unix.EBUSY, unix.EDQUOT, unix.EEXIST, unix.EINVAL, unix.EISDIR, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOENT, unix.ENOTDIR, unix.ENOTEMPTY, unix.EROFS)}, newRoot},
		why("the name in the host's directory is the plan's own, or the directory is older than the jail and full in a way that no limit says",
			E(unix.EEXIST, unix.EINVAL, unix.EMLINK), plan.Mkdirat{}),
		why("what else is behind the directory inside is not for procjail to see", E(unix.ELOOP, unix.ENAMETOOLONG), plan.Chdir{}),
		{
			On{reads, E(unix.EAGAIN, unix.EDESTADDRREQ, unix.EDQUOT, unix.EINVAL, unix.EISDIR, unix.EOVERFLOW, unix.EPIPE, unix.ESPIPE, unix.EDEADLK, unix.ENOLCK, unix.ENOTDIR)},
			"a file of the jail's own, or an eventfd whose counter is 1 at most: an error of procjail's own",
		},
		why("of what was written to a jail's own file, or of a lock: "+ours, E(unix.EBUSY, unix.ENOSPC), plan.Close{}, plan.Dup3{}, plan.KeepFD{}),

		// Mounts.
		why(fixed, E(unix.EINVAL), plan.Fsopen{}, plan.Fsmount{}, plan.MountSetattr{}, plan.PivotRoot{}, plan.Detach{}),
		why("the file system's context is the plan's own, and in the right state: an error of procjail's own", E(unix.EBUSY), plan.Fsmount{}),
		{On{configures, E(unix.ENAMETOOLONG, unix.ENOTBLK, unix.ENXIO, unix.EBUSY, unix.ELOOP, unix.ENOENT, unix.ENOTDIR)}, "no plan names a device, and what a path is about is asked where there is one"},
		why("the mount is a copy of the plan's own that nobody else uses: an error of procjail's own", E(unix.EBUSY, unix.ENOENT, unix.ENOSPC), plan.MountSetattr{}),
		why("the place was just opened or made, and the mount is not above it: an error of procjail's own", E(unix.ELOOP, unix.ENAMETOOLONG, unix.ENOENT), plan.MoveMount{}),
		why("the new root was mounted on the old one by the plan itself: an error of procjail's own", E(unix.EBUSY, unix.ENOTDIR), plan.PivotRoot{}),
		why("the mount was put there by the plan itself, and MNT_DETACH waits for nobody: an error of procjail's own",
			E(unix.EAGAIN, unix.EBUSY, unix.ENAMETOOLONG, unix.ENOENT), plan.Detach{}),

		// What a process gives up, and the walls around it.
		why(fixed, E(unix.EINVAL, unix.EBUSY, unix.ENODEV, unix.ENXIO, unix.ERANGE), plan.Prctl{}, plan.AmbientRaise{}),
		why(fixed, E(unix.EINVAL, unix.ESRCH), plan.Capset{}, plan.Prlimit{}),
		why("of other operations of keyctl(2) than the one that a plan has",
			E(unix.EAGAIN, unix.EDEADLK, unix.EEXIST, unix.EINVAL, unix.EKEYEXPIRED, unix.EKEYREJECTED, unix.EKEYREVOKED, unix.ELOOP, unix.EMSGSIZE, unix.ENOENT,
				unix.ENOKEY, unix.ENOTDIR, unix.ETIMEDOUT), plan.JoinSessionKeyring{}),
		why("the rights are those of the ABI that the kernel has named, on descriptors of the plan's own: an error of procjail's own",
			E(unix.E2BIG, unix.EINVAL, unix.ENOMSG, unix.EBADFD), plan.LandlockCreateRuleset{}, plan.LandlockAddRule{}, plan.LandlockRestrictSelf{}),
		why("only with SECCOMP_FILTER_FLAG_TSYNC or a listener", E(unix.EBUSY, unix.ESRCH), plan.SetFilter{}),
		why("a profile's name has 64 letters at most: an error of procjail's own", E(unix.EINVAL, unix.ENAMETOOLONG), plan.Sethostname{}),
		why(fixed, E(unix.EINVAL, unix.ENOBUFS, unix.EPROTONOSUPPORT), plan.Socket{}, plan.Socketpair{}),
		why("every kernel has sockets of AF_UNIX that Debian's or another distribution's programs need", E(unix.EAFNOSUPPORT), plan.Socketpair{}),
		why(fixed, E(unix.EINVAL, unix.ENOTTY), plan.InterfaceUp{}, plan.NamespaceOf{}, plan.Ioctl{}),

		// Handing a terminal over.
		why("the two ends of the socket are the plan's own: an error of procjail's own, or the other side has ended, and what it failed with is said instead",
			E(unix.EAGAIN, unix.EALREADY, unix.ECONNRESET, unix.ECONNREFUSED, unix.EDESTADDRREQ, unix.EINVAL, unix.EISCONN, unix.EMSGSIZE, unix.ENOBUFS, unix.ENOTCONN,
				unix.ENOTSOCK, unix.EPIPE), plan.SendFD{}, plan.ReceiveFD{}),

		// cgroups and systemd.
		{
			On{scope, E(unix.EADDRINUSE, unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, unix.EAGAIN, unix.EALREADY, unix.ECONNRESET, unix.EDESTADDRREQ, unix.EINPROGRESS, unix.EINVAL,
				unix.EISCONN, unix.EMSGSIZE, unix.ENETUNREACH, unix.ENOBUFS, unix.ENOTCONN, unix.ENOTSOCK, unix.EPIPE, unix.EPROTOTYPE, unix.ETIMEDOUT)},
			"of the stream to systemd, which is closed, full or no stream: the error itself says which socket and what",
		},
		why("a lock for which there is no memory, or none is known: the kernel says no more", E(unix.ENOLCK, unix.EINVAL), plan.Flock{}),
		{
			On{moves, E(unix.EAGAIN, unix.EDESTADDRREQ, unix.EDQUOT, unix.EEXIST, unix.EFBIG, unix.EINVAL, unix.EISDIR, unix.ELOOP, unix.ENAMETOOLONG, unix.ENODEV, unix.ENOENT,
				unix.ENOSPC, unix.ENOTDIR, unix.ENXIO, unix.EOVERFLOW, unix.EPIPE, unix.ETXTBSY)},
			"cgroup.procs is there, and which process a controller does not take, and why, the kernel does not say (cgroups(7))",
		},
		why(after, E(unix.EAGAIN, unix.EBUSY, unix.EDESTADDRREQ, unix.EDQUOT, unix.EEXIST, unix.EFBIG, unix.EINVAL, unix.EISDIR, unix.ELOOP, unix.ENAMETOOLONG, unix.ENODEV,
			unix.ENOENT, unix.ENOLCK, unix.ENOSPC, unix.ENOTDIR, unix.ENOTEMPTY, unix.ENXIO, unix.EOVERFLOW, unix.EPIPE, unix.EROFS, unix.ETXTBSY), plan.GiveBack{}),
	}
}

// WhyUnknown is the reason why there is no entry, for a step and an errno; empty:
// nobody has thought of it.
func WhyUnknown(s plan.Step, errno unix.Errno) string {
	for _, w := range Whys() {
		if (&Entry{On: []On{w.On}}).on(s, errno) {
			return w.Text
		}
	}
	return ""
}
