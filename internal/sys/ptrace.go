package sys

import (
	"os"
	"runtime"
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
// idle is called while the call takes its time; Result gives up when that returns
// false. The thread is then traced until it ends or this process does.
//
// Preconditions: the calling goroutine is locked to its thread.
func Result(tid int, goOn func(), idle func() bool, seen func(result int64)) error {
	if _, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(tid), 0, unix.PTRACE_O_EXITKILL, 0, 0); e != 0 {
		goOn()
		return os.NewSyscallError("ptrace", e)
	}
	if err := unix.PtraceInterrupt(tid); err != nil {
		goOn()
		return os.NewSyscallError("ptrace", err)
	}
	goOn()
	status, err := stopped(tid, idle)
	if err != nil {
		return err
	}
	defer detach(tid, status)
	n, err := returned(tid)
	switch {
	case err != nil:
		return err
	case n <= -int64(ErrRestarted) && n >= -int64(ErrRestarted)-4:
		return ErrRestarted
	}
	seen(n)
	return nil
}

// stopped waits until a traced thread has stopped.
func stopped(tid int, idle func() bool) (status unix.WaitStatus, err error) {
	for wait := 10 * time.Microsecond; ; wait = min(2*wait, time.Millisecond) {
		got, err := unix.Wait4(tid, &status, unix.WALL|unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("wait4", err)
		case got == tid && status.Stopped():
			return status, nil
		case got == tid:
			return 0, unix.ESRCH // it has ended
		case !idle():
			return 0, unix.ETIMEDOUT
		}
		t := unix.NsecToTimespec(wait.Nanoseconds())
		_ = unix.Nanosleep(&t, nil)
	}
}

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
// of PTRACE_INTERRUPT's, or of the whole group, is no signal.
func detach(tid int, status unix.WaitStatus) {
	const eventStop = 128 // PTRACE_EVENT_STOP
	sig := status.StopSignal()
	if int(status)>>16 == eventStop {
		sig = 0
	}
	_, _, _ = unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(tid), 0, uintptr(sig), 0, 0)
}
