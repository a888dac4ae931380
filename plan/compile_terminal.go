package plan

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/profiles"
)

// TTY is whether the payload gets a pseudo-terminal of its own.
type TTY uint8

// With TTYAuto it does where the caller has a terminal among the standard
// streams, and for those streams.
const (
	TTYAuto TTY = iota
	TTYAlways
	TTYNever
)

// Terminal is the caller's.
type Terminal struct {
	Rows, Cols uint16
	Termios    []byte // struct termios of the kernel, 36 bytes; nil: there is no terminal
}

// terminal is what compiling knows of the payload's pseudo-terminal.
type terminal struct {
	ours, inits   FD // the ends of the socket
	master, slave FD // in init
	taken         FD // the master, in the supervisor
	streams       [3]bool
	wanted        bool
	pts           string // where the profile mounts the jail's devpts, as view.walk spells it
	ptsAt         int    // the entry after that
	// callers is the caller's stream that is a terminal, of which the payload gets
	// every key; -1 where there is none, or standard error alone is one: then
	// somebody else in a pipe has the keys, and ^C is a signal to procjail.
	callers int
}

var (
	tiocsptlck  = Name{unix.TIOCSPTLCK, "TIOCSPTLCK"}
	tiocgptpeer = Name{0x5441, "TIOCGPTPEER"} // since Linux 4.13
	tcsets      = Name{unix.TCSETS, "TCSETS"}
	tiocswinsz  = Name{unix.TIOCSWINSZ, "TIOCSWINSZ"}
	tiocsctty   = Name{unix.TIOCSCTTY, "TIOCSCTTY"}
	tiocspgrp   = Name{unix.TIOCSPGRP, "TIOCSPGRP"}
)

// wantTerminal decides which streams are to be a pseudo-terminal.
func (c *compiler) wantTerminal() error {
	t := &c.tty
	t.callers = -1
	for i, s := range c.host.Stdio {
		if s.Terminal && i <= 1 && t.callers < 0 && c.host.Terminal.Termios != nil {
			t.callers = i
		}
		t.streams[i] = c.spec.TTY == TTYAlways || c.spec.TTY == TTYAuto && s.Terminal
		t.wanted = t.wanted || t.streams[i]
	}
	return nil
}

// terminalSocket makes the way on which init hands over the master side.
func (c *compiler) terminalSocket() {
	if t := &c.tty; t.wanted {
		t.ours, t.inits = c.result(), c.result()
		c.add(Socketpair{t.ours, t.inits})
	}
}

// closeOtherEnds makes recvmsg(2) end with who would send.
func (c *compiler) closeOtherEnds() {
	if c.tty.wanted {
		c.add(Close{c.tty.inits})
	}
	if c.watch.program != nil {
		c.add(Close{c.watch.payloads})
	}
}

// makeTerminal takes a pseudo-terminal from the jail's own devpts, so that it
// has a name inside, gives it to the payload's id and makes it the terminal of
// init's session. Its settings and its size are those of the caller's.
func (c *compiler) makeTerminal() error {
	t := &c.tty
	if !t.wanted {
		return nil
	}
	ptmx := t.pts + "/ptmx"
	for _, e := range c.plan.Entries[t.ptsAt:] {
		over := ""
		switch s := e.Step.(type) {
		case MoveMount:
			over = s.ToPath
		case OpenInRoot: // for a mount on what is in a mounted tree
			over = s.Path
		}
		if t.pts != "" && over != "" && strings.HasPrefix(ptmx+"/", over+"/") {
			return refuse("a terminal for the payload", e.From+" covers /"+over+", where its pseudo-terminal would be", "leave that out, or --tty never")
		}
	}
	if s, err := c.view.walk("/dev/pts"); err != nil || t.pts == "" || s.path != t.pts {
		return refuse("a terminal for the payload", "the profile mounts no /dev of the jail's own", "--tty never")
	}
	t.master = c.get(Openat{Dir: AtFDCWD, Path: ptmx, Flags: unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC})
	c.add(Ioctl{FD: t.master, Request: tiocsptlck, Data: make([]byte, 4), Text: "[0]"})
	t.slave = c.get(Ioctl{FD: t.master, Request: tiocgptpeer, Value: unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC, Text: "O_RDWR|O_NOCTTY|O_CLOEXEC"})
	c.add(Fchown{t.slave, c.id.PayloadUID, c.id.PayloadGID})
	if h := c.host.Terminal; h.Termios != nil {
		size := newStruct(8)
		size.u16(0, h.Rows)
		size.u16(2, h.Cols)
		c.add(Ioctl{FD: t.slave, Request: tcsets, Data: h.Termios, Text: "{as the caller's}"})
		c.add(Ioctl{FD: t.slave, Request: tiocswinsz, Data: size, Text: "{ws_row=" + itoa(int64(h.Rows)) + ", ws_col=" + itoa(int64(h.Cols)) + "}"})
	}
	c.add(Ioctl{FD: t.slave, Request: tiocsctty, Text: "0"})
	c.add(SendFD{t.inits, t.master})
	return nil
}

// takeTerminal receives the master side. From then on the caller's terminal
// passes every key on as it is; the plan's end sets it back.
func (c *compiler) takeTerminal() {
	t := &c.tty
	if !t.wanted {
		return
	}
	t.taken = c.get(ReceiveFD{t.ours})
	if t.callers >= 0 {
		raw, text := rawTermios(c.host.Terminal.Termios), "{raw}"
		if !c.host.Stdio[1].Terminal { // who writes there instead, at the end of a pipe, needs its newlines
			raw.u32(4, kstruct(c.host.Terminal.Termios).get32(4))
			text = "{raw but for output}"
		}
		c.add(Ioctl{FD: FD(t.callers), Request: tcsets, Data: raw, Text: text})
	}
}

// useTerminal puts the payload's process group into the foreground and its
// streams on the terminal. The signal that stops who does that from the
// background is blocked.
func (c *compiler) useTerminal() {
	t := &c.tty
	if !t.wanted {
		return
	}
	if c.spec.Init == profiles.PID1Init {
		group := newStruct(4)
		group.u32(0, uint32(c.payloadPid()[0]-'0'))
		c.add(Ioctl{FD: t.slave, Request: tiocspgrp, Data: group, Text: "[" + c.payloadPid() + "]"})
	}
	for i, s := range t.streams {
		if s {
			c.add(Dup3{t.slave, FD(i)})
		}
	}
}

// endTerminal sets the caller's terminal back.
func (c *compiler) endTerminal() {
	if t := &c.tty; t.wanted && t.callers >= 0 {
		c.add(Ioctl{FD: FD(t.callers), Request: tcsets, Data: c.host.Terminal.Termios, Text: "{as it was}"})
	}
}

// rawTermios is a struct termios of the kernel as cfmakeraw(3) changes it: every
// byte goes through, at once, and none means anything.
func rawTermios(termios []byte) kstruct {
	raw := newStruct(len(termios))
	copy(raw, termios)
	without := func(off int, bits uint32) { raw.u32(off, raw.get32(off)&^bits) }
	without(0, unix.IGNBRK|unix.BRKINT|unix.PARMRK|unix.ISTRIP|unix.INLCR|unix.IGNCR|unix.ICRNL|unix.IXON)
	without(4, unix.OPOST)
	without(8, unix.CSIZE|unix.PARENB)
	raw.u32(8, raw.get32(8)|unix.CS8)
	without(12, unix.ECHO|unix.ECHONL|unix.ICANON|unix.ISIG|unix.IEXTEN)
	const cc = 17 // after c_line
	raw[cc+unix.VMIN], raw[cc+unix.VTIME] = 1, 0
	return raw
}

// heldSignal is the one that the handler does not pass on by itself: another is
// sent in its place.
func (c *compiler) heldSignal() unix.Signal {
	if c.spec.StopSignal != 0 && c.spec.StopSignal != unix.SIGTERM {
		return unix.SIGTERM
	}
	return 0
}
