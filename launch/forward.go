package launch

import (
	"sync/atomic"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// forwardTo is the pidfd that the handler sends to. It is the process's, as
// signal handlers are.
var forwardTo atomic.Int32

// handlerAddress returns where forwardSignal and sigreturn begin
// (signal_amd64.s, signal_arm64.s).
func handlerAddress() (handler, restorer uintptr)

// forward installs forwardSignal. It does without os/signal, which makes a
// thread and a goroutine and wakes both for each signal that it is told of:
// more than all of a jail's mounts cost.
func (r *run) forward(i int, s plan.Forward) error {
	forwardTo.Store(int32(r.pidfd))
	handler, restorer := handlerAddress()
	if err := sys.Sigaction(s.Signal, handler, restorer); err != nil {
		return r.stepError(i, errnoOf(err))
	}
	r.prog.board.set(i, 0)
	return nil
}
