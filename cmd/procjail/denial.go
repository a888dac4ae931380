package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/report"
	"github.com/Emmanuel326/procjail/seccomp"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// shownDenials is how many kinds the end of a run tells of.
const shownDenials = 5

// refusal is the sentence for one kind of call that the policy refused.
func refusal(d *denial.Denial, policy string) string {
	text := d.Text + ": "
	if d.Killed {
		text += "the policy " + policy + " ends the process"
	} else {
		text += plan.Errno(d.Errno).String() + " by the policy " + policy
	}
	if d.Process.PID == 0 {
		return text
	}
	return text + " (" + d.Process.Name + ", process " + strconv.Itoa(d.Process.PID) + ")"
}

// denied prints the first of each kind as it happens. The payload must not wait
// for who reads standard error: there are no more lines than the channel has
// room for.
func (o *options) denied(policy string) (tell func(*denial.Denial), done func()) {
	if !o.verbose {
		return nil, func() {}
	}
	lines, ended := make(chan string, denial.Most+1), make(chan struct{})
	sys.Widen()
	go func() {
		for text := <-lines; text != ""; text = <-lines {
			say("refused", text)
		}
		close(ended)
	}()
	return func(d *denial.Denial) { lines <- refusal(d, policy) }, func() { lines <- ""; <-ended }
}

// split tells what programs do not expect to be refused from what they go on without,
// each with what explains most first. Whom it may have stopped is what counts: of
// those that programs expect the payload itself, unless it is seen how others ended.
func split(log *denial.Log, payload int, traced bool) (telling, expected []*denial.Denial) {
	list := slices.DeleteFunc(log.Telling(), func(d *denial.Denial) bool {
		return d.WentOn || d.Probe() || d.Expected() && !traced && d.Process.PID != payload
	})
	if first := slices.IndexFunc(list, (*denial.Denial).Expected); first >= 0 {
		return list[:first], list[first:]
	}
	return list, nil
}

// sayRefused tells, when the payload failed, what its policy had refused, each with
// what would allow it and what that means.
func sayRefused(spec *plan.Spec, list []*denial.Denial, others uint64) {
	shown := list[:min(len(list), shownDenials)]
	for i, d := range shown {
		text := refusal(d, spec.Filter.Name)
		if d.Count > 1 {
			text += ", " + strconv.FormatUint(d.Count, 10) + " times"
		}
		if d.Expected() {
			text += "; most programs that try this go on without"
		}
		say("refused", text)
		remedy := allowing(spec, d)
		if i+1 == len(shown) || allowing(spec, shown[i+1]) != remedy { // once for all that have it in common
			say("remedy", remedy)
		}
	}
	if more := len(list) - shownDenials; more > 0 || others > 0 {
		say("refused", fmt.Sprintf("%d kinds of calls more, and %d calls of others; --report has them", max(more, 0), others))
	}
}

// sayExpected tells of those for which something else explains the failure.
func sayExpected(list []*denial.Denial) {
	texts := make([]string, len(list))
	for i, d := range list {
		texts[i] = d.Text
	}
	say("refused", strings.Join(texts, ", ")+": most programs that try this go on without")
}

// allowing is the option that would allow such a call, and what it gives away:
// the built-in policies are asked about that very call. Where the policy's leave
// alone would change nothing, it says what else.
func allowing(spec *plan.Spec, d *denial.Denial) string {
	policy := spec.Filter.Name
	if why := d.Vain(); why != "" {
		return "none: " + why
	}
	means := d.Meaning()
	allows := " allows it: "
	if capability := d.Capability(); capability != "" {
		allows = " allows it, with --cap-add " + capability + ": "
	}
	for _, name := range seccomp.Builtins() {
		f, ok := seccomp.Builtin(name)
		switch {
		case !ok || denial.Verdict(f.Program, d.Call) != unix.SECCOMP_RET_ALLOW:
		case d.Nested() && spec.Limits.UserNS == 0:
			return "a profile with seccomp = \"" + name + "\" and user-namespaces in [limits], which are 0 here, as -p build has both: " + means
		default:
			return "--seccomp " + name + allows + means
		}
	}
	if strings.Contains(d.Name, " ") {
		return "a program built for this machine's own ABI"
	}
	rule := `the rule action = "allow", names = ["` + d.Name + `"]`
	if slices.Contains(seccomp.Builtins(), policy) {
		rule = `a policy with include = "` + policy + `" and ` + rule + ", by --seccomp FILE,"
	} else {
		rule += " in " + policy
	}
	return rule + allows + means
}

// denials is what the report says of them.
func denials(spec *plan.Spec, p *plan.Plan, res launch.Result) report.Denials {
	r := report.Denials{Watched: p.Listener != 0 && !res.Unheard, Why: p.Unwatched, Others: res.Denied.Others, Calls: []report.Denial{}}
	if res.Unheard {
		r.Why = "a look at what the payload named had not come to its end when the payload had"
	}
	for _, d := range res.Denied.Telling() {
		one := report.Denial{
			Syscall: d.Name, Call: d.Text, Killed: d.Killed, Count: d.Count, Expected: d.Expected(), WentOn: d.WentOn,
			Process: d.Process.PID, Name: d.Process.Name, First: d.First.Seconds(), Last: d.Last.Seconds(), Remedy: allowing(spec, d),
		}
		if d.Errno != 0 {
			one.Errno = plan.Errno(d.Errno).String()
		}
		r.Calls = append(r.Calls, one)
	}
	return r
}
