package sys

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// termiosSize is sizeof(struct termios) of the kernel (asm-generic/termbits.h):
// four words of flags, the line discipline and 19 characters.
const termiosSize = 36

// Termios calls ioctl(2) TCGETS.
func Termios(fd int) ([]byte, error) {
	b := make([]byte, termiosSize)
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TCGETS, uintptr(unsafe.Pointer(&b[0])))
	if e != 0 {
		return nil, os.NewSyscallError("ioctl", e)
	}
	return b, nil
}

// SetTermios calls ioctl(2) TCSETS. It does not wait until what was written has been shown: a line that nobody
// reads would hold it up.
func SetTermios(fd int, b []byte) error {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TCSETS, uintptr(unsafe.Pointer(&b[0])))
	if e != 0 {
		return os.NewSyscallError("ioctl", e)
	}
	return nil
}

// Winsize calls ioctl(2) TIOCGWINSZ.
func Winsize(fd int) (rows, cols uint16, err error) {
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, os.NewSyscallError("ioctl", err)
	}
	return size.Row, size.Col, nil
}

// CopyWinsize gives the terminal to the size of from.
func CopyWinsize(from, to int) error {
	size, err := unix.IoctlGetWinsize(from, unix.TIOCGWINSZ)
	if err == nil {
		err = unix.IoctlSetWinsize(to, unix.TIOCSWINSZ, size)
	}
	return os.NewSyscallError("ioctl", err)
}

// Socketpair calls socketpair(2) for two ends of a SOCK_SEQPACKET.
func Socketpair() (a, b int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	return fds[0], fds[1], os.NewSyscallError("socketpair", err)
}

// ReceiveFD calls recvmsg(2) for one message with a descriptor. -1 is the end of
// the connection.
func ReceiveFD(socket int) (int, error) {
	text, control := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	for {
		n, m, _, _, err := unix.Recvmsg(socket, text, control, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return -1, os.NewSyscallError("recvmsg", err)
		case n == 0:
			return -1, nil
		}
		list, err := unix.ParseSocketControlMessage(control[:m])
		if err != nil || len(list) != 1 {
			return -1, os.NewSyscallError("recvmsg", unix.EBADMSG)
		}
		fds, err := unix.ParseUnixRights(&list[0])
		if err != nil || len(fds) != 1 {
			return -1, os.NewSyscallError("recvmsg", unix.EBADMSG)
		}
		return fds[0], nil
	}
}

// PollInput calls ppoll(2) until in can be read, or quit, for which it returns
// false. There may be no quit: -1.
func PollInput(in, quit int) bool {
	fds := [2]unix.PollFd{{Fd: int32(in), Events: unix.POLLIN}, {Fd: int32(quit), Events: unix.POLLIN}}
	for {
		_, err := unix.Ppoll(fds[:], nil, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return false
		}
		return fds[1].Revents == 0
	}
}

// PollShort calls ppoll(2) on a descriptor for at most a time, and reports whether
// there is something to read.
func PollShort(fd int, wait time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	t := unix.NsecToTimespec(wait.Nanoseconds())
	n, _ := unix.Ppoll(fds[:], &t, nil)
	return n == 1
}

// Foreground calls ioctl(2) TIOCGPGRP and reports whether a terminal is in the
// hands of this process group. One that is not this session's is.
func Foreground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// ForegroundGroup calls ioctl(2) TIOCGPGRP on the master side of a pseudo-terminal: the
// process group that has the other side (tty_jobctrl.c:tiocgpgrp).
func ForegroundGroup(master int) (int, error) {
	group, err := unix.IoctlGetInt(master, unix.TIOCGPGRP)
	return group, os.NewSyscallError("ioctl", err)
}

// Directed calls fcntl(2) F_GETFL and reports whether a descriptor can be used as
// mode says, O_RDONLY or O_WRONLY.
func Directed(fd, mode int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	has := flags & unix.O_ACCMODE
	return err == nil && (has == unix.O_RDWR || has == mode)
}

// SetNonblock calls fcntl(2) F_SETFL O_NONBLOCK.
func SetNonblock(fd int) error { return os.NewSyscallError("fcntl", unix.SetNonblock(fd, true)) }

// Read calls read(2). Where a descriptor that does not block has nothing, it
// waits.
func Read(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			PollInput(fd, -1)
		default:
			return 0, os.NewSyscallError("read", err)
		}
	}
}

// WriteAll calls write(2) until all of data is written.
func WriteAll(fd int, data []byte) error { return WriteUntil(fd, data, -1) }

// WriteUntil calls write(2) until all of data is written. Where a descriptor that does
// not block has no room it waits, and no longer than until there is something to read
// from quit: os.ErrDeadlineExceeded.
func WriteUntil(fd int, data []byte, quit int) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		switch err {
		case nil:
			data = data[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			fds := [2]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}, {Fd: int32(quit), Events: unix.POLLIN}} // a negative one is passed over: poll(2)
			_, _ = unix.Ppoll(fds[:], nil, nil)
			if fds[1].Revents != 0 {
				return os.ErrDeadlineExceeded
			}
		default:
			return os.NewSyscallError("write", err)
		}
	}
	return nil
}

// WriteWithin calls write(2) when there is room for data that no pipe divides
// (PIPE_BUF, pipe(7)): os.ErrDeadlineExceeded where there is none within a time.
func WriteWithin(fd int, data []byte, wait time.Duration) error {
	until := time.Now().Add(wait)
	for {
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		t := unix.NsecToTimespec(max(time.Until(until), 0).Nanoseconds())
		n, err := unix.Ppoll(fds[:], &t, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return os.NewSyscallError("ppoll", err)
		case n == 0:
			return os.ErrDeadlineExceeded
		default:
			return WriteAll(fd, data)
		}
	}
}
