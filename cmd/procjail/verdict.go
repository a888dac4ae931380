package main

import (
	"slices"

	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/wall"
)

// verdict is kept with its failure, so that it goes when that makes room for others:
// a payload may fail as often as it likes.
type verdict struct {
	wall.Met
	wentOn bool // after the run
	rank   int  // after the run
}

func verdictOf(f *launch.Failure) *verdict {
	if v, ok := f.Verdict.(*verdict); ok {
		return v
	}
	return &verdict{rank: saysNothing}
}

// muchElse is after how many other calls that are looked at a process has gone on
// without a file: who gives up makes fewer, also to say why.
const muchElse = 100

// wentOn reports whether what was seen afterwards speaks against a failure's being the
// reason. Programs look for many files that need not be there: one that is not shown
// is the reason for who then gives up and speaks of it, or who would have opened it
// and says nothing; and a network that is not there for who speaks of that, or of
// nothing. What could not be written is the reason for who does not speak of other
// things. A process that began later and has something else to say has a reason of its
// own; one that began earlier may speak for who failed.
func (m *met) wentOn(f *launch.Failure, all []*launch.Failure) bool {
	found, of := verdictOf(f).Met, asked(f)
	switch found.Wall {
	case wall.NotShown, wall.Network, wall.ReadOnly, wall.Mode, wall.Privilege:
	default:
		return f.EndedWell && f.Call.Name() != "mount" // whom that harms is another
	}
	spoke, later, ofIt := false, false, false
	for _, s := range m.messages {
		spoke = spoke || s.PID == f.Process.PID
		later = later || s.PID > f.Process.PID && s.at > f.At
		ofIt = ofIt || wall.Speaks(of, found, s.Message) || wall.Unnamed(f.Errno, s.Message) && lastOf(f, s, all)
	}
	switch found.Wall {
	case wall.NotShown:
		return f.EndedWell || f.After >= muchElse || (spoke || later || of.Asks()) && !ofIt
	case wall.Network: // programs look for a newer version of themselves
		return f.EndedWell || (spoke || later) && !ofIt
	case wall.Privilege:
		return f.EndedWell && !ofIt
	}
	return f.EndedWell || spoke && !ofIt
}

// lastOf reports whether a failure is the last with its errno of the process that wrote
// a message, before that. What programs look for by rule does not count.
func lastOf(f *launch.Failure, s message, all []*launch.Failure) bool {
	return s.PID == f.Process.PID && f.At <= s.at && !slices.ContainsFunc(all, func(other *launch.Failure) bool {
		return other.Process.PID == s.PID && other.Errno == f.Errno && other.At > f.At && other.At <= s.at && !verdictOf(other).Expected
	})
}

// judge completes the verdicts, once: it reads all the messages for each failure.
func (m *met) judge(res launch.Result) {
	if m.judged {
		return
	}
	m.judged = true
	for _, f := range res.Failed {
		verdictOf(f).wentOn = m.wentOn(f, res.Failed)
	}
	for _, f := range res.Failed {
		if f.Data != "" && explainedBefore(f, res.Failed) {
			verdictOf(f).Met = wall.Met{}
		}
	}
	for _, f := range res.Failed {
		verdictOf(f).rank = rank(f, res.Failed)
	}
}

// explainedBefore reports whether a call of the process that writes a message has met a
// wall: its words are about that.
func explainedBefore(f *launch.Failure, all []*launch.Failure) bool {
	return slices.ContainsFunc(all, func(of *launch.Failure) bool {
		found := verdictOf(of)
		return of.Data == "" && of.Process.PID == f.Process.PID && of.At <= f.At && found.Wall != wall.None && found.Wall != wall.Unknown && !found.Expected && !found.wentOn
	})
}

// telling are the failures that met a wall, the last first; then those that would
// have come without one, and why is known; then what programs go on without, and
// what says nothing.
func (m *met) telling(res launch.Result) []*launch.Failure {
	m.judge(res)
	list := slices.Clone(res.Failed)
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b *launch.Failure) int { return verdictOf(a).rank - verdictOf(b).rank })
	return list
}

// explains reports whether a failure met a wall, or is known to be the program's own.
func (m *met) explains(res launch.Result) bool {
	m.judge(res)
	return slices.ContainsFunc(res.Failed, func(f *launch.Failure) bool { return verdictOf(f).rank < didWithout })
}

// Of these no line is worth saying.
const (
	didWithout = 3 + iota
	saysNothing
)

func rank(f *launch.Failure, all []*launch.Failure) int {
	switch found := verdictOf(f); {
	case found.Wall == wall.None:
		return saysNothing
	case found.Expected, found.wentOn:
		return didWithout
	case found.Wall == wall.Program:
		return 2
	case f.Data != "", follows(f, all): // the program's words, not the kernel's
		return 1
	}
	return 0
}

// follows reports whether a process met a wall after it had gained no privilege, which
// its program relies on.
func follows(f *launch.Failure, all []*launch.Failure) bool {
	return slices.ContainsFunc(all, func(of *launch.Failure) bool {
		found := verdictOf(of)
		return found.Wall == wall.Privilege && of != f && of.Process.PID == f.Process.PID && of.At <= f.At && !found.wentOn
	})
}
