package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/seccomp"
)

// The rules of output: every line of procjail's own is written to standard
// error and starts with "procjail: ". A failure is one line that says what,
// one that says why, and one that says what to do. A run that is whole and
// ends well says nothing.

func say(kind, text string) {
	// One write for each line, so that lines of other processes do not mix in;
	// and nothing in it that a terminal would obey.
	fmt.Fprint(os.Stderr, "procjail: "+kind+": "+printable(text)+"\n")
}

// printable writes what shows nothing of itself as Go does, \x1b, and a newline as
// a blank: control characters, and those that turn the order of what is beside them
// (U+202E).
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteByte(' ')
		case unicode.IsControl(r):
			fmt.Fprintf(&b, "\\x%02x", r)
		case !unicode.IsPrint(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fail prints an error that came before anything was done, and returns the
// exit status for it.
func fail(err error) int {
	say("error", err.Error())
	var r *plan.Refusal
	var u *usageError
	switch {
	case errors.As(err, &r):
		if r.Remedy != "" {
			say("remedy", r.Remedy)
		}
		return r.Exit
	case errors.Is(err, seccomp.ErrUnknownPolicy):
		say("remedy", "name strict, default or build, or a file with a slash in its path")
	case errors.As(err, &u):
		say("remedy", "procjail --help lists the options")
	}
	return 125
}

// degraded names the features that this host cannot give, and fails if one of
// them was required.
func (o *options) degraded(p *plan.Plan) int {
	missing := make(map[plan.Feature]string)
	for _, n := range p.Notes {
		if n.Feature != "" && missing[n.Feature] == "" {
			missing[n.Feature] = n.Text
		}
	}
	for _, list := range [][]string{o.require, o.allow} {
		for _, f := range list {
			if !slices.Contains(plan.Features[:], plan.Feature(f)) {
				return fail(&usageError{fmt.Errorf("feature %q: want one of %v", f, plan.Features)})
			}
		}
	}
	for _, f := range o.require {
		if text := missing[plan.Feature(f)]; text != "" {
			return fail(&plan.Refusal{What: "--require " + f, Cause: text, Remedy: "leave it out, to run with less", Exit: 125})
		}
	}
	if o.quiet {
		return 0
	}
	for _, n := range p.Notes {
		if n.Feature != "" && slices.Contains(o.allow, string(n.Feature)) || slices.Contains(o.noted, n.Text) {
			continue
		}
		o.noted = append(o.noted, n.Text)
		say("note", n.Text)
	}
	return 0
}

// left tells what may be left of the jail.
func (o *options) left(res launch.Result) {
	for _, err := range res.Left {
		say("error", err.Error())
		o.report.Left = append(o.report.Left, err.Error())
	}
}

// ended tells what became of the payload where its status does not, and where
// an overlay's changes are.
func (o *options) ended(spec *plan.Spec, p *plan.Plan, res launch.Result, met *met) {
	if o.quiet {
		return
	}
	sayEnd(res, o.stopping)
	sayCgroup(spec, res)
	sayDeath(spec, res)
	sayZombies(res)
	if res.Status != 0 && !res.Killed {
		sayWhy(spec, p, res, met)
	}
	if res.Status != 0 {
		sayThrottled(spec, res)
	}
	o.sayLeft(res)
	for _, dir := range o.overlays {
		say("overlay", "changes are in "+filepath.Join(dir, "upper"))
	}
}

// sayWhy tells what may have made the payload fail: what explains most first.
func sayWhy(spec *plan.Spec, p *plan.Plan, res launch.Result, met *met) {
	sayFull(res)
	telling, expected := split(&res.Denied, p.Payload, met.failed != nil)
	explained := len(res.Full) > 0 || len(telling) > 0 || met.explains(res)
	switch {
	case len(expected) == 0:
		sayRefused(spec, telling, res.Denied.Others)
		met.say(res)
	case explained:
		sayRefused(spec, telling, res.Denied.Others)
		met.say(res)
		sayExpected(expected)
	default:
		sayRefused(spec, expected, res.Denied.Others)
		met.say(res)
	}
	if !explained && res.Status.Exited() { // who is refused memory may say so, and end
		sayMemory(spec, res)
	}
}

// sayEnd prints why procjail ended the payload, where it did.
func sayEnd(res launch.Result, s launch.Stopping) {
	how := ""
	if res.Killed {
		how = ", and killed after another " + s.Grace.String()
		if res.Deaf != 0 {
			how += ": the payload is PID 1 and has no handler for " + unix.SignalName(res.Deaf) + ", so that the kernel drops it (pid_namespaces(7))"
		}
	}
	switch res.Reason {
	case launch.Timeout:
		say("timeout", "stopped after "+s.Timeout.String()+how)
	case launch.CPUTime:
		say("cpu-time", "its "+s.CPUTime.String()+" of processor time were used up"+how)
	case launch.Interrupted:
		if res.Killed {
			say("interrupted", "asked to end"+how)
		}
	}
}

// progress prints each step for --verbose.
func (o *options) progress(p *plan.Plan) func(int) {
	if !o.verbose {
		return nil
	}
	last := -1
	return func(i int) {
		if i <= last {
			return
		}
		last = i
		say("step", p.Line(i))
	}
}

// dryRun prints what a start would rest on and what it would do.
func dryRun(h *plan.Host, p *plan.Plan) int {
	if err := p.Render(os.Stdout, h); err != nil {
		return fail(err)
	}
	return 0
}

// subcommands are the words that are no command to run; ./profile runs a
// program of such a name.
var subcommands = []struct {
	name string
	run  func([]string) int
}{
	{"profile", profileCommand},
	{"doctor", doctor},
	{"explain", explain},
	{"version", func([]string) int { fmt.Println("procjail", version); return 0 }},
	{"help", func([]string) int { fmt.Print(usage); return 0 }},
}

func profileCommand(args []string) int {
	switch {
	case len(args) == 1 && args[0] == "list":
		for _, n := range profiles.Names() {
			p, _ := profiles.Builtin(n)
			fmt.Printf("%-8s %s\n", n, p.Description)
		}
		return 0
	case len(args) == 2 && args[0] == "show":
		text, err := profiles.Source(args[1])
		if err != nil {
			return fail(err)
		}
		fmt.Print(text)
		return 0
	case len(args) == 2 && args[0] == "check":
		p, err := profiles.Load(args[1])
		if err != nil {
			return fail(err)
		}
		fmt.Printf("%s: %d mounts, seccomp %s\n", p.Name, len(p.Mounts), p.Seccomp)
		return 0
	}
	return fail(&usageError{errors.New("procjail profile list | show NAME | check FILE")})
}
