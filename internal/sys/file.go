package sys

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// AtFDCWD as a directory is the working directory.
const AtFDCWD = unix.AT_FDCWD

// Stat is what stat(2) says of a file.
type Stat struct {
	Mode         uint32 // with the type
	UID, GID     uint32
	Size, Held   int64 // Held are the bytes that are allocated
	Dev, Ino     uint64
	Rdev         uint64 // of a device
	Nlink        uint64
	Mtime, Ctime int64 // nanoseconds since 1970
}

func newStat(s *unix.Stat_t) Stat {
	return Stat{
		Mode: s.Mode, UID: s.Uid, GID: s.Gid, Size: s.Size, Held: s.Blocks * 512, Dev: s.Dev, Rdev: s.Rdev, Ino: s.Ino, Nlink: uint64(s.Nlink), // 32 bits on arm64
		Mtime: s.Mtim.Nano(), Ctime: s.Ctim.Nano(),
	}
}

// IsDir reports whether it is a directory.
func (s Stat) IsDir() bool { return s.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsRegular reports whether it is a regular file.
func (s Stat) IsRegular() bool { return s.Mode&unix.S_IFMT == unix.S_IFREG }

// IsDevice reports whether it is a device.
func (s Stat) IsDevice() bool {
	kind := s.Mode & unix.S_IFMT
	return kind == unix.S_IFCHR || kind == unix.S_IFBLK
}

// Names calls getdents64(2) for the names in a directory, in no order; none where it
// cannot be read.
func Names(dir string) []string {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	return names
}

// StatPath calls stat(2): symbolic links are followed.
func StatPath(path string) (Stat, error) {
	st, errno := TryStat(path)
	if errno != 0 {
		return Stat{}, &os.PathError{Op: "stat", Path: path, Err: errno}
	}
	return st, nil
}

// TryStat is StatPath for many files, of which some may well not be there.
func TryStat(path string) (Stat, unix.Errno) {
	var s unix.Stat_t
	for {
		switch err := unix.Stat(path, &s); err {
		case nil:
			return newStat(&s), 0
		case unix.EINTR:
		case unix.ENOENT:
			return Stat{}, unix.ENOENT
		default:
			return Stat{}, Errno(err)
		}
	}
}

// Errno is the error number in an error; 0: it has none.
func Errno(err error) unix.Errno {
	var e unix.Errno
	errors.As(err, &e)
	return e
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

// Rmdirat calls unlinkat(2) with AT_REMOVEDIR.
func Rmdirat(dir int, name string) error {
	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil {
		return &os.PathError{Op: "rmdir", Path: name, Err: err}
	}
	return nil
}

// FlockExclusive calls flock(2) with LOCK_EX and LOCK_NB: EWOULDBLOCK where
// somebody else has a lock.
func FlockExclusive(fd int) error {
	return os.NewSyscallError("flock", unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB))
}

// Pread calls pread(2) from the start, for up to n bytes of a small file that
// the kernel makes anew for each read.
func Pread(fd, n int) (string, error) {
	buf := make([]byte, n)
	for {
		k, err := unix.Pread(fd, buf, 0)
		switch err {
		case nil:
			return string(buf[:k]), nil
		case unix.EINTR:
		default:
			return "", os.NewSyscallError("pread", err)
		}
	}
}

// WriteFileAt opens an existing file below a directory and writes data to it in
// one write(2).
func WriteFileAt(dir int, name, data string) error {
	fd, err := Openat(dir, name, unix.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(data)); err != nil {
		return &os.PathError{Op: "write", Path: name, Err: err}
	}
	return nil
}

// MoveProcesses writes each process that the file from lists to the file to,
// cgroup.procs both, until there is none: others may be born meanwhile. It
// gives up after a hundred rounds, with EBUSY.
func MoveProcesses(dir int, from, to string) error {
	list, err := Openat(dir, from, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(list)
	for range 100 {
		text, err := Pread(list, 1<<16)
		if err != nil {
			return err
		}
		moved := false
		for pid := range strings.FieldsSeq(text) {
			if pid == "0" {
				continue // of another pid namespace
			}
			err := WriteFileAt(dir, to, pid)
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
			moved = true
		}
		if !moved {
			return nil
		}
	}
	return &os.PathError{Op: "write", Path: to, Err: unix.EBUSY}
}

// OpenInRoot calls openat2(2) with RESOLVE_IN_ROOT: it opens what name is for a
// process whose root directory is root. The caller owns fd.
func OpenInRoot(root, name string, flags int) (fd int, err error) {
	dir, err := Openat(unix.AT_FDCWD, root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer Close(dir)
	fd, err = unix.Openat2(dir, name, &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return -1, &os.PathError{Op: "openat2", Path: name, Err: err}
	}
	return fd, nil
}

// StatInRoot calls OpenInRoot with O_PATH, and fstat(2).
func StatInRoot(root, name string) (Stat, error) {
	fd, err := OpenInRoot(root, name, unix.O_PATH)
	if err != nil {
		return Stat{}, err
	}
	defer Close(fd)
	return StatFD(fd)
}

// ReadlinkInRoot calls OpenInRoot with O_PATH and O_NOFOLLOW, and readlinkat(2), which is
// ENOENT for what is there and no symbolic link.
func ReadlinkInRoot(root, name string) (string, error) {
	fd, err := OpenInRoot(root, name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer Close(fd)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", &os.PathError{Op: "readlinkat", Path: name, Err: err}
	}
	return string(buf[:n]), nil
}

// UnescapeMount undoes \040 and the like in a field of mountinfo, proc(5).
func UnescapeMount(s string) string {
	for i := 0; i+3 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
			s = s[:i] + string([]byte{byte(n)}) + s[i+4:]
		}
	}
	return s
}

// OpenProc opens the directory proc of a root for reading, if that is proc(5)'s:
// ENODEV.
func OpenProc(root string) (int, error) {
	path, err := OpenInRoot(root, "proc", unix.O_PATH)
	if err != nil {
		return -1, err
	}
	defer Close(path)
	var s unix.Statfs_t
	if err := unix.Fstatfs(path, &s); err != nil || s.Type != unix.PROC_SUPER_MAGIC {
		return -1, &os.PathError{Op: "openat2", Path: root + "/proc", Err: unix.ENODEV}
	}
	return Openat(path, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

// Room calls fstatfs(2): how large the file system is in bytes and in inodes, and
// whether nothing is left of either.
func Room(fd int) (size uint64, noRoom bool, inodes uint64, noInodes bool) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err != nil {
		return 0, false, 0, false
	}
	return s.Blocks * uint64(s.Bsize), s.Blocks > 0 && s.Bavail == 0, s.Files, s.Files > 0 && s.Ffree == 0
}
