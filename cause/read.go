package cause

import (
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// Said is what an error text of procjail's says.
type Said struct {
	ID    string // of the entry whose cause it gives; Unknown, or empty where it gives none
	Call  string // of the step, without its section; empty: no step failed
	Errno unix.Errno
	Text  string // the line
	Cause string // that it gives
}

var (
	stepLine  = regexp.MustCompile(`step \d+/\d+ \(.*?\): (\w+)\(`)
	errnoAt   = regexp.MustCompile(`: (E[A-Z0-9]+)$`)
	program   = regexp.MustCompile(`execve\("[^"]*/(new[ug]idmap)"`)
	systemdIs = regexp.MustCompile(`(StartTransientUnit|JobRemoved)\(`)
)

// ReadText finds the errors in a text that procjail wrote: lines of errors, with
// the causes that follow them.
func ReadText(text string) []Said {
	var list []Said
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		_, rest, ok := strings.Cut(line, "procjail: ")
		if !ok {
			continue
		}
		kind, what, _ := strings.Cut(rest, ": ")
		switch kind {
		case "error":
			list = append(list, ReadMessage(what))
		case "cause":
			if len(list) > 0 {
				last := &list[len(list)-1]
				last.ID, last.Cause = idOf(what, last.Call, last.Errno), what
			}
		}
	}
	for i, s := range list {
		if s.ID == "" { // what is refused before a step has its cause in the first line
			_, why, _ := strings.Cut(s.Text, ": ")
			if id := idOf(why, "", 0); id != Unknown {
				list[i].ID = id
			}
		}
	}
	return list
}

// ReadMessage reads one error, without its "procjail: error: ".
func ReadMessage(what string) Said {
	s := Said{Text: what}
	if m := stepLine.FindStringSubmatch(what); m != nil {
		s.Call = m[1]
		if m := program.FindStringSubmatch(what); m != nil {
			s.Call = m[1]
		}
		if m := systemdIs.FindStringSubmatch(what); m != nil {
			s.Call = m[1]
		}
		if m := errnoAt.FindStringSubmatch(what); m != nil {
			s.Errno = errnoByName(m[1])
		}
	}
	return s
}

// form is an entry's cause as a regular expression: what a probe fills in may be
// anything.
type form struct {
	*regexp.Regexp
	fixed int // how much of it is no such value
}

var forms = sync.OnceValue(func() map[string]form {
	out := map[string]form{}
	for _, e := range Table() {
		parts := placeholder.Split(e.Cause, -1)
		fixed := 0
		for i, p := range parts {
			fixed += len(p)
			parts[i] = regexp.QuoteMeta(p)
		}
		out[e.ID] = form{regexp.MustCompile("^" + strings.Join(parts, ".*") + "$"), fixed}
	}
	return out
})

// idOf is the entry that a cause is from, of those that are for the call and its
// errno where these are known: the one of whose own text it has most. Unknown
// where none is.
func idOf(text, call string, errno unix.Errno) string {
	found, most := Unknown, 0
	steps := StepsOf(call)
	for _, e := range Table() {
		of := len(steps) == 0 || e.killed && errno == 0
		for _, s := range steps {
			of = of || e.on(s, errno)
		}
		if f := forms()[e.ID]; of && f.fixed > most && f.MatchString(text) {
			found, most = e.ID, f.fixed
		}
	}
	return found
}

// StepsOf are the steps of a call by its name, as a text or a user has it: the
// call, the step's type, newuidmap.
func StepsOf(name string) []plan.Step {
	name, _, _ = strings.Cut(strings.ToLower(name), "(")
	var list []plan.Step
	for _, s := range Steps() {
		switch s.(type) {
		case plan.Newidmap:
			if name == "newuidmap" || name == "newgidmap" {
				list = append(list, s)
				continue
			}
		case plan.StartScope:
			if name == "starttransientunit" {
				list = append(list, s)
				continue
			}
		case plan.AwaitScope:
			if name == "jobremoved" {
				list = append(list, s)
				continue
			}
		}
		if callName(s) == name || strings.ToLower(typeName(s)) == name {
			list = append(list, s)
		}
	}
	return list
}

// Errno is the errno with a symbol, EPERM, in any case; 0: there is none.
func Errno(symbol string) unix.Errno { return errnoByName(strings.ToUpper(symbol)) }

// Possible are the entries that are asked about a call's steps and an errno, in
// order; and the reason why there are none but that of filters.
func Possible(steps []plan.Step, errno unix.Errno) (list []Entry, why string) {
	for _, e := range Table() {
		for _, s := range steps {
			if e.on(s, errno) {
				list = append(list, e)
				break
			}
		}
	}
	for _, s := range steps {
		if why == "" {
			why = WhyUnknown(s, errno)
		}
	}
	return list, why
}
