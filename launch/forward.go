package launch

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// What the handler uses. It is the process's, as signal handlers are, and that
// of the one jail of a process that forwards.
var (
	forwardTo atomic.Int32  // the pidfd that it sends to
	held      atomic.Uint64 // the signals that it does not send on, by bit
	wake      atomic.Int32  // the eventfd that it wakes the supervisor by
	signalled [65]uint32    // how often each signal came
)

// one is what it writes to wake.
//
//lint:ignore U1000 it is the handler's
var one uint64 = 1

// handlerAddress returns where forwardSignal and sigreturn begin
// (signal_amd64.s, signal_arm64.s).
func handlerAddress() (handler, restorer uintptr)

// forward installs forwardSignal. It does without os/signal, which makes a
// thread and a goroutine and wakes both for each signal that it is told of:
// more than all of a jail's mounts cost.
func (r *run) forward(i int, s plan.Forward) error {
	fd, err := sys.Eventfd()
	if err != nil {
		return r.stepError(i, sys.Errno(err))
	}
	r.owned, r.wake = append(r.owned, fd), fd
	wake.Store(int32(fd))
	held.Store(bit(s.Held))
	forwardTo.Store(int32(r.pidfd))
	handler, restorer := handlerAddress()
	for _, sig := range s.Signals {
		if err := sys.Sigaction(sig, handler, restorer); err != nil {
			return r.stepError(i, sys.Errno(err))
		}
	}
	r.prog.board.set(i, 0)
	return nil
}

// bit is a signal's in held; 0 for no signal.
func bit(sig unix.Signal) uint64 {
	if sig == 0 {
		return 0
	}
	return 1 << (sig - 1)
}

// came returns how often a signal has come since it was last asked.
func (r *run) came(sig unix.Signal) uint32 {
	n := atomic.LoadUint32(&signalled[sig])
	d := n - r.seen[sig]
	r.seen[sig] = n
	return d
}
