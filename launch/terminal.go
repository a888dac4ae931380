package launch

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// terminal is the payload's pseudo-terminal, and the caller's terminal or
// streams that it is connected with.
type terminal struct {
	master int
	out    int    // what is written goes here; -1: nowhere
	keys   int    // the caller's terminal, of which every key is passed on; -1: none is
	screen int    // the caller's terminal that has the size; -1: there is none
	saved  []byte // the settings of keys, and those with which it passes every key on
	rawly  []byte

	quit    int // an eventfd that ends the copying of what is typed
	copying sync.WaitGroup
	drained chan struct{}
	lost    atomic.Bool // out takes nothing more
	told    bool        // the payload has been told that
	wake    int         // what wakes the supervisor; 0: nothing
	payload int         // its id inside
	asked   atomic.Bool // somebody has typed ^C
}

// quitTime is how long who copies what is typed may take to hear that all has ended.
const quitTime = time.Second

// drainTime is how long the last output may take. Nobody writes any more, so it
// is the time that a slow reader has for 64 KiB at most.
const drainTime = 10 * time.Second

// backgroundTime is how often one that runs in the background asks whether it
// still does: a shell's fg says nothing to a job that runs.
const backgroundTime = 200 * time.Millisecond

// takeTerminal makes the entry that receives the master side, and begins to
// copy.
func (r *run) takeTerminal(i int, s plan.ReceiveFD) error {
	fd, err := r.receive(i, int(r.value(s.Socket)))
	if err != nil || fd < 0 {
		return err
	}
	t := &terminal{master: fd, out: -1, keys: -1, screen: -1, drained: make(chan struct{}), wake: r.wake, payload: r.plan.Payload}
	piped := r.connect(t)
	if t.quit, err = sys.Eventfd(); err != nil {
		return r.otherError(i, err)
	}
	r.owned = append(r.owned, t.quit)
	if err := sys.SetNonblock(fd); err != nil { // whom nobody reads is not to hold up the end
		return r.otherError(i, err)
	}
	r.tty = t
	sys.Widen()
	if t.keys >= 0 {
		t.copying.Add(1)
		go t.typed(r.directed(t.keys, unix.O_RDONLY), true)
	}
	if piped {
		t.copying.Add(1)
		go t.typed(0, false)
	}
	go t.shown()
	return nil
}

// connect finds what the pseudo-terminal is connected with. The plan says which
// of the payload's streams it is, and which of the caller's is set to pass every
// key on. piped is whether the caller's standard input is no terminal and goes in.
func (r *run) connect(t *terminal) (piped bool) {
	var streams [3]bool
	for k := range r.plan.Entries {
		switch s := r.plan.Entries[k].Step.(type) {
		case plan.Ioctl:
			switch {
			case r.plan.Entries[k].Stage != plan.Supervisor:
			case k >= r.plan.End:
				t.keys, t.saved = int(s.FD), s.Data
			default:
				t.rawly = s.Data
			}
		case plan.Dup3:
			if r.plan.Entries[k].Stage == plan.Payload && s.New <= 2 {
				streams[s.New] = true
			}
		}
	}
	for _, fd := range []int{1, 2, 0} {
		if t.screen < 0 && sys.IsTerminal(fd) {
			t.screen = fd
		}
	}
	switch {
	case streams[1]:
		t.out = 1
	case t.screen >= 0:
		t.out = r.directed(t.screen, unix.O_WRONLY)
	}
	return streams[0] && !sys.IsTerminal(0)
}

// directed is a descriptor of the terminal fd that can be read or written: a
// shell's <file and >file open it for one of both. -1 if there is none.
func (r *run) directed(fd, mode int) int {
	if sys.Directed(fd, mode) {
		return fd
	}
	again, err := sys.Openat(sys.AtFDCWD, "/proc/self/fd/"+strconv.Itoa(fd), mode|unix.O_NOCTTY, 0)
	if err != nil {
		return -1
	}
	r.owned = append(r.owned, again)
	return again
}

// awaitMessage waits until there is a message on a socket, or its other end is
// closed. Meanwhile it does what cannot wait.
func (r *run) awaitMessage(socket int) error {
	if r.alone() && r.quiet() && sys.PollShortly(socket, 0) {
		return nil
	}
	r.status = r.known(r.plan.Status)
	for {
		ended, _, ready := sys.Poll(r.pidfd, -1, [3]int{r.wake, socket, r.status}, r.wait())
		if ended || ready[1] {
			return nil
		}
		if ready[0] {
			r.signals()
		}
		if ready[2] { // the payload, before it has sent anything
			r.stops()
		}
		if err := r.deadlines(); err != nil {
			return err
		}
	}
}

// typed copies what the caller types, or pipes in.
func (t *terminal) typed(in int, keys bool) {
	defer t.copying.Done()
	buf := make([]byte, 32<<10)
	last := byte('\n')
	for {
		if keys && !t.awaitForeground() || !sys.PollInput(in, t.quit) {
			return
		}
		if keys && !sys.Foreground(in) {
			continue
		}
		n, err := sys.Read(in, buf)
		if err != nil {
			return
		}
		if n == 0 {
			t.endOfInput(last != '\n')
			return
		}
		last = buf[n-1]
		if keys && t.interrupts(buf[:n]) {
			t.tell(&t.asked)
		}
		if sys.WriteUntil(t.master, buf[:n], t.quit) != nil {
			return
		}
	}
}

// interrupts reports whether the key for SIGINT is among those that were typed, and the
// payload itself is asked to end by it: not one of a shell's jobs, nor a shell that has
// jobs (which ignores SIGTSTP), nor who edits its lines itself (termios(3), ICANON).
// In those one types it often, and means what has been typed.
func (t *terminal) interrupts(typed []byte) bool {
	const both = unix.ISIG | unix.ICANON
	b, err := sys.Termios(t.master) // which answers for the other side
	if err != nil || binary.NativeEndian.Uint32(b[12:])&both != both || bytes.IndexByte(typed, b[17+unix.VINTR]) < 0 {
		return false
	}
	group, err := sys.ForegroundGroup(t.master)
	if err != nil {
		return false
	}
	status, _ := sys.ReadFile("/proc/" + strconv.Itoa(group) + "/status")
	ignored, err := strconv.ParseUint(field(status, "SigIgn"), 16, 64)
	return err == nil && inside(status) == t.payload && ignored&(1<<(unix.SIGTSTP-1)) == 0
}

// tell has the supervisor look at what is set.
func (t *terminal) tell(what *atomic.Bool) {
	what.Store(true)
	if t.wake > 0 {
		_ = sys.WriteEventfd(t.wake)
	}
}

// awaitForeground waits until the caller's terminal is this process group's.
// From the background nobody may read it or set it (setpgid(2)): the keys and
// the settings are the shell's. It returns false when all has ended.
func (t *terminal) awaitForeground() bool {
	if sys.Foreground(t.keys) {
		return true
	}
	for !sys.Foreground(t.keys) {
		if sys.PollShort(t.quit, backgroundTime) {
			return false
		}
	}
	t.raw()
	t.resize()
	return true
}

// endOfInput says it as a terminal does, by its character for that: once at the
// begin of a line, and otherwise twice, since the first only ends the line.
func (t *terminal) endOfInput(within bool) {
	b, err := sys.Termios(t.master) // which answers for the other side
	if err != nil || binary.NativeEndian.Uint32(b[12:])&unix.ICANON == 0 {
		return
	}
	end := []byte{b[17+unix.VEOF], b[17+unix.VEOF]}
	if !within {
		end = end[:1]
	}
	_ = sys.WriteUntil(t.master, end, t.quit)
}

// shown copies what the payload writes until no process has the other side, for
// which a master answers EIO. What nobody takes any more is read nevertheless,
// or the payload would wait for ever; the supervisor is told.
func (t *terminal) shown() {
	defer close(t.drained)
	buf := make([]byte, 32<<10)
	for {
		n, err := sys.Read(t.master, buf)
		if err != nil || n == 0 {
			return
		}
		if t.out < 0 || t.lost.Load() {
			continue
		}
		if sys.WriteAll(t.out, buf[:n]) != nil {
			t.tell(&t.lost)
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
	done := make(chan struct{})
	go func() {
		t.copying.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(quitTime):
	}
}

func (t *terminal) raw() {
	if t.keys >= 0 && sys.Foreground(t.keys) {
		_ = sys.SetTermios(t.keys, t.rawly)
	}
}

func (t *terminal) restore() {
	if t.keys >= 0 && sys.Foreground(t.keys) {
		_ = sys.SetTermios(t.keys, t.saved)
	}
}

// resize gives the pseudo-terminal the size of the caller's terminal. The kernel
// tells the payload.
func (t *terminal) resize() {
	if t.screen >= 0 {
		_ = sys.CopyWinsize(t.screen, t.master)
	}
}

// setTerminal makes an entry that sets the caller's terminal, which is not done
// from the background.
func (r *run) setTerminal(i int, s plan.Ioctl) error {
	if !sys.Foreground(int(s.FD)) {
		r.prog.board.set(i, passed)
		return nil
	}
	return r.call(i)
}
