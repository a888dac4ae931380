// Package profiles says what a jail is made of: a Profile names every
// protection, every mount and every limit, and where each was asked for.
//
// A profile is a TOML file with comments. The built-in ones, strict and
// build, are embedded; they are decoded when procjail is built, not when it
// starts. The package makes no system call but to read a file that it is
// told to read.
//
//	p, err := profiles.Load("strict")
package profiles

import (
	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/userns"
)

// Profile is a decoded profile. Its zero value is no profile: what it leaves
// out is decided by Parse, never later.
type Profile struct {
	Name        string // the built-in's name, or the file's path
	Description string

	ID       userns.ID // who the payload is outside
	UID, GID Number    // who it is inside; Caller: the same as outside
	Hostname string
	Net      Net
	Init     PID1
	Seccomp  string // the name or file of a policy
	Landlock bool
	Keep     []string // capabilities that the payload keeps; normally none

	Home    string // HOME inside; empty: the caller's
	Workdir string // empty: the caller's directory if it is visible, else Home

	Env    []EnvRule
	Limits Limits
	Mounts []Mount
}

// Number is a user or group id, or Caller.
type Number int64

// Caller as an id inside means the number that the caller has outside.
const Caller Number = -1

// Net is what the payload reaches of the network.
type Net uint8

// The networks. With NetNone there is a loopback interface, which is up and
// leads nowhere.
const (
	NetNone Net = iota
	NetHost
)

// PID1 is which process is the first of the process-id namespace.
type PID1 uint8

// The two kinds of PID 1.
const (
	PID1Init    PID1 = iota // procjail's own: reaps, forwards signals
	PID1Payload             // the payload itself
)

// EnvRule is a variable of the payload's environment: Key=Value, or with Pass
// the caller's value, if there is one. A later rule for the same key wins.
type EnvRule struct {
	Key, Value string
	Pass       bool
	Asked      bool // by the user for this run: passed on also if it holds a password
}

// Unlimited stands for no limit.
const Unlimited = cgroupdelegate.Unlimited

// Limits are what a jail may use, as a whole where it has a cgroup, and what
// each of its processes may. Bytes, counts and seconds.
type Limits struct {
	cgroupdelegate.Limits
	Core     uint64
	Nofile   uint64
	FileSize uint64
	CPUTime  uint64
	Tmpfs    uint64 // the size of each tmpfs that does not say its own
	UserNS   uint64 // user namespaces that the jail may make of its own
	Inotify  uint64 // inotify(7) instances, which count against the caller's as well
}

// Kind is what a Mount puts at its place.
type Kind uint8

// The kinds of Mount.
const (
	ReadOnly   Kind = iota // Source, read-only
	ReadWrite              // Source, writable
	LikeHost               // the symbolic link that Source is, or else ReadOnly
	Tmpfs                  // an empty file system in memory
	Hide                   // nothing: an empty directory or file
	Link                   // a symbolic link to Source
	File                   // a file with this Content; "{hostname}" in it is replaced
	Passwd                 // passwd(5) with root, the payload and nobody
	Group                  // group(5) likewise
	Dir                    // an empty directory, read-only
	Proc                   // proc(5) of the jail's own
	Dev                    // six device nodes, pts, shm and the usual links
	Overlay                // Source, with changes kept in Upper
	OverlayTmp             // Source, with changes thrown away
	ResolvConf             // Source, a resolv.conf(5), where Net is not NetNone
	Cgroup                 // cgroup2 from the jail's own cgroup down, read-only, where it has one
)

// Mount is one line of the file-system view. They apply in order: a later one
// covers an earlier one.
type Mount struct {
	Kind     Kind
	Source   string // on the host
	Dest     string // inside, absolute
	Optional bool   // no error if Source does not exist
	Size     uint64 // Tmpfs: bytes; 0: Limits.Tmpfs
	Mode     uint32 // Tmpfs: of its root
	Content  string // File
	Upper    string // Overlay: the directory that keeps the changes
	RO       bool   // Proc: nothing in it can be written
	Mask     []string
	From     string // "profile strict: mounts[2]", "--ro"
}
