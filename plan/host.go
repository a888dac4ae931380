package plan

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// Spec is what is asked for: a profile with the command line's changes, and a
// command.
type Spec struct {
	profiles.Profile

	Argv   []string // what the user typed: Argv[0] is looked up in Host.Program
	Rootfs string   // the tree whose entries stand in place of the host's; empty: the host's
	Filter Filter
	// InitImage is the executable that PID 1 becomes (launch.InitImage).
	InitImage []byte
	// Forward makes the supervisor's process pass its signals on to the
	// payload. That is for a process that runs one jail and nothing else.
	Forward bool
	// StopSignal is what a payload that is to end is sent; 0: SIGTERM.
	StopSignal unix.Signal
	TTY        TTY
	Denials    Denials
	// Look makes the filter ask about execve(2), so that the payload can be looked
	// at before its first.
	Look    bool
	KeepFDs []int // descriptors of the caller's that the payload gets as well
	Cgroup  cgroupdelegate.Source
	// CgroupNote is why an earlier attempt at a cgroup failed, where this is
	// the second one, without.
	CgroupNote string
}

// Filter is a compiled seccomp policy.
type Filter struct {
	Name    string
	Program []byte
	Flags   uint32 // SECCOMP_FILTER_FLAG_*
}

// Denials is whether the supervisor learns what the filter refuses.
type Denials uint8

// The ways. What is traced are calls that fail for another reason, too.
const (
	DenialsAuto Denials = iota
	DenialsOff
	DenialsTrace
)

// Host is what Compile needs to know of the machine, the caller and the files
// that a Spec names. It is a value: a test writes one by hand, package host
// probes one.
type Host struct {
	Release      string // utsname.release
	Major, Minor int    // of the kernel
	Arch         string // GOARCH
	Pid          int    // the supervisor's
	Jail         string // names this start: no other on the host has had it

	Caller userns.Caller
	Groups int    // how many supplementary groups the caller has
	Home   string // the caller's, absolute
	Cwd    string // absolute; empty if it cannot be named

	// The clocks of time_namespaces(7) in whole seconds, rounded down.
	Monotonic, Boottime int64

	LastCap  caps.Cap // /proc/sys/kernel/cap_last_cap
	Landlock int      // the ABI of landlock(7); 0: not there, or not enabled
	Listener bool     // a filter may have a listener: none above this process has
	// ProcCovered are the mounts on top of parts of this host's /proc. Inside
	// a user namespace they cannot be taken off, and while they cover
	// something the kernel refuses a new proc (fs/namespace.c:mount_too_revealing).
	ProcCovered []string

	Nofile uint64 // the hard limit of RLIMIT_NOFILE
	Nproc  uint64 // of RLIMIT_NPROC
	Core   uint64 // of RLIMIT_CORE
	Data   uint64 // of RLIMIT_DATA

	Cgroup   cgroupdelegate.Facts // not probed for cgroupdelegate.Off
	Machine  cgroupdelegate.Machine
	OOMScore int // oom_score_adj of the supervisor, proc(5)
	// Affinity is what a thread has that may use whatever the caller lets the supervisor
	// use, and Processor the one that the supervisor is on. No affinity: none of its
	// threads is tied to one, nor will be.
	Affinity   Processors
	Processor  int
	TimerSlack int64 // the caller's, in nanoseconds; 0: the supervisor's is the same

	// Ignored are the signals that were ignored when the supervisor's program was
	// started, bit n-1 for signal n: nohup(1) does that to SIGHUP, a shell without
	// job control to SIGINT and SIGQUIT of what it starts in the background.
	Ignored uint64

	Stdio    [3]Stdio
	Kept     map[int]Stdio // what Spec.KeepFDs are
	Terminal Terminal      // of the first standard stream that is one
	Env      []string      // the caller's environment

	// Paths are the sources that the Spec names, as stat(2) shows them from
	// the caller's side.
	Paths   map[string]Path
	Program Program
}

// Processors are a set of them, in the form of sched_setaffinity(2): bit n%8 of byte n/8
// stands for processor n. It is as long as the kernel's own, which has room for some
// that there are not.
type Processors []byte

// only is the set of one, or p itself where that is none of it.
func (p Processors) only(n int) Processors {
	if !p.has(n) {
		return p
	}
	one := make(Processors, len(p))
	one[n/8] = 1 << (n % 8)
	return one
}

func (p Processors) has(n int) bool { return n >= 0 && n < 8*len(p) && p[n/8]&(1<<(n%8)) != 0 }

// all reports whether nothing is left out.
func (p Processors) all() bool {
	for _, b := range p {
		if b != 0xff {
			return false
		}
	}
	return true
}

// String names runs by their ends: "[0-3 6]".
func (p Processors) String() string {
	var runs []string
	for n := 0; n < 8*len(p); n++ {
		if !p.has(n) {
			continue
		}
		from := n
		for p.has(n + 1) {
			n++
		}
		run := itoa(int64(from))
		if n > from {
			run += "-" + itoa(int64(n))
		}
		runs = append(runs, run)
	}
	return "[" + strings.Join(runs, " ") + "]"
}

// Path is what is known of a file on the host.
type Path struct {
	Kind   FileKind
	Err    Errno    // why Kind is not known
	Link   string   // LikeHost: the target, where the path itself is a symbolic link
	Mode   uint32   // permission bits, with the symbolic links followed
	UID    uint32   // the owner, as the caller's namespace shows it
	Names  []string // Rootfs: the entries of the directory, sorted
	Target string   // the path with every symbolic link resolved
}

// FileKind is the type of a file, symbolic links followed.
type FileKind uint8

// The kinds of file that a plan tells apart.
const (
	Missing FileKind = iota
	Directory
	Regular
	Device // a character or block device
	Other  // a socket or a pipe
)

func (k FileKind) String() string {
	return [...]string{"nothing", "a directory", "a file", "a device", "a socket or pipe"}[k]
}

// Stdio is a standard stream of the caller's.
type Stdio struct {
	Open        bool
	Read, Write bool
	Kind        FileKind
	Pipe        bool // an anonymous pipe
	Terminal    bool
}

// Program is the command on the host.
type Program struct {
	Path     string // absolute, and clean; empty: not found
	Entry    string // with those of its directory resolved only
	Kind     FileKind
	Err      Errno
	Mode     uint32
	Size     int64
	Readable bool // by the caller
}
