package truth

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccompListener calls seccomp(2) for a filter with a listener.
func seccompListener(program *unix.SockFprog) (int, error) {
	fd, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(program)))
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}
