package cause

import (
	"path/filepath"
	"strconv"
	"strings"

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
	if s.Call = callOf(what); s.Call == "" {
		return s
	}
	if end := strings.LastIndex(what, ": "); end >= 0 {
		s.Errno = errnoByName(what[end+2:])
	}
	return s
}

// callOf is the call of a failed step, "step 3/9 (init): NAME(...": of execve(2) the
// helper that it was for, of a message to systemd the method or signal.
func callOf(what string) string {
	_, rest, _ := strings.Cut(what, "step ")
	number, rest, _ := strings.Cut(rest, " (")
	_, call, ok := strings.Cut(rest, "): ")
	at, of, _ := strings.Cut(number, "/")
	if _, err := strconv.Atoi(at + of); err != nil || !ok {
		return ""
	}
	for _, name := range []string{"StartTransientUnit", "JobRemoved"} {
		if strings.Contains(call, name+"(") {
			return name
		}
	}
	name, arguments, ok := strings.Cut(call, "(")
	program, _, _ := strings.Cut(strings.TrimPrefix(arguments, "\""), "\"")
	if base := filepath.Base(program); name == "execve" && (base == "newuidmap" || base == "newgidmap") {
		return base
	}
	if !ok {
		return ""
	}
	return name
}

// isOf reports whether a text is an entry's cause, in which what a probe fills in may
// be anything, and how much of it is the entry's own.
func isOf(text, cause string) (fixed int, ok bool) {
	list := parts(cause)
	for i := 0; i < len(list); i += 2 {
		var at int
		switch own := list[i]; {
		case i == 0 && !strings.HasPrefix(text, own), i == len(list)-1 && !strings.HasSuffix(text, own):
			return 0, false
		case i == 0:
		case i == len(list)-1:
			at = len(text) - len(own)
		default:
			if at = strings.Index(text, own); at < 0 {
				return 0, false
			}
		}
		text = text[at+len(list[i]):]
		fixed += len(list[i])
	}
	return fixed, len(list) > 1 || text == ""
}

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
		if fixed, is := isOf(text, e.Cause); of && is && fixed > most {
			found, most = e.ID, fixed
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
