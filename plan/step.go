package plan

import "golang.org/x/sys/unix"

// Step is one kernel operation. There is one struct for each kernel call, and
// the set is closed: only this package makes steps.
//
// A step says what it is exactly once, in its write method. The text of the
// dry run and of every error, and the words of the executor's table, are two
// readings of that one statement, so that they cannot disagree.
type Step interface {
	// Write hands the call and its arguments to w, in the order of the
	// kernel's own prototype.
	Write(w Writer)

	sealed()
}

// Writer receives one call: first Call, then one method per argument.
//
// The bytes and strings that it is given stay unchanged for as long as the
// Plan lives.
type Writer interface {
	// Call begins a call by its name in syscalls(2) and its number.
	Call(name string, nr uintptr)
	// Int is a number that is written as a number.
	Int(n int64)
	// FD is a descriptor: a known one, or the result of an earlier entry.
	FD(fd FD)
	// Mode is a file mode, written in octal, with its type.
	Mode(m uint32)
	// Flags is a set of bits with their names.
	Flags(v uint64, names []Name)
	// Symbol is a single value with its name.
	Symbol(v uint64, name string)
	// String is a NUL-terminated string.
	String(s string)
	// Strings is a NULL-terminated vector of strings, as execve(2) takes it.
	Strings(s []string)
	// Bytes is a pointer to constant data, whose length is another argument.
	Bytes(b []byte)
	// Buffer is a pointer to n bytes for the kernel to fill.
	Buffer(n int)
	// Struct is a pointer to a structure with this content, written as text
	// says.
	Struct(b []byte, text func() string)
	// Ref is a Struct that holds the number of fd at offset off, four bytes
	// wide, to be stored there once fd is known.
	Ref(b []byte, off int, fd FD, text func() string)
	// Refs is a Ref for several.
	Refs(b []byte, offs []int, fds []FD, text func() string)
	// Program is a struct sock_fprog that points to a BPF program.
	Program(filter []byte)
	// Rights points to a struct msghdr that carries fd, once it is known, as
	// SCM_RIGHTS beside one byte.
	Rights(fd FD)
	// Null is a null pointer.
	Null()
}

// Name is a bit, or a value, with its name in the kernel's headers.
type Name struct {
	Bits uint64
	Name string
}

// Errno is an error number; its String is the symbol, as in "ENOSYS".
type Errno uint16

func (e Errno) String() string {
	if s := unix.ErrnoName(unix.Errno(e)); s != "" {
		return s
	}
	return "errno " + itoa(int64(e))
}

// FD stands for a descriptor in a Plan. Small numbers and AtFDCWD stand for
// themselves; the others stand for the result of an earlier entry and are
// known only while the plan runs.
type FD int32

// AtFDCWD makes a relative path start at the working directory.
const AtFDCWD FD = unix.AT_FDCWD

// fdBase is the first FD that stands for a result. No descriptor that a plan
// names by number comes near it.
const fdBase FD = 1 << 20

// Result reports which result of the plan the FD stands for, counted from 0.
func (f FD) Result() (n int, ok bool) {
	return int(f - fdBase), f >= fdBase
}

func (f FD) String() string {
	if n, ok := f.Result(); ok {
		return "fd" + itoa(int64(n))
	}
	if f == AtFDCWD {
		return "AT_FDCWD"
	}
	return itoa(int64(f))
}

// Stage is the process that performs an entry.
type Stage uint8

// The processes of a start.
const (
	Supervisor Stage = iota // procjail itself, outside
	Init                    // the cloned child: builds the jail, becomes PID 1
	Network                 // a child of init that makes the network meanwhile, and ends
	Payload                 // the child of init that becomes the program
)

func (s Stage) String() string {
	return [...]string{"supervisor", "init", "network", "payload"}[s]
}

// Entry is one line of a Plan.
type Entry struct {
	Step  Step
	From  string // the profile line or option that asked for it; empty: every jail has it
	Want  int64  // the result that the call must have; Any: whatever is not an error
	Out   FD     // the FD that stands for the result; 0: nobody needs it
	Skip  [2]Errno
	Stage Stage
}

// Any as Entry.Want accepts every result but an error.
const Any int64 = -1

// Plan is everything that a start does to the kernel, in order.
type Plan struct {
	Entries []Entry
	// Undo ends the jail from outside, whatever state it is in. Its entries
	// are the supervisor's, and are run in order when a start fails or is
	// interrupted.
	Undo []Entry
	// End is the index of the first entry that the supervisor makes when init
	// has ended. After a failure these are tried as well, as far as what they
	// undo was done.
	End int
	// Notes are what this host does not give of what the profile asks for, and
	// what else the caller should know.
	Notes []Note
	// Limits are the profile's on the jail as a whole, and what keeps each.
	Limits []Limit
	// Namespaces are the CLONE_NEW* flags of those that the payload is in and
	// the caller is not.
	Namespaces uint64
	// Init is init's process id, Status the eventfd to which PID 1 writes the
	// payload's status, Leaf the directory of the jail's cgroup and Events its
	// memory.events: 0 where there is none. Payload is the payload's process id inside.
	Init, Status, Leaf, Events FD
	Payload                    int
	// Listener is whom the payload's filter asks about a call that the policy
	// does not allow, and Filter the policy's own program, which has the answer.
	// Where nobody listens, Unwatched says why.
	Listener  FD
	Filter    []byte
	Unwatched string
	// Results is how many FDs stand for results.
	Results int

	view *view
}

// Limit is a limit of the profile's, and what keeps it: "cgroup", "rlimit" or
// "none".
type Limit struct{ Name, Value, By string }

// Note is one line for standard error and the report.
type Note struct {
	Feature Feature // what is not in force; empty: nothing is missing
	Text    string
}

// Feature is something that a host may lack without a protection being lost:
// a word of --require and --allow-degraded.
type Feature string

// The features.
const (
	FeatureCgroup   Feature = "cgroup"   // the limits of the jail as a whole
	FeatureLandlock Feature = "landlock" // the second wall around the view
	FeatureSubID    Feature = "subid"    // an id that is not the caller's
)

// Features are all of them.
var Features = [...]Feature{FeatureCgroup, FeatureLandlock, FeatureSubID}

// Shows returns what the jail has at an absolute path: the path on the host,
// if a mount shows it from there, and whether anything can be there at all.
// Inside a mounted tree it does not look.
func (p *Plan) Shows(path string) (host string, ok bool) {
	s, err := p.view.walk(path)
	switch {
	case err != nil:
		return "", false
	case s.tree != "":
		return s.tree, true
	case s.node != nil:
		return s.node.host, true
	}
	return "", false
}
