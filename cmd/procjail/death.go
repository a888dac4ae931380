package main

import (
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

// meaning is what the kernel sends a signal for; empty: not for a failure. Anybody else
// may send it too, and nothing tells them apart.
func meaning(sig unix.Signal) string {
	switch sig {
	case unix.SIGSEGV:
		return "for memory that is not the program's own"
	case unix.SIGBUS:
		return "for memory behind which there is nothing: of a file that was cut, or of a full file system"
	case unix.SIGILL:
		return "for an instruction that this processor does not have"
	case unix.SIGFPE:
		return "for an impossible calculation, as a division by 0"
	case unix.SIGTRAP:
		return "for a breakpoint, to who has no debugger"
	case unix.SIGPIPE:
		return "to who writes to a pipe that nobody reads"
	case unix.SIGSYS:
		return "for a call that the seccomp policy answers with it"
	}
	return ""
}

// dumping are the signals that leave a core, signal(7).
var dumping = []unix.Signal{
	unix.SIGABRT, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGQUIT, unix.SIGSEGV, unix.SIGTRAP, unix.SIGXCPU, unix.SIGXFSZ,
}

// sayDeath tells which signal ended the payload, and what can be known of why.
// Where procjail or a limit did it, another line says so.
func sayDeath(spec *plan.Spec, res launch.Result) {
	s := res.Status
	if !s.Signaled() || res.Reason != launch.Signaled && res.Reason != launch.Seccomp {
		return
	}
	sig := s.Signal()
	name := unix.SignalName(sig)
	if name == "" {
		name = "signal " + strconv.Itoa(int(sig))
	}
	text := "killed by " + name
	switch means := meaning(sig); {
	case sig == unix.SIGKILL:
		text += ", which procjail did not send" + killer(res)
	case sig == unix.SIGXFSZ && spec.Limits.FileSize != profiles.Unlimited:
		text += ": a file grew to the limit of " + megabytes(spec.Limits.FileSize) + " (RLIMIT_FSIZE)"
	case sig == unix.SIGXCPU:
		text += ": its processor time was over (RLIMIT_CPU)"
	case means != "":
		text += ", which the kernel sends " + means
	case sig == unix.SIGABRT:
		text += ", by which programs give up (abort(3))"
	}
	switch {
	case s.CoreDump():
		text += "; a core was dumped"
	case slices.Contains(dumping, sig) && spec.Limits.Core == 0:
		text += "; no core was kept, since core is 0 in [limits] of the profile"
	}
	say("signal", text)
	if sig == unix.SIGSEGV || sig == unix.SIGBUS || sig == unix.SIGABRT {
		sayMemory(spec, res)
	}
}

// killer is what is known of who has sent SIGKILL.
func killer(res launch.Result) string {
	if res.HasCgroup {
		return ", nor did the kernel for the jail's memory (memory.events): somebody inside, or outside"
	}
	return "; whether the kernel did, for want of memory, nothing tells without a cgroup"
}

// sayMemory names a limit on memory that the largest process came near, where the
// limit is each process's own. What it had of files counts for the memory in use, and
// not for the limit. Who traces has seen what was refused.
func sayMemory(spec *plan.Spec, res launch.Result) {
	limit, had := spec.Limits.Memory, uint64(res.Usage.MaxRSS)
	if res.HasCgroup || spec.Denials == plan.DenialsTrace || limit == profiles.Unlimited || had < limit/10*9 || had > limit {
		return
	}
	say("memory", fmt.Sprintf("its largest process had %s in memory, and may have %s of its own (RLIMIT_DATA; inferred)", megabytes(had), megabytes(limit)))
	say("remedy", "--memory SIZE allows more")
}

// sayFull names what was full at the end, or when a process failed.
func sayFull(res launch.Result) {
	for _, f := range res.Full {
		if f.Size > 0 {
			say("full", fmt.Sprintf("%s had no room left of its %s (ENOSPC; SIGBUS for who maps a file there)", f.Path, megabytes(f.Size)))
		} else {
			say("full", fmt.Sprintf("%s had no inode left of its %d (ENOSPC)", f.Path, f.Inodes))
		}
		say("remedy", "--tmpfs "+f.Path+":SIZE makes it larger, and it counts as memory")
	}
}

// sayZombies tells of a payload that is PID 1 and reaps nobody.
func sayZombies(res launch.Result) {
	if res.Zombies > 0 {
		say("pid1", fmt.Sprintf("the payload is PID 1 and had not waited for %d processes that had ended (zombies); --pid1 init reaps them", res.Zombies))
	}
}

// sayLeft tells what became of the processes that the payload left, which is worth a
// line only for who looks: of a payload that ended well, since what one leaves that
// failed or was stopped is not the reason.
func (o *options) sayLeft(res launch.Result) {
	well := res.Status.Exited() && res.Status.ExitStatus() == 0
	if res.LeftRunning && (o.verbose || o.trace && well) {
		say("pid1", "what the payload left of processes ended with it: a PID namespace ends with its PID 1 (pid_namespaces(7))")
	}
}
