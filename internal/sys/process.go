package sys

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program that Start has started.
type Process struct {
	pid, pidfd int
	said       int // the pipe behind its standard output and error
}

// Start runs a program by fork and execve(2), with nothing on standard input
// and a pipe as standard output and error. It does without os.StartProcess,
// which first forks once more to find out how to wait.
func Start(path string, argv, env []string) (Process, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return Process{}, os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(p[1])
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(p[0])
		return Process{}, &os.PathError{Op: "open", Path: "/dev/null", Err: err}
	}
	defer unix.Close(null)
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{uintptr(null), uintptr(p[1]), uintptr(p[1])},
	})
	if err != nil {
		unix.Close(p[0])
		return Process{}, &os.PathError{Op: "execve", Path: path, Err: err}
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		unix.Close(p[0])
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = reap(pid)
		return Process{}, os.NewSyscallError("pidfd_open", err)
	}
	return Process{pid, pidfd, p[0]}, nil
}

// What Wait goes by.
const (
	saidMax    = 4096
	idleTime   = 20 * time.Millisecond // from one call of idle to the next
	reapedTime = 5 * time.Second       // in which what was killed has ended, unless a device or a file system holds it
)

// Wait reads what the program says until it has ended, and returns the first 4 KiB
// of it. As long as that takes it calls idle, and kills the program when that has
// returned false. One that was killed and does not end is left: ETIMEDOUT.
//
// What the program has started itself may hold the pipe, and is not waited for.
func (p Process) Wait(idle func() bool) (said string, status unix.WaitStatus, err error) {
	defer unix.Close(p.said)
	defer unix.Close(p.pidfd)
	var text []byte
	var giveUp time.Time
	pipe, next := int32(p.said), time.Now().Add(idleTime)
	for {
		fds := [2]unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}, {Fd: pipe, Events: unix.POLLIN}}
		t := unix.NsecToTimespec(max(time.Until(next), 0).Nanoseconds())
		if _, err := unix.Ppoll(fds[:], &t, nil); err != nil {
			fds[0].Revents, fds[1].Revents = 0, 0
		}
		if fds[1].Revents != 0 && len(text) < saidMax || fds[0].Revents == 0 && fds[1].Revents != 0 {
			var buf [saidMax]byte
			k, err := unix.Read(p.said, buf[:])
			if k <= 0 && err != unix.EINTR {
				pipe = -1
			}
			text = append(text, buf[:max(0, min(k, saidMax-len(text)))]...)
		} else if fds[0].Revents != 0 {
			status, err := reap(p.pid)
			return string(text), status, err
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(idleTime)
			switch {
			case !giveUp.IsZero() && now.After(giveUp):
				return string(text), 0, os.NewSyscallError("wait4", unix.ETIMEDOUT)
			case giveUp.IsZero() && !idle():
				_ = unix.PidfdSendSignal(p.pidfd, unix.SIGKILL, nil, 0)
				giveUp = now.Add(reapedTime)
			}
		}
	}
}

// reap calls wait4(2) for a child that has ended.
func reap(pid int) (status unix.WaitStatus, err error) {
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err != unix.EINTR {
			return status, os.NewSyscallError("wait4", err)
		}
	}
}
