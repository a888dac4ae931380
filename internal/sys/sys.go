// Package sys has one thin function for each system call that procjail makes
// itself, outside of a plan's table. It is the only importer of the calls of
// x/sys/unix. Each returns the errno wrapped once, as *os.SyscallError or
// *os.PathError, and retries EINTR where the call can be retried.
package sys

import (
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MmapShared calls mmap(2) for n bytes of zeros that a child shares.
func MmapShared(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	return b, os.NewSyscallError("mmap", err)
}

// Munmap calls munmap(2) on what MmapShared returned.
func Munmap(b []byte) { _ = unix.Munmap(b) }

// Sigaction calls rt_sigaction(2): the machine code at handler is called for
// sig on the alternate signal stack, with every signal blocked. restorer is
// what it returns to, 0 where the kernel has its own.
func Sigaction(sig unix.Signal, handler, restorer uintptr) error {
	const (
		saSiginfo  = 0x4
		saRestorer = 0x04000000
		saOnstack  = 0x08000000
		saRestart  = 0x10000000
	)
	// struct kernel_sigaction of asm-generic and of x86.
	act := struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}{handler, saSiginfo | saOnstack | saRestart, restorer, ^uint64(0)}
	if restorer != 0 {
		act.flags |= saRestorer
	} else {
		act.restorer = uintptr(act.mask) // without SA_RESTORER the mask is third
	}
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0)
	if e != 0 {
		return os.NewSyscallError("rt_sigaction", e)
	}
	return nil
}

// DefaultAction calls rt_sigaction(2): whatever handler there is for sig, what the kernel
// does by default takes its place.
func DefaultAction(sig unix.Signal) { _ = Sigaction(sig, 0, 0) }

// PidfdSendSignal calls pidfd_send_signal(2).
func PidfdSendSignal(pidfd int, sig unix.Signal) error {
	return os.NewSyscallError("pidfd_send_signal", unix.PidfdSendSignal(pidfd, sig, nil, 0))
}

// Close calls close(2). That it fails is of no use to anybody: Linux has
// closed the descriptor in any case.
func Close(fd int) { _ = unix.Close(fd) }

// PollShortly calls ppoll(2) on two descriptors for at most 8 ms, without a word
// to the Go scheduler: handing its processor over and asking for it back costs
// more than a short wait. 10 ms is when the runtime would want it back. It
// reports whether there is something to read from the first. Something to read
// from the other, which may be 0 for none, ends the wait as well.
func PollShortly(fd, other int) bool {
	fds := [2]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(other), Events: unix.POLLIN}}
	wait := unix.Timespec{Nsec: 8e6}
	for n := uintptr(2); ; n = 1 {
		if other == 0 {
			n = 1
		}
		_, _, e := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), n, uintptr(unsafe.Pointer(&wait)), 0, 0, 0)
		if e != 0 || fds[0].Revents != 0 || n == 1 || fds[1].Revents != unix.POLLHUP { // which is the end of what other is of, and near that of fd's
			return e == 0 && fds[0].Revents != 0
		}
	}
}

// Poll calls ppoll(2) until the process behind pidfd has ended, file, one of a
// cgroup's, has changed since it was read, one of the other descriptors has
// something to read, or wait is over; negative waits for ever. A descriptor that
// is not above 0 is passed over.
func Poll(pidfd, file int, others [3]int, wait time.Duration) (ended, changed bool, ready [3]bool) {
	fds := [5]unix.PollFd{
		{Fd: int32(pidfd), Events: unix.POLLIN},
		{Fd: int32(file), Events: unix.POLLPRI},
		{Fd: int32(others[0]), Events: unix.POLLIN},
		{Fd: int32(others[1]), Events: unix.POLLIN},
		{Fd: int32(others[2]), Events: unix.POLLIN},
	}
	for i := range fds {
		if fds[i].Fd == 0 {
			fds[i].Fd = -1
		}
	}
	var timeout *unix.Timespec
	if wait >= 0 {
		t := unix.NsecToTimespec(wait.Nanoseconds())
		timeout = &t
	}
	if _, err := unix.Ppoll(fds[:], timeout, nil); err != nil {
		return false, false, ready // EINTR: what the signal was for shows the next time
	}
	return fds[0].Revents != 0, fds[1].Revents != 0, [3]bool{fds[2].Revents != 0, fds[3].Revents != 0, fds[4].Revents != 0}
}

// Eventfd calls eventfd2(2) for a counter that is 0 and never blocks.
func Eventfd() (int, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return fd, os.NewSyscallError("eventfd2", err)
}

// SpareDescriptors tells by eventfd2(2) whether n more descriptors can be opened.
// The Go runtime ends the whole process where it cannot open its own two
// (runtime/netpoll_epoll.go), which it does at the first timer or socket.
func SpareDescriptors(n int) error {
	for range n {
		fd, err := Eventfd()
		if err != nil {
			return err
		}
		defer Close(fd)
	}
	return nil
}

// WriteEventfd calls write(2) on an eventfd, which wakes who reads it.
func WriteEventfd(fd int) error {
	one := uint64(1)
	_, err := unix.Write(fd, unsafe.Slice((*byte)(unsafe.Pointer(&one)), 8))
	return os.NewSyscallError("write", err)
}

// Kill calls kill(2).
func Kill(pid int, sig unix.Signal) error { return os.NewSyscallError("kill", unix.Kill(pid, sig)) }

// Gettid calls gettid(2).
func Gettid() int { return unix.Gettid() }

// IsThread calls tgkill(2) with no signal: whether a thread is of a process.
func IsThread(pid, tid int) bool { return unix.Tgkill(pid, tid, 0) != unix.ESRCH }

// PidfdOpen calls pidfd_open(2) for a process.
func PidfdOpen(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	return fd, os.NewSyscallError("pidfd_open", err)
}

// Raise calls tgkill(2) for the calling thread: what the signal does is done when
// it returns.
func Raise(sig unix.Signal) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return os.NewSyscallError("tgkill", unix.Tgkill(unix.Getpid(), unix.Gettid(), sig))
}

// ReadEventfd calls read(2) on an eventfd; 0 is one that was never written.
func ReadEventfd(fd int) (uint64, error) {
	var n uint64
	b := unsafe.Slice((*byte)(unsafe.Pointer(&n)), 8)
	for {
		_, err := unix.Read(fd, b)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		}
		return 0, os.NewSyscallError("read", err)
	}
}

// PollChange calls ppoll(2) with POLLPRI on a file of a cgroup: it comes back
// when the file has changed since it was read, or after wait.
func PollChange(fd int, wait time.Duration) {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
	t := unix.NsecToTimespec(wait.Nanoseconds())
	_, _ = unix.Ppoll(fds[:], &t, nil)
}
