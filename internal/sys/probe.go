package sys

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Uname calls uname(2) and returns the release, as in "6.1.0-18-amd64".
func Uname() (release string, err error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", os.NewSyscallError("uname", err)
	}
	return unix.ByteSliceToString(u.Release[:]), nil
}

// Clocks calls clock_gettime(2) and returns CLOCK_MONOTONIC and CLOCK_BOOTTIME
// in whole seconds, rounded down.
func Clocks() (monotonic, boottime int64, err error) {
	var m, b unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &m); err != nil {
		return 0, 0, os.NewSyscallError("clock_gettime", err)
	}
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &b); err != nil {
		return 0, 0, os.NewSyscallError("clock_gettime", err)
	}
	return m.Sec, b.Sec, nil
}

// LandlockABI calls landlock_create_ruleset(2) for its version; 0 where
// Landlock is not built in or not enabled.
func LandlockABI() int {
	n, e := LandlockVersion()
	if e != 0 {
		return 0
	}
	return n
}

// LandlockVersion is LandlockABI with the errno.
func LandlockVersion() (int, unix.Errno) {
	n, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return int(n), e
}

// NoNewPrivs calls prctl(2) PR_GET_NO_NEW_PRIVS.
func NoNewPrivs() bool {
	n, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return n == 1
}

// KnowsCapability calls prctl(2) PR_CAPBSET_READ, which is EINVAL for a
// capability that the kernel does not have.
func KnowsCapability(n uint) bool {
	_, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
	return err == nil
}

// IsTerminal calls ioctl(2) TCGETS, which is ENOTTY for what is no terminal.
func IsTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// Effective calls capget(2) and returns the effective set of this thread, bit
// n for capability n.
func Effective() (uint64, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, os.NewSyscallError("capget", err)
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

// HardLimit calls getrlimit(2) and returns the hard limit.
func HardLimit(resource int) (uint64, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(resource, &r); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	return r.Max, nil
}

// OpenMode calls fcntl(2) F_GETFL and returns O_RDONLY, O_WRONLY or O_RDWR, and
// whether the descriptor is a mere O_PATH.
func OpenMode(fd int) (mode int, path bool, err error) {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return 0, false, os.NewSyscallError("fcntl", err)
	}
	return n & unix.O_ACCMODE, n&unix.O_PATH != 0, nil
}

// Inherited tells by fcntl(2) F_GETFD whether a descriptor came through execve(2):
// whatever this program opens itself has FD_CLOEXEC.
func Inherited(fd int) bool {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && n&unix.FD_CLOEXEC == 0
}

// Readable calls faccessat2(2) with the effective ids.
func Readable(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS) == nil
}

// Writable calls faccessat2(2) with the effective ids. The error is EROFS where
// only the mount keeps the caller from writing.
func Writable(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
}

// FileSystem calls statfs(2) and returns the type of the file system and the ST_*
// flags of the mount, or zeros.
func FileSystem(path string) (kind, flags int64) {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return 0, 0
	}
	return int64(s.Type), s.Flags
}

// Memory calls sysinfo(2) and returns the machine's memory in bytes.
func Memory() uint64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return uint64(s.Totalram) * uint64(s.Unit)
}

// Readlink calls readlink(2).
func Readlink(path string) (string, error) {
	for size := 128; ; size = 4096 { // PATH_MAX is rarely made use of
		buf := make([]byte, size)
		n, err := unix.Readlink(path, buf)
		if err != nil {
			return "", &os.PathError{Op: "readlink", Path: path, Err: err}
		}
		if n < size || size == 4096 {
			return string(buf[:n]), nil
		}
	}
}

// ReadOnce opens a file, makes one read(2), and closes it: up to 8 KiB of what the
// kernel writes as one record (seq_file.rst: single_open()), or of a list its
// beginning.
func ReadOnce(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 8192)
	for {
		n, err := unix.Read(fd, buf)
		switch err {
		case nil:
			return string(buf[:n]), nil
		case unix.EINTR:
		default:
			return "", &os.PathError{Op: "read", Path: path, Err: err}
		}
	}
}

// ReadFile opens, reads and closes a small file, as of /proc.
func ReadFile(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var b strings.Builder
	buf := make([]byte, 8192)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return "", &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return b.String(), nil
		}
		b.Write(buf[:n])
	}
}
