package sys

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Space is what statfs(2) says of a file system.
type Space struct {
	Type         int64
	Flags        int64  // ST_*
	Blocks, Free uint64 // bytes, and those that an ordinary account may still use
	Files, Left  uint64 // inodes; 0 and 0 where the file system does not count them
}

// FileSystemSpace calls statfs(2).
func FileSystemSpace(path string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	size := uint64(s.Bsize)
	return Space{Type: int64(s.Type), Flags: int64(s.Flags), Blocks: s.Blocks * size, Free: s.Bavail * size, Files: s.Files, Left: s.Ffree}, nil
}

// Access calls faccessat2(2) with the effective ids, for R_OK, W_OK and X_OK.
func Access(path string, mode uint32) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "faccessat2", Path: path, Err: err}
	}
	return nil
}

// SoftLimit calls getrlimit(2) and returns the soft limit.
func SoftLimit(resource int) (uint64, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(resource, &r); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	return r.Cur, nil
}

// Quota is what quotactl(2) says of a user on a file system. A limit of 0 is
// none; space is in bytes.
type Quota struct {
	SpaceLimit, Space uint64
	FilesLimit, Files uint64
}

// UserQuota calls quotactl_fd(2) Q_GETQUOTA (since Linux 5.14) for the file
// system that path is on. Anybody may ask for the own uid. ESRCH and ENOTTY say
// that there are no quotas.
func UserQuota(path string, uid uint32) (Quota, error) {
	fd, err := Openat(unix.AT_FDCWD, path, unix.O_RDONLY, 0)
	if err != nil {
		return Quota{}, err
	}
	defer unix.Close(fd)
	// struct if_dqblk of <linux/quota.h>; its block limits are in KiB.
	var d struct {
		blockHard, blockSoft, space  uint64
		inodeHard, inodeSoft, inodes uint64
		blockTime, inodeTime         uint64
		valid                        uint32
		_                            uint32
	}
	const (
		getQuota = 0x800007 // Q_GETQUOTA
		usrQuota = 0
	)
	_, _, e := unix.Syscall6(unix.SYS_QUOTACTL_FD, uintptr(fd), getQuota<<8|usrQuota, uintptr(uid), uintptr(unsafe.Pointer(&d)), 0, 0)
	if e != 0 {
		return Quota{}, &os.PathError{Op: "quotactl_fd", Path: path, Err: e}
	}
	return Quota{SpaceLimit: d.blockHard * 1024, Space: d.space, FilesLimit: d.inodeHard, Files: d.inodes}, nil
}

// Ended calls ppoll(2) on a pidfd for at most wait and reports whether its
// process has ended.
func Ended(pidfd int, wait time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	t := unix.NsecToTimespec(wait.Nanoseconds())
	n, _ := unix.Ppoll(fds[:], &t, nil)
	return n == 1
}

// Reap calls wait4(2) for a child that has ended or is about to.
func Reap(pid int) (status unix.WaitStatus) {
	for {
		if _, err := unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			return status
		}
	}
}

// Clone3OfNothing calls clone3(2) with a structure of no length, which the kernel
// refuses with EINVAL before anything else.
func Clone3OfNothing() unix.Errno {
	_, _, e := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0)
	return e
}

// NamespaceOwner calls ioctl(2) NS_GET_OWNER_UID (ioctl_nsfs(2)): who made a
// user namespace.
func NamespaceOwner(fd int) (uint32, error) {
	var uid uint32
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_OWNER_UID, uintptr(unsafe.Pointer(&uid))); e != 0 {
		return 0, os.NewSyscallError("ioctl NS_GET_OWNER_UID", e)
	}
	return uid, nil
}

// NamespaceParent calls ioctl(2) NS_GET_PARENT, which is EPERM for what is above
// the caller's own.
func NamespaceParent(fd int) (int, error) {
	parent, err := unix.IoctlRetInt(fd, unix.NS_GET_PARENT)
	if err != nil {
		return -1, os.NewSyscallError("ioctl NS_GET_PARENT", err)
	}
	return parent, nil
}
