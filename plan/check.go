package plan

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
)

// A rule looks at a whole plan and returns what is wrong with its order.
type rule struct {
	name  string
	check func([]Entry) *OrderError
}

// rules are what a plan must keep, whatever it was compiled from. Each has a
// plan that breaks it in the tests.
var rules = []rule{
	{"no_new_privs before seccomp", nnpBeforeFilter},
	{"deny in setgroups before gid_map", denyBeforeGIDMap},
	{"nothing that needs CAP_SYS_ADMIN after capset", mountsBeforeCapset},
	{"old root detached before the payload", detachedBeforePayload},
	{"bounding set dropped before capset", boundingBeforeCapset},
	{"nothing between the filter and execve", filterThenExec},
	{"descriptors closed on exec before the payload", closedBeforePayload},
	{"parent death signal after the last change of uid", tiedAfterSetuid},
	{"undumpable before the payload", undumpableBeforePayload},
	{"limits before the payload", limitsBeforePayload},
	{"init is its own program before the payload", initBeforePayload},
	{"every processor before the payload", processorsBeforePayload},
	{"a result before its use", resultBeforeUse},
}

// OrderError is a plan that breaks a rule. It is a bug of procjail's, and
// nothing has been done yet when it is found.
type OrderError struct {
	Rule  string
	Index int // of the entry at fault, from 0
	Entry Entry
	Why   string
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("internal error: the plan breaks the rule %q at step %d: %s: %s", e.Rule, e.Index+1, Spell(e.Entry.Step), e.Why)
}

// Check returns an *OrderError if p breaks one of the rules of order.
func Check(p *Plan) error {
	for _, r := range append(rules, rule{"in each namespace before the payload", p.namespaces}, rule{"after init the supervisor alone", p.end}) {
		if err := r.check(p.Entries); err != nil {
			err.Rule = r.name
			return err
		}
	}
	return nil
}

func broken(list []Entry, i int, why string) *OrderError {
	var e Entry
	if i < len(list) {
		e = list[i]
	} else {
		e = Entry{Step: Close{-1}}
	}
	return &OrderError{Index: i, Entry: e, Why: why}
}

// first is the index of the first entry that f accepts, or -1.
func first(list []Entry, f func(*Entry) bool) int {
	for i := range list {
		if f(&list[i]) {
			return i
		}
	}
	return -1
}

func last(list []Entry, f func(*Entry) bool) int {
	for i := len(list) - 1; i >= 0; i-- {
		if f(&list[i]) {
			return i
		}
	}
	return -1
}

func is[S Step](e *Entry) bool { _, ok := e.Step.(S); return ok }

func isPrctl(option Name) func(*Entry) bool {
	return func(e *Entry) bool { p, ok := e.Step.(Prctl); return ok && p.Option == option }
}

// seccomp(2): an unprivileged process may load a filter only with
// no_new_privs set.
func nnpBeforeFilter(list []Entry) *OrderError {
	f := first(list, is[SetFilter])
	if f < 0 {
		return broken(list, len(list), "there is no filter")
	}
	if n := first(list, isPrctl(prNoNewPrivs)); n < 0 || n > f {
		return broken(list, f, "no_new_privs is not set before it")
	}
	return nil
}

// user_namespaces(7): since Linux 3.19.
func denyBeforeGIDMap(list []Entry) *OrderError {
	denied := false
	var opened string
	for i, e := range list {
		switch s := e.Step.(type) {
		case Openat:
			opened = s.Path
		case Write:
			switch {
			case opened == "/proc/self/setgroups" && string(s.Data) == "deny":
				denied = true
			case opened == "/proc/self/gid_map" && !denied:
				return broken(list, i, `"deny" has not been written to setgroups`)
			}
		}
	}
	return nil
}

// capabilities(7), CAP_SYS_ADMIN; and CAP_SETPCAP, CAP_SETUID, CAP_SETGID for
// the others that a plan uses.
func mountsBeforeCapset(list []Entry) *OrderError {
	c := first(list, is[Capset])
	if c < 0 {
		return broken(list, len(list), "the capabilities are never dropped")
	}
	for i := c + 1; i < len(list); i++ {
		privileged := false
		switch s := list[i].Step.(type) {
		case MountSetattr, MoveMount, OpenTree, Fsopen, Fsmount, PivotRoot, Detach, Sethostname, Unshare, Setns, InterfaceUp,
			Setresuid, Setresgid, Setgroups:
			privileged = true
		case Prctl:
			privileged = s.Option == prCapbset || s.Option == prSecurebits
		}
		if privileged {
			return broken(list, i, "it needs a capability that is gone since capset")
		}
	}
	return nil
}

func detachedBeforePayload(list []Entry) *OrderError {
	p := first(list, func(e *Entry) bool { return e.Stage == Payload })
	pivot := first(list, is[PivotRoot])
	if pivot < 0 || pivot+1 >= len(list) || !is[Detach](&list[pivot+1]) {
		return broken(list, max(pivot, 0), "pivot_root is not followed by the umount of the old root")
	}
	if p < 0 || p < pivot {
		return broken(list, max(p, 0), "the payload starts with the old root still there")
	}
	return nil
}

// capabilities(7): PR_CAPBSET_DROP needs CAP_SETPCAP.
func boundingBeforeCapset(list []Entry) *OrderError {
	c := first(list, is[Capset])
	b := last(list, isPrctl(prCapbset))
	if b < 0 || b > c {
		return broken(list, max(b, 0), "the bounding set is not dropped before capset")
	}
	return nil
}

// The filter judges every later call of the payload, so there is none but the
// one that hands over the filter's listener and the execve, which may try several
// paths. A first filter that is as small as that of a payload that is PID 1 lets
// the second be loaded.
func filterThenExec(list []Entry) *OrderError {
	f := first(list, is[SetFilter])
	if f+1 < len(list) && is[SetFilter](&list[f+1]) {
		f++
	}
	if f >= 0 && list[f].Out != 0 {
		if f+1 >= len(list) || !isSendOf(list[f+1], list[f].Out) {
			return broken(list, f, "its listener is not handed over")
		}
		f++
	}
	if f+1 >= len(list) || !is[Execve](&list[f+1]) {
		return broken(list, f, "execve does not follow")
	}
	for i := f + 1; i < len(list) && list[i].Stage == Payload; i++ {
		if !is[Execve](&list[i]) {
			return broken(list, i, "it comes after the filter")
		}
	}
	return nil
}

func isSendOf(e Entry, fd FD) bool { s, ok := e.Step.(SendFD); return ok && s.FD == fd }

// namespaces looks for the entry that puts init into each namespace.
func (p *Plan) namespaces(list []Entry) *OrderError {
	var in uint64
	for i, e := range list {
		switch s := e.Step.(type) {
		case Clone3:
			in |= s.Flags
		case Setns:
			if e.Stage == Init {
				in |= s.Type
			}
		case Unshare:
			if e.Stage == Init && s.Flags != unix.CLONE_NEWTIME { // for children only
				in |= s.Flags
			}
		}
		if missing := p.Namespaces &^ in; e.Stage == Payload && missing != 0 {
			return broken(list, i, "it would not be in "+flags(missing, Namespaces))
		}
	}
	return nil
}

// end looks whether what is made when init has ended is the supervisor's, and
// clears away what was made before.
func (p *Plan) end(list []Entry) *OrderError {
	made := make(map[string]int)
	for i, e := range list {
		switch s := e.Step.(type) {
		case Mkdirat:
			if i < p.End && e.Stage == Supervisor && e.From == "" && s.Dir != AtFDCWD && s.Path != SupervisorLeaf && s.Path != cgroupdelegate.Callers {
				made[s.Path] = i
			}
		case Rmdir:
			delete(made, s.Path)
		}
		if i >= p.End && e.Stage != Supervisor {
			return broken(list, i, "it is another process's")
		}
	}
	for _, i := range made {
		return broken(list, i, "nothing removes it")
	}
	return nil
}

func closedBeforePayload(list []Entry) *OrderError {
	c := first(list, is[CloseRange])
	p := first(list, func(e *Entry) bool { return e.Stage == Payload })
	if c < 0 || c > p {
		return broken(list, max(p, 0), "inherited descriptors are not closed on exec")
	}
	return nil
}

// prctl(2): the parent death signal is cleared when the uid changes.
func tiedAfterSetuid(list []Entry) *OrderError {
	t := last(list, isPrctl(prPdeathsig))
	u := last(list, is[Setresuid])
	if t < 0 || t < u {
		return broken(list, max(u, 0), "the parent death signal is not set after it")
	}
	if t+1 >= len(list) || !is[PollAlive](&list[t+1]) {
		return broken(list, t, "nothing asks whether the parent was dead before it")
	}
	return nil
}

func undumpableBeforePayload(list []Entry) *OrderError {
	d := first(list, isPrctl(prDumpable))
	p := first(list, func(e *Entry) bool { return e.Stage == Payload })
	if d < 0 || d > p {
		return broken(list, max(p, 0), "init's memory can be read by it")
	}
	return nil
}

// What runs before its limit is written may have used more by then, and what
// is elsewhere is under none. Init is born in the cgroup with the limits, or
// moved there and waits for that before it makes the payload.
func limitsBeforePayload(list []Entry) *OrderError {
	clone := first(list, is[Clone3])
	if clone < 0 {
		return broken(list, len(list), "there is no init")
	}
	leaf, from := list[clone].Step.(Clone3).Cgroup, clone
	if moved := first(list, is[MoveProcess]); leaf == 0 && moved >= 0 {
		leaf, from = list[moved].Step.(MoveProcess).To, moved
		if moved+1 >= len(list) || !isWakeOf(list, list[moved+1]) {
			return broken(list, moved, "nothing that init waits for follows")
		}
	}
	for i, e := range list {
		s, ok := e.Step.(Openat)
		if ok && strings.HasSuffix(s.Path, ".max") && e.Stage == Supervisor && s.Flags&unix.O_WRONLY != 0 && (i > from || s.Dir != leaf) {
			return broken(list, i, "the payload is not under this limit from the start")
		}
	}
	return nil
}

// Until its execve init has the supervisor's memory, or a copy, and is not yet
// in its time namespace. The payload waits for PID 1 to say that it has come.
func initBeforePayload(list []Entry) *OrderError {
	if first(list, is[ExecFD]) < 0 { // the payload is PID 1
		return nil
	}
	said := first(list, func(e *Entry) bool { d, ok := e.Step.(Dup3); return ok && d.New == 2 && e.Stage == Init })
	waits := first(list, func(e *Entry) bool {
		r, ok := e.Step.(Read)
		return ok && e.Stage == Payload && said >= 0 && r.FD == list[said].Step.(Dup3).Old
	})
	if f := first(list, is[SetFilter]); waits < 0 || waits > f {
		return broken(list, max(f, 0), "nothing waits for PID 1 before it")
	}
	return nil
}

// A thread that ties itself to one processor hands that down to whatever it clones,
// through execve (sched_setaffinity(2)), and keeps it.
func processorsBeforePayload(list []Entry) *OrderError {
	clone := first(list, is[Clone3])
	other := first(list, func(e *Entry) bool { return e.Stage == Network || e.Stage == Payload })
	var all Processors
	n := 0
	for i, e := range list {
		s, ok := e.Step.(SchedSetaffinity)
		if !ok {
			continue
		}
		switch n++; {
		case n == 1 && i == clone-1 && e.Stage == Supervisor: // for the clone alone
		case n == 2 && i == clone+1 && e.Stage == Supervisor:
			all = s.Processors
		case n == 3 && i < other && e.Stage == Init && bytes.Equal(all, s.Processors):
		default:
			return broken(list, i, "it is none of the three by which init is tied for a while")
		}
	}
	if n != 0 && n != 3 {
		return broken(list, max(other, 0), "it would be on one processor")
	}
	return nil
}

// isWakeOf reports whether init reads what the supervisor's entry e writes before
// the payload is there.
func isWakeOf(list []Entry, e Entry) bool {
	w, ok := e.Step.(Write)
	payload := first(list, func(e *Entry) bool { return e.Stage == Payload })
	for _, r := range list[:max(payload, 0)] {
		if s, read := r.Step.(Read); ok && read && r.Stage == Init && s.FD == w.FD {
			return true
		}
	}
	return false
}
