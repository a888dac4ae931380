package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// AtFDCWD as a directory is the working directory.
const AtFDCWD = unix.AT_FDCWD

// Stat is what stat(2) says of a file.
type Stat struct {
	Mode         uint32 // with the type
	UID, GID     uint32
	Size         int64
	Dev, Ino     uint64
	Nlink        uint64
	Mtime, Ctime int64 // nanoseconds since 1970
}

func newStat(s *unix.Stat_t) Stat {
	return Stat{
		Mode: s.Mode, UID: s.Uid, GID: s.Gid, Size: s.Size, Dev: s.Dev, Ino: s.Ino, Nlink: uint64(s.Nlink), // 32 bits on arm64
		Mtime: s.Mtim.Nano(), Ctime: s.Ctim.Nano(),
	}
}

// IsDir reports whether it is a directory.
func (s Stat) IsDir() bool { return s.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsRegular reports whether it is a regular file.
func (s Stat) IsRegular() bool { return s.Mode&unix.S_IFMT == unix.S_IFREG }

// StatPath calls stat(2): symbolic links are followed.
func StatPath(path string) (Stat, error) {
	var s unix.Stat_t
	for {
		switch err := unix.Stat(path, &s); err {
		case nil:
			return newStat(&s), nil
		case unix.EINTR:
		default:
			return Stat{}, &os.PathError{Op: "stat", Path: path, Err: err}
		}
	}
}

// StatFD calls fstat(2).
func StatFD(fd int) (Stat, error) {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return Stat{}, os.NewSyscallError("fstat", err)
	}
	return newStat(&s), nil
}

// Openat calls openat(2) with O_CLOEXEC. The caller owns the descriptor.
func Openat(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		switch err {
		case nil:
			return fd, nil
		case unix.EINTR:
		default:
			return -1, &os.PathError{Op: "openat", Path: name, Err: err}
		}
	}
}

// Mkdirat calls mkdirat(2).
func Mkdirat(dir int, name string, mode uint32) error {
	if err := unix.Mkdirat(dir, name, mode); err != nil {
		return &os.PathError{Op: "mkdirat", Path: name, Err: err}
	}
	return nil
}

// Renameat calls renameat(2) within one directory.
func Renameat(dir int, old, name string) error {
	if err := unix.Renameat(dir, old, dir, name); err != nil {
		return &os.LinkError{Op: "renameat", Old: old, New: name, Err: err}
	}
	return nil
}

// Unlinkat calls unlinkat(2) on a file.
func Unlinkat(dir int, name string) error {
	if err := unix.Unlinkat(dir, name, 0); err != nil {
		return &os.PathError{Op: "unlinkat", Path: name, Err: err}
	}
	return nil
}

// Getxattr calls getxattr(2) and returns what fits into buf.
func Getxattr(path, attr string, buf []byte) ([]byte, error) {
	n, err := unix.Getxattr(path, attr, buf)
	if err != nil {
		return nil, &os.PathError{Op: "getxattr", Path: path, Err: err}
	}
	return buf[:n], nil
}

// MountFlags calls statfs(2) and returns the ST_* flags of the mount.
func MountFlags(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return s.Flags, nil
}
