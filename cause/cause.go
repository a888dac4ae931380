package cause

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// Entry is one cause.
type Entry struct {
	ID    string // stable: the report has it
	Looks string // what its probe looks at, for a list of such
	On    []On

	// Cause and Remedy have a {name} where the probe fills in what it found. An
	// entry without Cause never confirms: it only looks, for whoever reads what
	// was seen.
	Cause, Remedy string
	See           []string // man pages with their section, and functions of the kernel

	exit   int                // 0: the step's own
	killed bool               // of steps whose process was ended in them, and of no errno
	stands bool               // it holds whether or not a step has failed, and no start succeeds while it does
	probe  func(*look) values // nil values: not confirmed
}

// On is a set of steps and of the errnos that they may come with.
type On struct {
	Steps  []plan.Step  // one of each type; nil: any
	Errnos []unix.Errno // 0: the call returned less than was wanted, or a program or systemd spoke; nil: any but 0
}

// values fill in the names of an entry's texts. Those that are not nil confirm
// it.
type values map[string]string

// confirmed is for an entry with nothing to fill in.
var confirmed = values{}

// Failure is a step that did not do what the plan wants. It is what
// launch.StepError says.
type Failure struct {
	Step      plan.Step
	Stage     plan.Stage
	Index     int // of the plan's entry, from 0
	Errno     unix.Errno
	Got, Want int64 // where Errno is 0 and Err nil
	Err       error // of a program that was run, or of systemd: what it said
	Killed    bool  // the process was ended in the call
}

// Finding is what is known of a failure.
type Finding struct {
	ID            string // of the entry, or Unknown
	Cause, Remedy string
	Exit          int      // 0: 125
	See           []string // as Entry.See
	LookedAt      []string // of an unknown cause: what each entry that was asked has seen
}

// Unknown is the ID where no entry was confirmed.
const Unknown = "unknown"

// look is what a probe is given.
type look struct {
	Failure
	host *plan.Host
	plan *plan.Plan
	sys  *System
	seen string
}

// saw notes what was found, for an entry that is not confirmed.
func (l *look) saw(format string, args ...any) values {
	l.seen = fmt.Sprintf(format, args...)
	return nil
}

// Find asks the entries for the failure's step and errno in the order of the
// table.
func (s *System) Find(f Failure, h *plan.Host, p *plan.Plan) Finding {
	var looked []string
	for _, e := range Table() {
		if e.killed != f.Killed || !e.killed && !e.on(f.Step, f.Errno) {
			continue
		}
		l := &look{Failure: f, host: h, plan: p, sys: s}
		if v := e.probe(l); v != nil {
			found := Finding{ID: e.ID, Cause: fill(e.Cause, v), Remedy: fill(e.Remedy, v), Exit: e.exit, See: e.See}
			if found.Exit == 0 {
				found.Exit = exit(f)
			}
			return found
		}
		seen := e.Looks
		if l.seen != "" {
			seen += " (" + l.seen + ")"
		}
		looked = append(looked, seen)
	}
	text := "unknown; looked at: " + strings.Join(looked, ", ")
	if len(looked) == 0 {
		text = "unknown; there is nothing to look at"
	}
	return Finding{ID: Unknown, Cause: text, Exit: exit(f), LookedAt: looked}
}

// Standing asks the entries of which each would end every start, about the steps
// of a plan that nothing has become of yet.
func (s *System) Standing(h *plan.Host, p *plan.Plan) []Finding {
	var list []Finding
	for _, e := range Table() {
		if !e.stands {
			continue
		}
		for i, entry := range p.Entries {
			on := slices.IndexFunc(e.On, func(on On) bool { return (&Entry{On: []On{on}}).on(entry.Step, on.Errnos[0]) })
			if on < 0 || entry.Skip[0] != 0 {
				continue
			}
			l := &look{Failure: Failure{Step: entry.Step, Stage: entry.Stage, Index: i, Errno: e.On[on].Errnos[0]}, host: h, plan: p, sys: s}
			if v := e.probe(l); v != nil {
				list = append(list, Finding{ID: e.ID, Cause: fill(e.Cause, v), Remedy: fill(e.Remedy, v), See: e.See})
				break
			}
		}
	}
	return list
}

// exit is 126 for a program that is there and cannot be executed, whatever the
// cause.
func exit(f Failure) int {
	if _, ok := f.Step.(plan.Execve); ok {
		return 126
	}
	return 0
}

// on reports whether the entry is for a step and its errno.
func (e *Entry) on(s plan.Step, errno unix.Errno) bool {
	if e.killed {
		return false
	}
	for _, on := range e.On {
		if on.Errnos == nil && errno == 0 || on.Errnos != nil && !slices.Contains(on.Errnos, errno) {
			continue
		}
		if on.Steps == nil || slices.ContainsFunc(on.Steps, func(of plan.Step) bool { return reflect.TypeOf(of) == reflect.TypeOf(s) }) {
			return true
		}
	}
	return false
}

// fill puts the values in the place of their names.
func fill(text string, v values) string {
	for name, value := range v {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// ByID returns the entry with an ID.
func ByID(id string) (Entry, bool) {
	for _, e := range Table() {
		if e.ID == id {
			return e, true
		}
	}
	return Entry{}, false
}

// For returns the entries that are asked about a step and an errno, in order.
func For(s plan.Step, errno unix.Errno) []Entry {
	var list []Entry
	for _, e := range Table() {
		if e.on(s, errno) {
			list = append(list, e)
		}
	}
	return list
}

// Table returns all entries in the order in which they are asked. A start that
// goes well has no use for them, so they are made when they are.
func Table() []Entry { return table() }

var table = sync.OnceValue(func() []Entry {
	return slices.Concat(
		filterEntries(), programEntries(), userEntries(), apparmorEntries(), namespaceEntries(), processEntries(),
		identityEntries(), viewEntries(), overlayEntries(), fileEntries(), privilegeEntries(),
		cgroupEntries(), scopeEntries(), placeEntries(), limitEntries(),
	)
})
