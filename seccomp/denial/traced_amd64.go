package denial

import "golang.org/x/sys/unix"

// Traced are the numbers of the calls that --trace-denials looks at: those that
// name a path or an address, that make a process or end one, that take memory, and some that
// fail for one reason only.
var Traced = append([]int32{
	unix.SYS_ACCESS, unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_CREAT, unix.SYS_FORK, unix.SYS_INOTIFY_INIT, unix.SYS_LCHOWN, unix.SYS_LINK, unix.SYS_LSTAT, unix.SYS_MKDIR,
	unix.SYS_MKNOD, unix.SYS_NEWFSTATAT, unix.SYS_RENAMEAT, unix.SYS_OPEN, unix.SYS_READLINK, unix.SYS_RENAME, unix.SYS_RMDIR, unix.SYS_STAT, unix.SYS_SYMLINK, unix.SYS_UNLINK, unix.SYS_VFORK,
}, traced...)
