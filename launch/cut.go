package launch

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// cut is the step that init or the payload was ended in by SIGSYS, before there
// was a payload to be ended by its policy; nil: neither was. Only a filter that was
// there before the jail does that, and the status is then not the payload's
// program's. init is whether it is PID 1's.
func (r *run) cut(status unix.WaitStatus, init bool) error {
	if !status.Signaled() || status.Signal() != unix.SIGSYS || r.unheard || r.ended {
		return nil
	}
	for i, e := range r.plan.Entries {
		// PID 1 makes the payload's entries where it becomes the payload.
		its := e.Stage == plan.Payload && (!init || r.plan.Status == 0) || e.Stage == plan.Init && init
		if !its || r.prog.board.outcomes[i].result != notRun {
			continue
		}
		if _, ok := e.Step.(plan.Execve); ok { // which has no result either if it succeeds
			return nil
		}
		return r.killedIn(i, unix.SIGSYS)
	}
	return nil
}

// lost is the step that another process was ended in, whose result init waited
// for. Init ends then, and with it whoever could tell by which signal.
func (r *run) lost(waiting int) error {
	for i, e := range r.plan.Entries[:waiting] {
		if e.Stage != plan.Supervisor && e.Stage != r.plan.Entries[waiting].Stage && r.prog.board.outcomes[i].result == notRun {
			return r.killedIn(i, Untold)
		}
	}
	return nil
}

func (r *run) killedIn(i int, by unix.Signal) *StepError {
	return &StepError{Index: i, Total: len(r.plan.Entries), Entry: r.plan.Entries[i], Killed: by}
}

// undone is the status of an init that the undo list has waited for.
func (r *run) undone() unix.WaitStatus {
	for i, e := range r.plan.Undo {
		if _, ok := e.Step.(plan.Waitid); ok {
			return (*siginfo)(addr(r.prog.undo[i].args[2])).waitStatus()
		}
	}
	return 0
}
