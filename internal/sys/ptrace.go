package sys

import (
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrRestarted is a call that a signal interrupted: the kernel makes it again.
const ErrRestarted = unix.Errno(512) // ERESTARTSYS, and the three after it, linux/errno.h

// Result calls seen with what a system call returns that a thread is about to make:
// one that waits for the answer of a listener, which goOn gives. It traces the thread
// for so long (ptrace(2) PTRACE_SEIZE, PTRACE_INTERRUPT, which has it stop on its way
// back, PTRACE_DETACH), and the thread is stopped while seen looks at it. An errno is
// its negative; the error is ErrRestarted where the call waits for something, and is
// made again.
//
// leader is the id of the thread's process, which is the thread's own after an
// execve(2): that ends all the others. seen is told the id.
//
// idle is called while the call takes its time; Result gives up when that returns
// false. The thread is then traced until it ends or this process does.
//
// Preconditions: the calling goroutine is locked to its thread.
func Result(tid, leader int, goOn func(), idle func() bool, seen func(tid int, result int64)) error {
	// Of an interrupt nothing is left after an execve(2) of a process of several
	// threads: its own stop is what to wait for.
	const options = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACEEXEC
	if _, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(tid), 0, options, 0, 0); e != 0 {
		goOn()
		return os.NewSyscallError("ptrace", e)
	}
	if err := unix.PtraceInterrupt(tid); err != nil {
		goOn()
		return os.NewSyscallError("ptrace", err)
	}
	goOn()
	tid, status, err := stopped(tid, leader, idle)
	if err != nil {
		return err
	}
	defer detach(tid, status)
	if event(status) == unix.PTRACE_EVENT_EXEC {
		seen(tid, 0)
		return nil
	}
	n, err := returned(tid)
	switch {
	case err != nil:
		return err
	case n <= -int64(ErrRestarted) && n >= -int64(ErrRestarted)-4:
		return ErrRestarted
	}
	seen(tid, n)
	return nil
}

// stopped waits until a traced thread has stopped, and returns the id that it then has.
func stopped(tid, leader int, idle func() bool) (id int, status unix.WaitStatus, err error) {
	for wait := 10 * time.Microsecond; ; wait = min(2*wait, time.Millisecond) {
		got, err := unix.Wait4(tid, &status, unix.WALL|unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
		case err == unix.ECHILD && tid != leader:
			tid = leader
			continue
		case err != nil:
			return 0, 0, os.NewSyscallError("wait4", err)
		case got == tid && status.Stopped():
			return tid, status, nil
		case got == tid:
			return 0, 0, unix.ESRCH // it has ended
		case !idle():
			return 0, 0, unix.ETIMEDOUT
		}
		t := unix.NsecToTimespec(wait.Nanoseconds())
		_ = unix.Nanosleep(&t, nil)
	}
}

// event is PTRACE_EVENT_* of a stop; 0: it is for a signal.
func event(status unix.WaitStatus) int { return int(status) >> 16 }

// returned is the register in which a call's result is: of struct
// user_regs_struct on x86-64, user_pt_regs on arm64.
func returned(tid int) (int64, error) {
	const prStatus = 1 // NT_PRSTATUS
	var regs [512]byte
	iov := unix.Iovec{Base: &regs[0], Len: uint64(len(regs))}
	if _, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETREGSET, uintptr(tid), prStatus, uintptr(unsafe.Pointer(&iov)), 0, 0); e != 0 {
		return 0, os.NewSyscallError("ptrace", e)
	}
	at := 80 // rax
	if runtime.GOARCH == "arm64" {
		at = 0 // x0
	}
	return *(*int64)(unsafe.Pointer(&regs[at])), nil
}

// detach lets a thread go on, with the signal that it was about to get: a stop
// of PTRACE_INTERRUPT's, of an execve(2), or of the whole group, is no signal.
func detach(tid int, status unix.WaitStatus) {
	sig := status.StopSignal()
	if event(status) != 0 {
		sig = 0
	}
	_, _, _ = unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(tid), 0, uintptr(sig), 0, 0)
}

// SameFile calls kcmp(2): whether two descriptors of a process are of one open file.
func SameFile(pid, a, b int) bool {
	const kcmpFile = 0
	order, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(pid), uintptr(pid), kcmpFile, uintptr(a), uintptr(b), 0)
	return e == 0 && order == 0
}

// Descriptor calls pidfd_open(2) and pidfd_getfd(2): a descriptor of another process, as
// one of this process's, for who may trace it. /proc/PID/fd is that user's alone.
// The caller owns fd.
func Descriptor(pid, n int) (fd int, err error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, os.NewSyscallError("pidfd_open", err)
	}
	defer Close(pidfd)
	if fd, err = unix.PidfdGetfd(pidfd, n, 0); err != nil {
		return -1, os.NewSyscallError("pidfd_getfd", err)
	}
	return fd, nil
}

// DescriptorOf is the link of /proc/PID/fd of a descriptor of another process's, and
// what stat(2) says of it.
func DescriptorOf(pid, n int) (link string, st Stat, err error) {
	fd, err := Descriptor(pid, n)
	if err != nil {
		return "", st, err
	}
	defer Close(fd)
	if st, err = StatFD(fd); err != nil {
		return "", st, err
	}
	link, err = Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	return link, st, err
}
