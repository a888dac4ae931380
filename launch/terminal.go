package launch

import (
	"sync"
	"time"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// terminal is the payload's pseudo-terminal, and the caller's terminal or
// streams that it is connected with.
type terminal struct {
	master  int
	in, out int    // the caller's
	callers int    // the caller's terminal; -1: there is none
	saved   []byte // its settings
	tty     bool   // in is a terminal

	quit    int // an eventfd that ends the copying of what is typed
	copying sync.WaitGroup
	drained chan struct{}
}

// drainTime is how long the last output may take. Nobody writes any more, so it
// is the time that a slow reader has for 64 KiB at most.
const drainTime = 10 * time.Second

// takeTerminal makes the entry that receives the master side, and begins to
// copy.
func (r *run) takeTerminal(i int, s plan.ReceiveFD) error {
	fd, err := sys.ReceiveFD(int(r.value(s.Socket)))
	if err == nil && fd < 0 {
		err = errNoDescriptor
	}
	if err != nil {
		return r.otherError(i, err)
	}
	r.owned = append(r.owned, fd)
	r.prog.board.set(i, int64(fd))
	t := &terminal{master: fd, in: 0, out: 1, callers: -1, drained: make(chan struct{})}
	for k := range r.plan.Entries { // which the plan sets back at its end
		e := &r.plan.Entries[k]
		if io, ok := e.Step.(plan.Ioctl); ok && k >= r.plan.End {
			t.callers, t.saved = int(io.FD), io.Data
		}
	}
	t.tty = sys.IsTerminal(0)
	if t.callers >= 0 && !sys.IsTerminal(1) {
		t.out = t.callers // standard output goes elsewhere, and the terminal is another stream
	}
	if t.quit, err = sys.Eventfd(); err != nil {
		return r.otherError(i, err)
	}
	r.owned = append(r.owned, t.quit)
	r.tty = t
	if t.tty || t.callers < 0 {
		t.copying.Add(1)
		go t.typed()
	}
	go t.shown()
	return nil
}

// typed copies what the caller types, or pipes in where there is no terminal. An
// end of input is said as a terminal does, by its character for that.
func (t *terminal) typed() {
	defer t.copying.Done()
	buf := make([]byte, 32<<10)
	for sys.PollInput(t.in, t.quit) {
		n, err := sys.Read(t.in, buf)
		if err != nil {
			return
		}
		if n == 0 {
			_ = sys.WriteAll(t.master, []byte{4}) // VEOF
			return
		}
		if sys.WriteAll(t.master, buf[:n]) != nil {
			return
		}
	}
}

// shown copies what the payload writes until no process has the other side, for
// which a master answers EIO.
func (t *terminal) shown() {
	defer close(t.drained)
	buf := make([]byte, 32<<10)
	for {
		n, err := sys.Read(t.master, buf)
		if err != nil || n == 0 {
			return
		}
		if sys.WriteAll(t.out, buf[:n]) != nil {
			return
		}
	}
}

// end waits for the last output.
func (t *terminal) end() {
	select {
	case <-t.drained:
	case <-time.After(drainTime):
	}
	_ = sys.WriteEventfd(t.quit)
	t.copying.Wait()
}

func (t *terminal) raw() {
	if t.callers >= 0 {
		_ = sys.SetTermios(t.callers, plan.RawTermios(t.saved))
	}
}

func (t *terminal) restore() {
	if t.callers >= 0 {
		_ = sys.SetTermios(t.callers, t.saved)
	}
}

// resize gives the pseudo-terminal the size of the caller's terminal. The kernel
// tells the payload.
func (t *terminal) resize() {
	if t.callers < 0 {
		return
	}
	_ = sys.CopyWinsize(t.callers, t.master)
}
