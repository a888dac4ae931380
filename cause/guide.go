package cause

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// general is a text with its names as a manual has them, in capitals.
func general(text string) string {
	var b strings.Builder
	for i, part := range parts(text) {
		if i%2 == 1 {
			part = strings.ToUpper(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// parts divides an entry's text: what is fixed, the name of a value, which is small
// letters in braces, what is fixed, and so on.
func parts(text string) (list []string) {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	from := 0
	for i := range len(text) {
		if text[i] != '{' {
			continue
		}
		name := text[i+1 : len(text)-len(strings.TrimLeft(text[i+1:], letters))]
		if end := i + 1 + len(name); name != "" && strings.HasPrefix(text[end:], "}") {
			list, from = append(list, text[from:i], name), end+1
		}
	}
	return append(list, text[from:])
}

// Write writes the entry as the guide has it.
func (e *Entry) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", e.ID)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "    %-7s %s\n", name, text)
		}
	}
	line("cause", general(e.Cause))
	line("remedy", general(e.Remedy))
	line("probe", "looks at "+e.Looks)
	for _, text := range e.of() {
		line("of", text)
	}
	line("see", strings.Join(e.See, "; "))
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// of lists the calls and errnos that an entry is for, one line for those with
// the same errnos.
func (e *Entry) of() []string {
	if e.killed {
		return []string{"any call, in which its process was killed"}
	}
	if len(e.On) == 0 {
		return []string{"a start that is refused before it begins"}
	}
	var lines []string
	for _, on := range e.On {
		calls := "any call"
		if on.Steps != nil {
			calls = strings.Join(names(on.Steps), ", ")
		}
		lines = append(lines, calls+": "+errnoNames(on.Errnos))
	}
	return lines
}

// names are the calls of steps, each once and in their order.
func names(steps []plan.Step) []string {
	var list []string
	for _, s := range steps {
		if name := stepName(s); !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// stepName is a step's call in the guide, with what tells it from others of the
// same call.
func stepName(s plan.Step) string {
	switch s.(type) {
	case plan.Newidmap:
		return "newuidmap(1), newgidmap(1)"
	case plan.StartScope:
		return "StartTransientUnit of systemd"
	case plan.AwaitScope:
		return "JobRemoved of systemd"
	}
	return Call(s)
}

func errnoNames(list []unix.Errno) string {
	if list == nil {
		return "any errno"
	}
	var names []string
	for _, e := range list {
		if e == 0 {
			names = append(names, "its own words, or less than was wanted")
			continue
		}
		names = append(names, errnoName(e))
	}
	return strings.Join(names, ", ")
}

// Write writes the guide: every entry in the order in which they are asked, the
// reasons why some causes stay unknown, and an index by call and errno.
func Write(w io.Writer) error {
	var b strings.Builder
	b.WriteString(guideHead)
	for _, e := range Table() {
		_ = e.Write(&b)
	}
	b.WriteString(guideUnknown)
	for _, why := range Whys() {
		calls := "any call"
		if why.Steps != nil {
			calls = strings.Join(names(why.Steps), ", ")
		}
		fmt.Fprintf(&b, "- %s: %s\n  %s.\n", calls, errnoNames(why.Errnos), why.Text)
	}
	b.WriteString(guideIndex)
	writeIndex(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeIndex lists, for each call and errno, the entries that are asked, but for
// that of filters, which is asked for any.
func writeIndex(b *strings.Builder) {
	calls := map[string][]plan.Step{}
	for _, s := range Steps() {
		calls[stepName(s)] = append(calls[stepName(s)], s)
	}
	for _, call := range slices.Sorted(maps.Keys(calls)) {
		written := false
		for errno := unix.Errno(0); errno < 134; errno++ {
			var ids []string
			for _, s := range calls[call] {
				for _, e := range For(s, errno) {
					if e.ID != outer && !slices.Contains(ids, e.ID) && !slices.Contains(limits, e.ID) {
						ids = append(ids, e.ID)
					}
				}
			}
			if len(ids) == 0 {
				continue
			}
			if !written {
				written = true
				fmt.Fprintf(b, "\n    %s\n", call)
			}
			name := "(words)"
			if errno != 0 {
				name = errnoName(errno)
			}
			fmt.Fprintf(b, "        %-15s %s\n", name, strings.Join(ids, ", "))
		}
	}
}

// outer is the entry that is asked for any step and errno, and limits are those
// that are asked for any step: the index does not repeat them.
const outer = "seccomp-outer"

var limits = []string{"nofile", "file-max", "memory-cgroup", "memory-commit", "memory"}

const guideHead = `# Why a start failed

procjail says three things of a step that the kernel refused: what (the step, the
call, the errno), why, and what to do. The why comes from the table below. Each
entry has a probe, which looks at the host when a step has failed with one of the
entry's errnos; the first entry that its probe confirms is the cause. If none is
confirmed, the cause is unknown, and procjail lists what was looked at, with what
was seen.

    procjail explain <FILE          what a report or an error text is about
    procjail explain CALL ERRNO     what may be behind an errno
    procjail explain ID             one entry
    procjail explain --list         this page
    procjail doctor                 the same probes, before a start

A report has the entry's name in error.cause_id. A word in capitals in a cause or
a remedy stands for what the probe found.

This page is made from the table (go test ./cause -update); a test holds the two
together.

## Causes

In the order in which they are asked.

`

const guideUnknown = `## Where the cause stays unknown

The errnos that the manual has for a call, and for which there is no entry.

`

const guideIndex = `
## By call and errno

(words) is no errno: a program or systemd spoke, or less came back than was
wanted. Besides these, any errno may come from a filter (seccomp-outer), and any
call may meet a limit: EMFILE nofile; ENFILE file-max; ENOMEM memory-cgroup,
memory-commit, memory.
`
