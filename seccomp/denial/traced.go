package denial

import "golang.org/x/sys/unix"

// traced are those that every architecture has. A socket(2) is not among them: what
// fails there is refused by the policy, or lacks in the kernel.
var traced = []int32{
	unix.SYS_BIND, unix.SYS_CHDIR, unix.SYS_CLONE, unix.SYS_CONNECT, unix.SYS_EXECVE, unix.SYS_EXECVEAT,
	unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT, unix.SYS_LINKAT, unix.SYS_MKDIRAT, unix.SYS_MKNODAT,
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_READLINKAT, unix.SYS_RENAMEAT2, unix.SYS_SENDTO, unix.SYS_STATX,
	unix.SYS_SYMLINKAT, unix.SYS_TRUNCATE, unix.SYS_UNLINKAT,
}
