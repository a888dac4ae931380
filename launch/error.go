package launch

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// StepError is an entry of a plan that the kernel refused.
type StepError struct {
	Index int // from 0
	Total int
	Entry plan.Entry
	Errno unix.Errno // 0: the call returned Got instead of Entry.Want
	Got   int64
	Err   error // of a program that was run: what it said
	// Killed is what ended the process that was in the call; 0: it came back.
	Killed unix.Signal
}

// Untold is a StepError.Killed of which nobody was told.
const Untold = unix.Signal(-1)

// Error says which step, whose, and what the kernel answered: "step 12/41
// (init, profile strict: mounts[2]): mount_setattr(...): ENOSYS".
func (e *StepError) Error() string {
	where := e.Entry.Stage.String()
	if e.Entry.From != "" {
		where += ", " + e.Entry.From
	}
	s := fmt.Sprintf("step %d/%d (%s): %s: ", e.Index+1, e.Total, where, plan.Spell(e.Entry.Step))
	switch {
	case e.Err != nil:
		return s + e.Err.Error()
	case e.Killed == Untold:
		return s + "killed"
	case e.Killed != 0:
		return s + "killed by " + unix.SignalName(e.Killed)
	case e.Errno != 0:
		return s + plan.Errno(e.Errno).String()
	}
	return s + fmt.Sprintf("returned %d instead of %d", e.Got, e.Entry.Want)
}

// Unwrap makes errors.Is(err, unix.ENOENT) work.
func (e *StepError) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	if e.Errno != 0 {
		return e.Errno
	}
	return nil
}

func (r *run) stepError(i int, errno unix.Errno) *StepError {
	return &StepError{Index: i, Total: len(r.plan.Entries), Entry: r.plan.Entries[i], Errno: errno, Got: r.prog.board.outcomes[i].result}
}
