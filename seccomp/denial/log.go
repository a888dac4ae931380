package denial

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Denial is one kind of refused call: those of the same number and, where the
// policy looks at an argument, with the same value there.
type Denial struct {
	Call    Call // the first of them
	Name    string
	Text    string // the first of them in the syntax of strace(1)
	Errno   uint16 // what it was answered; 0 where Killed
	Killed  bool   // the policy ends the process
	Process Process
	Count   uint64
	// WentOn is whether the process that made the last of them did without and ended
	// well, where that is known.
	WentOn bool
	// First and Last are when, since the start.
	First, Last time.Duration
}

// Process is who made a call: its id inside, which may be 0 if it was not to be
// learned, and its name (comm of proc(5)).
type Process struct {
	PID  int
	Name string
}

// Log is what was refused. Its length is bounded, so that a payload that tries a
// million things fills nothing. The zero value is an empty one.
type Log struct {
	Denials []*Denial
	Others  uint64 // calls of kinds that there was no room for
	index   map[key]*Denial
}

// Most is how many kinds a Log tells apart.
const Most = 64

type key struct {
	arch   uint32
	nr     int32
	detail uint64
}

// details are the arguments that make another kind.
func details(name string) []int {
	switch name {
	case "socket":
		return []int{0, 2}
	case "socketpair", "clone", "unshare", "prctl", "keyctl", "bpf", "personality", "ptrace", "seccomp":
		return []int{0}
	case "setns", "ioctl":
		return []int{1}
	}
	return nil
}

func (c Call) key() key {
	k := key{arch: c.Arch, nr: c.NR}
	for _, i := range details(c.Name()) {
		k.detail = k.detail<<32 | c.Args[i]&0xffffffff
	}
	return k
}

// Add notes that c was refused with a verdict, and reports whether it is the
// first of its kind. Only then are who and mem asked.
func (l *Log) Add(c Call, verdict uint32, at time.Duration, who func() Process, mem Memory) (*Denial, bool) {
	k := c.key()
	if d := l.index[k]; d != nil {
		d.Count++
		d.Last = at
		return d, false
	}
	if len(l.Denials) >= Most {
		l.Others++
		return nil, false
	}
	d := &Denial{Call: c, Name: c.Name(), Text: c.Text(mem), Process: who(), Count: 1, First: at, Last: at}
	if verdict&actionMask == unix.SECCOMP_RET_KILL_PROCESS {
		d.Killed = true
	} else {
		d.Errno = uint16(verdict)
	}
	if l.index == nil {
		l.index = make(map[key]*Denial)
	}
	l.index[k] = d
	l.Denials = append(l.Denials, d)
	return d, true
}

// Withdraw takes back what Add noted of one call c, which its caller went on without
// as everybody could see. gone is the Denial that is none any more; nil: there is one
// still.
func (l *Log) Withdraw(c Call) (gone *Denial) {
	d := l.index[c.key()]
	if d == nil {
		return nil
	}
	if d.Count--; d.Count > 0 {
		return nil
	}
	delete(l.index, c.key())
	l.Denials = slices.DeleteFunc(l.Denials, func(other *Denial) bool { return other == d })
	return d
}

// Telling returns the denials in the order in which they are worth reading for
// who asks why the payload failed: what killed it, then what programs do not
// expect to be refused, the last of that first, then what they try and do
// without.
func (l *Log) Telling() []*Denial {
	list := slices.Clone(l.Denials)
	slices.SortStableFunc(list, func(a, b *Denial) int {
		if a.weight() != b.weight() {
			return b.weight() - a.weight()
		}
		return int(b.Last - a.Last)
	})
	return list
}

// weight is how much a refusal says about a failure.
func (d *Denial) weight() int {
	switch {
	case d.Killed:
		return 3
	case d.Probe():
		return -1
	case d.Expected():
		return 0
	case d.Errno == uint16(unix.ENOSYS):
		return 1
	}
	return 2
}

// Probe is whether libraries ask by it what there is, and need none of it.
func (d *Denial) Probe() bool {
	return slices.Contains([]string{"get_mempolicy", "name_to_handle_at", "memfd_secret", "process_madvise"}, d.Name)
}

// Expected is whether programs try this kind of call and go on without when it
// is refused: what the C library, language runtimes and tools do so by rule.
func (d *Denial) Expected() bool {
	return slices.Contains([]string{
		"io_uring_setup", "get_mempolicy", "set_mempolicy", "mbind", "name_to_handle_at", "perf_event_open", "userfaultfd",
		"memfd_secret", "clone3", "modify_ldt", "process_madvise", "personality",
	}, d.Name) || d.Errno == uint16(unix.EAFNOSUPPORT)
}
