package denial

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Traced returns the numbers of the calls that --trace-denials looks at: those that
// name a path or an address, that make a process or end one, that take memory, and some
// that fail for one reason only.
func Traced() []int32 { return slices.Concat(also, traced) }

// traced are those that every architecture has.
var traced = []int32{
	unix.SYS_BIND, unix.SYS_CHDIR, unix.SYS_CLONE, unix.SYS_CLONE3, unix.SYS_CONNECT, unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_EXIT_GROUP,
	unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_FCHMODAT, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_INOTIFY_ADD_WATCH, unix.SYS_INOTIFY_INIT1,
	unix.SYS_KILL, unix.SYS_LINKAT, unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_MLOCK, unix.SYS_MLOCK2, unix.SYS_MLOCKALL, unix.SYS_MMAP, unix.SYS_MOUNT,
	unix.SYS_MREMAP, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_PIPE2, unix.SYS_READLINKAT, unix.SYS_RENAMEAT2, unix.SYS_SENDTO, unix.SYS_SOCKET, unix.SYS_STATX,
	unix.SYS_SYMLINKAT, unix.SYS_TGKILL, unix.SYS_TRUNCATE, unix.SYS_UMOUNT2, unix.SYS_UNLINKAT, unix.SYS_UNSHARE, unix.SYS_WRITE,
}

// argument is one of a call, by its number.
type argument struct {
	nr     int32
	arg    uint32
	values []uint32 // of its lower half
}

// only are the values of an argument with which a call is traced at all, for calls that
// are made often.
var only = []argument{
	{unix.SYS_KILL, 1, []uint32{0, uint32(unix.SIGABRT)}}, // is it there?
	{unix.SYS_TGKILL, 2, []uint32{uint32(unix.SIGABRT)}},  // abort(3)
	{unix.SYS_WRITE, 0, []uint32{1, 2}},                   // what it says of its failure
}

// Executes reports whether it is execve(2) or execveat(2).
func (c Call) Executes() bool { return c.Name() == "execve" || c.Name() == "execveat" }

// Misleads reports whether a call that succeeds may yet not do what it was made for: a
// setuid program that runs without that, a question whether a process is there that
// the asker answers itself, an end without a core, a message, a mapping with less behind it than its size, a mount
// that others have too.
func (c Call) Misleads() bool {
	switch c.Name() {
	case "execve", "execveat", "mount":
		return true
	case "kill", "tgkill", "write":
		return true
	case "mmap":
		return c.Args[2]&unix.PROT_WRITE != 0 && c.Args[3]&unix.MAP_TYPE != unix.MAP_PRIVATE && c.Args[3]&unix.MAP_ANONYMOUS == 0
	}
	return false
}
