package main

import (
	"github.com/Emmanuel326/procjail/cause"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
)

// failStep prints a step that the kernel refused, with the cause if a probe
// confirms one, and returns the exit status for it.
func failStep(e *launch.StepError, h *plan.Host, p *plan.Plan) (cause.Finding, int) {
	say("error", e.Error())
	f := diagnose(e, h, p)
	say("cause", f.Cause)
	if f.Remedy != "" {
		say("remedy", f.Remedy)
	}
	if f.Exit != 0 {
		return f, f.Exit
	}
	return f, 125
}

// diagnose is what the probes confirm of a failure, or what they looked at.
func diagnose(e *launch.StepError, h *plan.Host, p *plan.Plan) cause.Finding {
	return thisSystem().Find(cause.Failure{
		Step: e.Entry.Step, Stage: e.Entry.Stage, Index: e.Index, Errno: e.Errno, Got: e.Got, Want: e.Entry.Want, Err: e.Err, Killed: e.Killed != 0,
	}, h, p)
}

// thisSystem is the running one, on which trials can be made.
func thisSystem() *cause.System {
	s := cause.Live()
	s.Try = func(t cause.Trial) cause.Tried {
		got := launch.Try(launch.Trial{Flags: t.Flags, Entries: t.Entries, Call: t.Call, Meanwhile: t.Meanwhile}, t.Results)
		return cause.Tried{Cloned: got.Cloned, Made: got.Made, Result: got.Result, Killed: got.Killed, Results: got.Results, Read: got.Read}
	}
	return s
}
