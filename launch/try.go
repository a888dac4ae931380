package launch

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// Trial is a process that is made to hear what the kernel says: to a clone with
// these namespaces, and to what the process then asks of it. Nothing that it
// does outlives it.
type Trial struct {
	Flags   uint64       // CLONE_NEW*
	Entries []plan.Entry // made in order, until one fails that is not passed over
	// Call is made after them: a number and arguments, none of them a pointer
	// to anything.
	Call *[7]uint64
	// Meanwhile is called with the process's id when it has made all of them.
	// The process waits for its return.
	Meanwhile func(pid int)
}

// Tried is what came of a Trial.
type Tried struct {
	Cloned  unix.Errno // why there was no process; 0: there was one
	Results []int64    // of each entry, a negative errno among them; nil after the first that was not made
	Made    bool       // the Call was made, and came back
	Result  int64      // of the Call
	Killed  unix.Signal
	Read    []byte // what the last plan.Read of Entries read
}

// trialTime is how long a process may take for a trial.
const trialTime = 3 * time.Second

// Try makes a trial. results is how many FDs the entries may stand for
// (plan.Plan.Results).
func Try(t Trial, results int) Tried {
	// Two more: what the op after the last one writes, and the pidfd.
	p := &plan.Plan{Results: results + 2}
	add := func(s plan.Step) {
		p.Entries = append(p.Entries, plan.Entry{Stage: plan.Init, Step: s, Want: plan.Any, Skip: [2]plan.Errno{plan.Errno(unix.EPERM), plan.Errno(unix.ENOSYS)}})
	}
	// Memory is shared, so that what it reads can be seen here.
	clone := plan.Clone3{Flags: t.Flags | unix.CLONE_VM | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND, Pidfd: 0}
	p.Entries = append(p.Entries, plan.Entry{Step: clone})
	add(plan.PollAlive{}) // PR_SET_PDEATHSIG, below
	first := len(p.Entries)
	p.Entries = append(p.Entries, t.Entries...)
	add(plan.Exit{}) // Call, below
	prog, err := encode(p)
	if err != nil {
		return Tried{Cloned: sys.Errno(err)}
	}
	defer prog.board.free()
	last := len(p.Entries) - 1
	prog.ops[first-1] = op{nr: unix.SYS_PRCTL, args: [6]uint64{unix.PR_SET_PDEATHSIG, uint64(unix.SIGKILL)}, want: -1, skip: prog.ops[first-1].skip}
	if t.Call == nil {
		t.Call = &[7]uint64{unix.SYS_GETPID}
	}
	prog.ops[last] = op{nr: t.Call[0], args: [6]uint64(t.Call[1:]), want: -1}
	if t.Meanwhile != nil { // ppoll(2) of nothing, for ever
		prog.ops[last+1] = op{nr: unix.SYS_PPOLL, want: -1}
	}

	pidfd := &prog.board.outcomes[len(p.Entries)+results+1].result
	*pidfd = 0
	args := clone.CloneArgs()
	*(*uint64)(unsafe.Pointer(&args[8])) = uint64(uintptr(unsafe.Pointer(pidfd)))
	pid, _, _, _ := cloneAndRun(unsafe.Pointer(&args[0]), uintptr(len(args)), &prog.ops[1], &prog.ops[0], &prog.board.outcomes[0], 1, nil, nil)
	if pid < 0 {
		return Tried{Cloned: unix.Errno(-pid)}
	}
	fd := int(int32(*pidfd))
	defer sys.Close(fd)
	made := func() bool { return atomic.LoadInt64(&prog.board.outcomes[last].result) != notRun }
	for end := time.Now().Add(trialTime); !sys.Ended(fd, time.Millisecond) && time.Now().Before(end); {
		if made() && t.Meanwhile != nil {
			t.Meanwhile(int(pid))
			break
		}
	}
	_ = sys.PidfdSendSignal(fd, unix.SIGKILL)
	status := sys.Reap(int(pid))

	out := Tried{Made: made(), Result: prog.board.outcomes[last].result}
	for i := first; i < last && prog.board.outcomes[i].result != notRun; i++ {
		out.Results = append(out.Results, prog.board.outcomes[i].result)
		if _, ok := p.Entries[i].Step.(plan.Read); ok && prog.board.outcomes[i].result > 0 {
			out.Read = prog.buffer(i, 1)[:prog.board.outcomes[i].result]
		}
	}
	if status.Signaled() && status.Signal() != unix.SIGKILL {
		out.Killed = status.Signal()
	}
	return out
}
