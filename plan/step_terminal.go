package plan

import "golang.org/x/sys/unix"

// Socketpair is socketpair(2): two ends, by one of which init sends what the
// supervisor receives by the other.
type Socketpair struct{ A, B FD } // stand for the two descriptors that the kernel stores

func (s Socketpair) Write(w Writer) {
	w.Call("socketpair", unix.SYS_SOCKETPAIR)
	w.Symbol(unix.AF_UNIX, "AF_UNIX")
	w.Symbol(unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, "SOCK_SEQPACKET|SOCK_CLOEXEC")
	w.Symbol(0, "0")
	w.Symbol(0, "["+s.A.String()+", "+s.B.String()+"]")
}

// SendFD is sendmsg(2) of one descriptor (unix(7), SCM_RIGHTS).
type SendFD struct{ Socket, FD FD }

func (s SendFD) Write(w Writer) {
	w.Call("sendmsg", unix.SYS_SENDMSG)
	w.FD(s.Socket)
	w.Rights(s.FD)
	w.Symbol(0, "0")
}

// ReceiveFD is the recvmsg(2) of it, whose result is the descriptor.
type ReceiveFD struct{ Socket FD }

func (s ReceiveFD) Write(w Writer) {
	w.Call("recvmsg", unix.SYS_RECVMSG)
	w.FD(s.Socket)
	w.Symbol(0, "{msg_controllen=24}")
	w.Symbol(unix.MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC")
}

// Ioctl is ioctl(2) on a terminal. Its argument is a number, or a structure
// whose content Text says.
type Ioctl struct {
	FD      FD
	Request Name
	Value   uint64
	Data    []byte
	Text    string
}

func (s Ioctl) Write(w Writer) {
	w.Call("ioctl", unix.SYS_IOCTL)
	w.FD(s.FD)
	w.Symbol(s.Request.Bits, s.Request.Name)
	if s.Data == nil {
		w.Symbol(s.Value, s.Text)
		return
	}
	w.Struct(s.Data, func() string { return s.Text })
}

// Setpgid is setpgid(2): a process group of its own for Pid, a process id inside
// the jail; 0 is the caller.
type Setpgid struct{ Pid int }

func (s Setpgid) Write(w Writer) {
	w.Call("setpgid", unix.SYS_SETPGID)
	w.Int(int64(s.Pid))
	w.Int(int64(s.Pid))
}

// Fchown is fchown(2).
type Fchown struct {
	FD       FD
	UID, GID uint32
}

func (s Fchown) Write(w Writer) {
	w.Call("fchown", unix.SYS_FCHOWN)
	w.FD(s.FD)
	w.Int(int64(s.UID))
	w.Int(int64(s.GID))
}

// KeepFD is fcntl(2) F_SETFD without FD_CLOEXEC: the descriptor survives execve.
type KeepFD struct{ FD int }

func (s KeepFD) Write(w Writer) {
	w.Call("fcntl", unix.SYS_FCNTL)
	w.Int(int64(s.FD))
	w.Symbol(unix.F_SETFD, "F_SETFD")
	w.Symbol(0, "0")
}

func (Socketpair) sealed() {}
func (SendFD) sealed()     {}
func (ReceiveFD) sealed()  {}
func (Ioctl) sealed()      {}
func (Setpgid) sealed()    {}
func (Fchown) sealed()     {}
func (KeepFD) sealed()     {}
