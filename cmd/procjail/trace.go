package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/report"
	"github.com/Emmanuel326/procjail/seccomp/denial"
	"github.com/Emmanuel326/procjail/wall"
)

// met are the walls that the payload's calls have met, for --trace-denials.
type met struct {
	failed   func(*launch.Failure) bool // nil: nobody asked
	messages []message
	judged   bool // the verdicts are complete
}

// message is what a process wrote to standard error, and when.
type message struct {
	wall.Message
	at time.Duration // the last of it
}

// mostMessages are kept, the last.
const mostMessages = 64

// shownFailures is how many kinds the end of a run tells of.
const shownFailures = 8

// met looks for the wall behind each failure while the process that met it is
// still there.
func (o *options) met(spec *plan.Spec, p *plan.Plan) *met {
	m := &met{}
	if !o.trace {
		return m
	}
	restricted := slices.ContainsFunc(p.Entries, func(e plan.Entry) bool { _, ok := e.Step.(plan.LandlockRestrictSelf); return ok })
	withheld := withheld(p)
	terminal := slices.ContainsFunc(p.Entries, func(e plan.Entry) bool { return e.Stage == plan.Payload && takesTerminal(e.Step) })
	limits := given(p)
	m.failed = func(f *launch.Failure) bool {
		view := wall.Process{Pid: f.Pid, None: spec.Net == profiles.NetNone, Restricted: restricted, Instances: spec.Limits.Inotify, Terminal: terminal, Limits: limits}
		asked := asked(f)
		asked.Withheld = withheld
		found := wall.Of(asked, view)
		if f.Data != "" {
			m.hear(f.Process, f.Data, f.At)
		}
		if found.Wall == wall.None && f.Errno == 0 {
			return false
		}
		f.Idle = found.Wall == wall.None || found.Expected
		f.Verdict = &verdict{Met: found}
		if o.verbose && found.Wall != wall.None {
			say("failed", failure(f, found))
		}
		return true
	}
	return m
}

// takesTerminal reports whether a step gives its process a terminal: ioctl_tty(2).
func takesTerminal(s plan.Step) bool {
	i, ok := s.(plan.Ioctl)
	return ok && i.Request.Bits == unix.TIOCSCTTY
}

// given are the limits that the payload begins with: those of this process, and what the
// plan makes of them.
func given(p *plan.Plan) map[string]uint64 {
	names := map[uint64]string{
		unix.RLIMIT_NOFILE: "Max open files", unix.RLIMIT_NPROC: "Max processes", unix.RLIMIT_MEMLOCK: "Max locked memory",
		unix.RLIMIT_DATA: "Max data size", unix.RLIMIT_AS: "Max address space", unix.RLIMIT_CORE: "Max core file size",
	}
	self := wall.Process{Pid: os.Getpid()}
	limits := make(map[string]uint64)
	for _, name := range names {
		limits[name] = self.Limit(name)
	}
	for _, e := range p.Entries {
		if s, ok := e.Step.(plan.Prlimit); ok && e.Stage != plan.Supervisor && names[s.Resource.Bits] != "" {
			limits[names[s.Resource.Bits]] = s.Soft
		}
	}
	return limits
}

// hear keeps what a process writes to standard error: some write it letter by letter.
func (m *met) hear(by denial.Process, text string, at time.Duration) {
	const longest = 4096
	if n := len(m.messages); n > 0 {
		if last := &m.messages[n-1]; last.PID == by.PID && !strings.HasSuffix(last.Text, "\n") && len(last.Text) < longest {
			last.Text += text
			last.at = at
			return
		}
	}
	m.messages = append(m.messages[max(0, len(m.messages)+1-mostMessages):], message{wall.Message{PID: by.PID, Name: by.Name, Text: text}, at})
}

// asked is what package wall is asked about.
func asked(f *launch.Failure) wall.Failure {
	return wall.Failure{
		Call: f.Call.Name(), Args: f.Call.Args, Paths: f.Paths, Errno: f.Errno, Write: f.Call.Writes(), Address: f.Address, IDs: f.IDs, PID: f.Process.PID, Data: f.Data,
	}
}

// withheld are the names of the variables that this process has and the payload does
// not. A shell gives its own to each of its children.
func withheld(p *plan.Plan) (names []string) {
	passed := []string{"_", "PWD", "OLDPWD", "SHLVL"}
	for _, e := range p.Entries {
		if s, ok := e.Step.(plan.Execve); ok && e.Stage == plan.Payload {
			for _, kv := range s.Env {
				name, _, _ := strings.Cut(kv, "=")
				passed = append(passed, name)
			}
		}
	}
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); !slices.Contains(passed, name) {
			names = append(names, name)
		}
	}
	return names
}

func failure(f *launch.Failure, found wall.Met) string {
	text := f.Text + ": "
	switch {
	case f.Errno == 0:
		text += found.Text
	case found.Text != "":
		text += plan.Errno(f.Errno).String() + ", " + found.Text
	default:
		text += plan.Errno(f.Errno).String()
	}
	if found.Inferred || f.Inferred {
		text += " (inferred)"
	}
	if f.Process.PID != 0 {
		text += " (" + f.Process.Name + ", process " + strconv.Itoa(f.Process.PID) + ")"
	}
	if f.Count > 1 && !f.Inferred { // a fork that a signal interrupts is made again
		text += ", " + strconv.FormatUint(f.Count, 10) + " times"
	}
	return text
}

// say tells, when the payload failed, which walls it met.
func (m *met) say(res launch.Result) {
	if m.failed == nil {
		return
	}
	said := make(map[string]bool)
	more := 0
	for _, f := range m.telling(res) {
		found := verdictOf(f)
		switch {
		case found.rank >= didWithout || said[found.Text]:
		case len(said) == shownFailures:
			more++
		default:
			said[found.Text] = true
			say("failed", failure(f, found.Met))
			if found.Remedy != "" {
				say("remedy", found.Remedy)
			}
		}
	}
	if more > 0 {
		say("failed", strconv.Itoa(more)+" kinds of failures more; --report has them")
	}
	if missing := notFound(res); missing != "" {
		say("failed", missing)
	}
	if res.Blind != nil {
		say("note", fmt.Sprintf("what some calls returned could not be seen: %v (ptrace(2): a debugger inside, or kernel.yama.ptrace_scope 3)", res.Blind))
	}
}

// notFound is for an exit status that a shell gives where a command is not found or
// not to be executed, if an execve failed so.
func notFound(res launch.Result) string {
	want := map[int][]unix.Errno{126: {unix.EACCES, unix.ENOEXEC, unix.EPERM, unix.EISDIR}, 127: {unix.ENOENT, unix.ENOTDIR}}[res.Status.ExitStatus()]
	var paths []string
	for _, f := range res.Failed {
		if strings.HasPrefix(f.Call.Name(), "execve") && slices.Contains(want, f.Errno) {
			paths = append(paths, f.Paths...)
		}
	}
	if len(paths) == 0 && res.Status.ExitStatus() == 127 {
		paths = searched(res)
	}
	if len(paths) == 0 {
		return ""
	}
	return "status " + strconv.Itoa(res.Status.ExitStatus()) + " is a shell's for a command that it cannot run: there is no, or no usable, " + strings.Join(paths, ", ")
}

// searched are the paths at which a shell looked for a command, in the directories of
// a PATH, and found nothing: at three at least.
func searched(res launch.Result) []string {
	tried := make(map[string][]string)
	var last string
	for _, f := range res.Failed {
		if len(f.Paths) != 1 || f.Errno != unix.ENOENT || f.Call.Writes() {
			continue
		}
		dir, name := path.Split(f.Paths[0])
		if strings.HasSuffix(dir, "/bin/") || strings.HasSuffix(dir, "/sbin/") {
			tried[name] = append(tried[name], f.Paths[0])
			last = name
		}
	}
	if len(tried[last]) < 3 || slices.Contains(res.Executed, last) {
		return nil
	}
	return tried[last]
}

// report is what the report says of them.
func (m *met) report(res launch.Result) *report.Failures {
	if m.failed == nil {
		return nil
	}
	r := &report.Failures{Calls: []report.FailedCall{}, Others: res.OtherFailures}
	if res.Blind != nil {
		r.Why = res.Blind.Error()
	}
	for _, f := range m.telling(res) {
		found, errno := verdictOf(f), ""
		if f.Errno != 0 {
			errno = plan.Errno(f.Errno).String()
		}
		r.Calls = append(r.Calls, report.FailedCall{
			Syscall: f.Call.Name(), Call: f.Text, Paths: f.Paths, Errno: errno,
			Wall: string(found.Wall), Cause: found.Text, Remedy: found.Remedy, Inferred: found.Inferred || f.Inferred, Expected: found.Expected, WentOn: found.wentOn,
			Count: f.Count, Process: f.Process.PID, Name: f.Process.Name, At: f.At.Seconds(),
		})
	}
	return r
}
