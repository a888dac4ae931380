package sys

import (
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Trace begins to trace a thread that is about to make a system call: ptrace(2)
// PTRACE_SEIZE, and PTRACE_INTERRUPT, which has it stop on its way back. Stopped,
// Returned and Detach follow, by the same thread of this process: the calling
// goroutine is locked to it. Until Stopped says that a thread has stopped or is gone,
// it stays traced; one that has ended holds up the end of its process, and of a PID
// namespace, until somebody asks.
func Trace(tid int) error {
	if _, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(tid), 0, unix.PTRACE_O_EXITKILL|unix.PTRACE_O_TRACEEXEC, 0, 0); e != 0 {
		return os.NewSyscallError("ptrace", e)
	}
	_ = unix.PtraceInterrupt(tid) // ESRCH: it has been killed
	return nil
}

// Stopped calls wait4(2) for a traced thread. It does not wait. gone is a thread that
// has ended. A process that is this one's child, too, is not taken from who waits for
// it otherwise.
func Stopped(tid int, child bool) (status unix.WaitStatus, stopped, gone bool) {
	if child {
		const trapped = 4 // CLD_TRAPPED; the ones below are ends
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, tid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WNOHANG|unix.WALL, nil)
		if err != nil || info.Signo == 0 || info.Code < trapped {
			return 0, false, err == unix.ECHILD || info.Signo != 0
		}
	}
	got, err := unix.Wait4(tid, &status, unix.WALL|unix.WNOHANG, nil)
	switch {
	case err == unix.EINTR:
		return 0, false, false
	case err != nil:
		return 0, false, true
	}
	return status, got == tid && status.Stopped(), got == tid && !status.Stopped()
}

// event is PTRACE_EVENT_* of a stop; 0: it is for a signal.
func event(status unix.WaitStatus) int { return int(status) >> 16 }

// Executed reports whether a stop is that of an execve(2) that succeeded
// (PTRACE_O_TRACEEXEC), of a thread that has its process's id from then on. Of an
// interrupt nothing is left after it.
func Executed(status unix.WaitStatus) bool { return event(status) == unix.PTRACE_EVENT_EXEC }

// Interrupted reports whether a stop is that of PTRACE_INTERRUPT, and not one of the
// whole group.
func Interrupted(status unix.WaitStatus) bool {
	return event(status) == unix.PTRACE_EVENT_STOP && status.StopSignal() == unix.SIGTRAP
}

// registers are struct user_regs_struct, user_pt_regs on arm64, by word.
type registers [64]uint64

// Of those: where the result is, and the first argument or the number before it, the
// next instruction, and how long one is that makes a call.
const (
	amd64Result, amd64Next, amd64Call = 10, 16, 2 // rax, rip, syscall
	arm64Result, arm64Next, arm64Call = 0, 32, 4  // x0, pc, svc
)

func (g *registers) call(request, tid int) bool {
	const prStatus = 1 // NT_PRSTATUS
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(g)), Len: uint64(unsafe.Sizeof(*g))}
	_, _, e := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), prStatus, uintptr(unsafe.Pointer(&iov)), 0, 0)
	return e == 0
}

// Returned is what a system call returns, made at ip by its notification, from which a
// thread that has stopped is on its way back. again is whether the kernel makes it once
// more since it was interrupted in it. ok is whether the thread is there at all.
func Returned(tid int, ip uint64) (result int64, again, ok bool) {
	var g registers
	if !g.call(unix.PTRACE_GETREGSET, tid) {
		return 0, false, false
	}
	if runtime.GOARCH == "arm64" {
		// Before it stops for a call to be made once more, x0 is the first argument
		// again, and pc leads back to the instruction:
		// arch/arm64/kernel/signal.c:do_signal.
		again = g[arm64Next] == ip-arm64Call
		return int64(g[arm64Result]), again, again || g[arm64Next] == ip
	}
	const first, last = -512, -516 // ERESTARTSYS to ERESTART_RESTARTBLOCK, linux/errno.h
	result = int64(g[amd64Result])
	return result, result <= first && result >= last, g[amd64Next] == ip
}

// MakeAgain has a stopped thread make the call n once more that Returned has told of,
// and reports whether it will.
func MakeAgain(tid int, n *Notification) bool {
	var g registers
	if !g.call(unix.PTRACE_GETREGSET, tid) {
		return false
	}
	if runtime.GOARCH == "arm64" {
		g[arm64Result], g[arm64Next] = n.Args[0], n.IP-arm64Call
	} else {
		g[amd64Result], g[amd64Next] = uint64(uint32(n.NR)), n.IP-amd64Call
	}
	return g.call(unix.PTRACE_SETREGSET, tid)
}

// TimerSlack calls prctl(2) PR_SET_TIMERSLACK for the calling thread, in nanoseconds.
func TimerSlack(ns uintptr) { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, ns, 0, 0, 0) }

// Detach lets a stopped thread go on, with the signal that it was about to get: a stop
// of PTRACE_INTERRUPT's, of an execve(2), or of the whole group, is no signal. It
// reports whether the thread is not traced any more: one that has been killed while it
// was stopped is, until Stopped says that it is gone.
func Detach(tid int, status unix.WaitStatus) bool {
	sig := status.StopSignal()
	if event(status) != 0 {
		sig = 0
	}
	_, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(tid), 0, uintptr(sig), 0, 0)
	return e == 0
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
