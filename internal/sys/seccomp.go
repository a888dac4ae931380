package sys

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Notification is struct seccomp_notif of linux/seccomp.h.
type Notification struct {
	ID    uint64
	Pid   uint32 // of the thread, as the receiver sees it
	Flags uint32
	NR    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// AwaitNotification calls ppoll(2) on a listener and on a pidfd, for at most wait;
// negative waits for ever. It reports whether there is a notification, whether there
// can be none any more, since no process has the filter, and whether the process
// behind the pidfd has ended. A listener of -1 is passed over.
func AwaitNotification(listener, pidfd int, wait time.Duration) (there, over, ended bool) {
	fds := [2]unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}}
	var timeout *unix.Timespec
	if wait >= 0 {
		t := unix.NsecToTimespec(wait.Nanoseconds())
		timeout = &t
	}
	if _, err := unix.Ppoll(fds[:], timeout, nil); err != nil {
		return false, false, false
	}
	there = fds[0].Revents&unix.POLLIN != 0
	return there, !there && fds[0].Revents != 0, fds[1].Revents != 0
}

// ReceiveNotification calls ioctl(2) SECCOMP_IOCTL_NOTIF_RECV. It waits, unless
// ppoll(2) said that there is one: then the error may be ENOENT, where the thread
// was killed meanwhile.
func ReceiveNotification(listener int, n *Notification) error {
	*n = Notification{}
	return seccompIoctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(n))
}

// AnswerNotification calls ioctl(2) SECCOMP_IOCTL_NOTIF_SEND: the call fails with
// errno. ENOENT is a thread that was killed, or interrupted, meanwhile.
func AnswerNotification(listener int, id uint64, errno unix.Errno) error {
	answer := struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}{id: id, errno: -int32(errno)}
	return seccompIoctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&answer))
}

// ContinueNotification calls ioctl(2) SECCOMP_IOCTL_NOTIF_SEND with
// SECCOMP_USER_NOTIF_FLAG_CONTINUE: the kernel makes the call.
// Preconditions: the policy allows it, by its number and its registers alone,
// which the caller of it can change no more (seccomp_unotify(2)).
func ContinueNotification(listener int, id uint64) error {
	answer := struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}{id: id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	return seccompIoctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&answer))
}

// NotificationValid calls ioctl(2) SECCOMP_IOCTL_NOTIF_ID_VALID: what was read of
// the process since was its own, and not that of another one with its id.
func NotificationValid(listener int, id uint64) bool {
	return seccompIoctl(listener, unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id)) == nil
}

func seccompIoctl(fd int, request uintptr, arg unsafe.Pointer) error {
	for {
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
		switch e {
		case unix.EINTR:
			continue
		case 0:
			return nil
		}
		return os.NewSyscallError("ioctl", e)
	}
}

// ReadMemory calls process_vm_readv(2), page by page, and returns what can be
// read of n bytes of a process at an address.
func ReadMemory(pid int, address uint64, n int) []byte {
	const page = 4096
	buf := make([]byte, 0, n)
	for len(buf) < n {
		part := min(n-len(buf), page-int((address+uint64(len(buf)))%page))
		local := []unix.Iovec{{Base: &buf[:len(buf)+1][len(buf)], Len: uint64(part)}}
		remote := []unix.RemoteIovec{{Base: uintptr(address) + uintptr(len(buf)), Len: part}}
		got, err := unix.ProcessVMReadv(pid, local, remote, 0)
		if err != nil || got <= 0 {
			break
		}
		buf = buf[:len(buf)+got]
	}
	return buf
}

// Present reads /proc/PID/pagemap: how many of n bytes at an address are in memory, up
// to the first that are not, so that reading them waits for no file system. The file is
// its user's alone, so that it is 0 for a process of another one's.
func Present(pid int, address uint64, n int) int {
	const page, present = 4096, 1 << 63
	if n <= 0 || address > math.MaxUint64-uint64(n) {
		return 0
	}
	fd, err := Openat(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/pagemap", unix.O_RDONLY, 0)
	if err != nil {
		return 0
	}
	defer Close(fd)
	first, last := address/page, (address+uint64(n)-1)/page
	entries := make([]uint64, last-first+1)
	buf := unsafe.Slice((*byte)(unsafe.Pointer(&entries[0])), 8*len(entries))
	got, err := unix.Pread(fd, buf, int64(first*8))
	if err != nil {
		return 0
	}
	pages := uint64(0)
	for pages < uint64(got/8) && entries[pages]&present != 0 {
		pages++
	}
	return int(min(max((first+pages)*page, address)-address, uint64(n)))
}

// MayListen reports whether a filter of a child of this process may have a
// listener. Where no filter is above it (prctl(2) PR_GET_SECCOMP) one may. Otherwise a
// thread of its own tries: a listener above makes it EBUSY, and a policy may
// refuse it. That thread ends.
func MayListen() bool {
	mode, _, e := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_GET_SECCOMP, 0, 0, 0, 0, 0)
	if e == 0 && mode == 0 {
		return true
	}
	may := make(chan bool)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the filter
		allow := [1]unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
		program := unix.SockFprog{Len: 1, Filter: &allow[0]}
		_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		fd, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
		if e == 0 {
			_ = unix.Close(int(fd))
		}
		may <- e == 0
	}()
	return <-may
}
