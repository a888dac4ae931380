// Package wall says which wall of a jail a failed call of the payload's has met,
// and which option would open it. It is asked by --trace-denials, about calls that the
// seccomp policy allows.
//
// The errno is the kernel's. The wall often has to be inferred from what the
// payload's mounts, the modes of its files and the host show, since one errno has
// several walls behind it; it is then marked so.
//
//	m := wall.Of(wall.Failure{Call: "openat", Errno: unix.EROFS, Paths: paths}, view)
package wall

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is a wall.
type Kind string

// The walls. None is a failure that says nothing of any.
const (
	NotShown   Kind = "view"       // the path exists on the host and is not shown inside
	ReadOnly   Kind = "read-only"  // the mount is
	NoExec     Kind = "noexec"     // the mount is
	Mode       Kind = "mode"       // permission bits, or the owner
	Landlock   Kind = "landlock"   //
	Capability Kind = "capability" // the payload has none
	Network    Kind = "network"    // of --net none there is the loopback alone
	Limit      Kind = "limit"      // on descriptors, processes, memory, namespaces, inotify
	Space      Kind = "space"      // a limited tmpfs, or its inodes
	Mounts     Kind = "mounts"     // one path is on another mount than the other, or an overlay
	IDMap      Kind = "id-map"     // an id that is not in the jail's user namespace
	Privilege  Kind = "privilege"  // that cannot be gained (no_new_privs)
	Namespace  Kind = "namespace"  // what else a namespace has of its own
	Terminal   Kind = "terminal"   // there is none
	Variable   Kind = "variable"   // of the environment, that is not passed on
	Program    Kind = "program"    // no wall: without a jail it would have come too, and it can be seen why
	Unknown    Kind = "unknown"    // one of several, and it could not be seen which
	None       Kind = ""
)

// Failure is a call that failed.
type Failure struct {
	Call    string // its name
	Args    [6]uint64
	Paths   []string   // absolute, inside
	Errno   unix.Errno // 0: it did not fail, and misleads (denial.Call.Misleads)
	Write   bool       // it would have written, or made something
	Address string     // of connect and sendto: host:port, or a path
	IDs     []uint32   // user and group that a file was to be given
	PID     int        // of the process, inside
	Data    string     // that is written to standard error
	// Withheld are the names of the variables that the caller has and the payload
	// does not.
	Withheld []string
}

// Met is the wall that a call met, in words.
type Met struct {
	Wall     Kind
	Text     string // why, a clause
	Remedy   string // an option, and what it means; empty: none
	Inferred bool
	Expected bool // most programs that meet it go on without
}

// Seen is what a View shows of a file inside.
type Seen struct {
	Known    bool // the supervisor could look there
	Exists   bool
	Dir      bool
	Mode     uint32 // permission bits
	UID, GID uint32 // as the host has them
}

// Mount is a line of mountinfo, proc(5).
type Mount struct {
	Point  string
	Type   string
	Opts   []string // per mount and per super block
	Source string
	ID, Parent,
	Device string // major:minor
}

// View is what can be seen of the payload and its jail, and of who made it.
type View interface {
	Inside(path string) Seen                            // symbolic links followed
	OnHost(path string) (real string, ok bool)          // symbolic links followed
	Host(path string) (readable, writable, device bool) // by the caller, on the host
	Leads(path string) string                           // what is missing inside: that path, or one that links inside lead to
	MountOf(path string) Mount                          // the one that a path inside is on
	Head(path string) string                            // the first 4096 bytes of a file inside; symbolic links followed
	Ids() (uid uint32, gids []uint32)
	You() (uid uint32, gids []uint32) // the caller's
	Mapped(uid, gid uint32) bool      // both are ids inside; -1 is
	Shown(uid uint32) bool            // an id of the host that has one inside
	NetNone() bool
	HasLandlock() bool
	HasTerminal() bool              // the jail has one of its own
	Listens(address string) bool    // somebody does on the host, at the port of a loopback's host:port
	HasAddress(address string) bool // the host has it, of a host:port
	OneMount(a, b string) bool      // the host has both directories, on one file system
	Caller
}

// Caller is what can be seen of the process that made the call.
type Caller interface {
	Handles(sig unix.Signal) bool                // it catches or ignores it
	Capable(n uint) bool                         // it has that capability, in its own user namespace
	Limit(name string) uint64                    // the soft one of /proc/PID/limits, "Max open files"; all ones: none
	Given(name string) uint64                    // that the payload began with
	Memory(field string) uint64                  // bytes, of /proc/PID/status: VmData
	Slots() uint64                               // the highest descriptor is below that
	Open(of string) int                          // descriptors whose link begins so
	Descriptor(n int) (path string, held uint64) // a file's, and the bytes that are allocated for it
	Room(path string) (size, free uint64)        // of the file system there, in bytes
	Users(path string) (of string)               // who keeps the file system there busy, in words
	Leaked(path string) (pid int)                // a process in another mount namespace that has the mount there too; 0: none
	Inotify() (limit uint64)                     // instances that the jail may have; all ones: no limit of its own
}

// Of finds the wall.
func Of(f Failure, v View) Met {
	m := of(f, v)
	m.Expected = m.Wall != None && (expected(f) || m.Wall == NotShown && looksInOwn(f, v))
	return m
}

func of(f Failure, v View) Met {
	if m := explained(f, v); m.Wall != None {
		return m
	}
	switch f.Errno {
	case 0:
		return misled(f, v)
	case unix.ENOENT, unix.ENOTDIR:
		return missing(f, v)
	case unix.EROFS:
		return readOnly(f, v)
	case unix.EACCES, unix.EPERM:
		return refused(f, v)
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EADDRNOTAVAIL, unix.ENETDOWN:
		if v.NetNone() && (f.Errno != unix.EADDRNOTAVAIL || v.HasAddress(f.Address) && (f.Call == "bind" || v.Listens(f.Address))) {
			return Met{Wall: Network, Text: lookup(f) + "--net none has no network but its own loopback", Remedy: "--net host, with all that the host reaches"}
		}
	case unix.ECONNREFUSED:
		switch {
		case !v.NetNone() || strings.HasPrefix(f.Address, "/"):
		case lookup(f) == "" && !v.Listens(f.Address): // nobody would answer outside either
		case lookup(f) != "": // of a resolver that is not there: the C library then asks the loopback, resolv.conf(5)
			return Met{Wall: Network, Inferred: true, Text: lookup(f) + "--net none has no network but its own loopback", Remedy: "--net host, with all that the host reaches"}
		default:
			return Met{Wall: Network, Inferred: true, Text: "nobody inside listens there; the host's loopback is another one", Remedy: "--net host, with all that the host reaches"}
		}
	case unix.EINVAL:
		return unmapped(f, v)
	case unix.EMFILE, unix.EAGAIN, unix.ENOMEM:
		return limited(f, v)
	case unix.ENOSPC, unix.EDQUOT:
		return space(f, v)
	case unix.EXDEV:
		return across(f, v)
	}
	return Met{}
}

// unmapped is for ids that a file was to be given: user_namespaces(7).
func unmapped(f Failure, v View) Met {
	if len(f.IDs) != 2 || v.Mapped(f.IDs[0], f.IDs[1]) {
		return Met{}
	}
	const keep = 1<<32 - 1
	which := "the user " + strconv.FormatUint(uint64(f.IDs[0]), 10)
	if v.Mapped(f.IDs[0], keep) {
		which = "the group " + strconv.FormatUint(uint64(f.IDs[1]), 10)
	}
	return Met{Wall: IDMap, Text: which + " is not in the jail's user namespace (user_namespaces(7))", Remedy: "an id that is in /proc/self/uid_map inside"}
}

// lookup names what goes to the port of the DNS.
func lookup(f Failure) string {
	if strings.HasSuffix(f.Address, ":53") {
		return "a name was looked up; "
	}
	return ""
}

// missing is for a path that is not there. One that the host has is not shown; a
// directory on the way may be what is not.
func missing(f Failure, v View) Met {
	for _, p := range f.Paths {
		if ofProcess(p) {
			continue // another one than the host's of that number
		}
		in := v.Inside(p)
		if in.Known && in.Exists {
			if executes(f) {
				return without(p, v)
			}
			continue
		}
		if p == "/etc/resolv.conf" && v.NetNone() {
			return Met{Wall: Network, Text: "--net none has no " + p, Remedy: "--net host, with all that the host reaches"}
		}
		if at := v.Leads(p); at != p && !ofProcess(at) {
			if _, ok := v.OnHost(at); ok {
				return Met{Wall: NotShown, Inferred: !in.Known, Text: p + " leads to " + at + ", which exists on the host and is not shown inside", Remedy: show(f, at, v)}
			}
		}
		if real, ok := v.OnHost(p); ok && !ofProcess(real) {
			text := p + " exists on the host and is not shown inside"
			if real != p {
				text = p + " leads to " + real + ", which exists on the host and is not shown inside"
			}
			return Met{Wall: NotShown, Inferred: !in.Known, Text: text, Remedy: show(f, real, v)}
		}
		dir := path.Dir(p)
		if real, ok := v.OnHost(dir); ok && f.Write && !v.Inside(dir).Exists {
			return Met{Wall: NotShown, Inferred: true, Text: dir + " exists on the host and is not shown inside", Remedy: show(f, real, v)}
		}
	}
	return Met{}
}

// show is the option that shows what is on the host, where that helps: what you may not
// use yourself is of no use inside either.
func show(f Failure, real string, v View) string {
	switch readable, writable, device := v.Host(real); {
	case device:
		return "none: the mounts of a jail open no devices (nodev, mount(2))"
	case f.Call == "connect" && writable:
		return "--ro " + real + " shows it: the payload can talk to who listens there"
	case f.Write && writable:
		return "--rw " + real + asYou(v) + " shows it: the payload can change it"
	case !f.Write && readable:
		return "--ro " + real + " shows it: the payload can read it"
	}
	return ""
}

func readOnly(f Failure, v View) Met {
	for _, p := range f.Paths {
		m := v.MountOf(p)
		if m.has("ro") {
			return Met{Wall: ReadOnly, Text: p + " is on the mount " + m.Point + ", which is read-only", Remedy: writable(f, p, m, v)}
		}
	}
	return Met{Wall: ReadOnly, Inferred: true, Text: "the file system is read-only", Remedy: "--rw, --overlay or --tmpfs for what it writes to"}
}

// writable is the option by which a path can be written to; empty: none can.
func writable(f Failure, p string, m Mount, v View) string {
	switch m.Type {
	case "proc":
		if ofProcess(p) {
			return "-p build, whose /proc is not read-only"
		}
		return "" // /proc/sys is root's, of the host: proc(5)
	case "sysfs", "cgroup", "cgroup2":
		return ""
	}
	dir, in := p, v.Inside(p)
	if !in.Dir {
		dir = path.Dir(p)
	}
	switch makes := f.Call == "mkdir" || f.Call == "mkdirat"; {
	case !in.Exists && makes && m.Point == "/":
		return "--tmpfs " + p + " makes it, for what may be lost"
	case dir == "/":
		return "another place, on a --tmpfs or in what --rw shows"
	case dir == "/dev": // the devices themselves would be hidden
		return ""
	}
	if _, ok := v.OnHost(dir); !ok || ofJail(dir) {
		if v.Inside(dir).Exists {
			return "--tmpfs " + dir + ", which hides what is there, for what may be lost"
		}
		return "--tmpfs " + dir + " for what may be lost"
	}
	if _, yours, _ := v.Host(p); in.Exists && !in.Dir && !makes(f.Call) && !yours || len(f.IDs) == 2 && !v.Mapped(f.IDs[0], f.IDs[1]) {
		return "" // an overlay's copy has the owner and the mode of the file below
	}
	id := asYou(v)
	if _, yours, _ := v.Host(dir); yours {
		return "--overlay-tmp " + dir + id + ", whose changes are thrown away, --overlay, which keeps them apart, or --rw, which changes the host's"
	}
	return "--overlay-tmp " + dir + id + ", whose changes are thrown away, or --overlay, which keeps them apart; the host's is not yours to change"
}

// ofJail reports whether what a jail shows there is its own, and not the host's of the
// same name.
func ofJail(dir string) bool {
	for _, of := range []string{"/dev", "/etc", "/run"} {
		if beneath(dir, of) {
			return true
		}
	}
	return false
}

// asYou is the option without which the payload may not write where you may.
func asYou(v View) string {
	uid, _ := v.Ids()
	if you, _ := v.You(); uid != you {
		return " --id self"
	}
	return ""
}

// ofProcess reports whether a path in /proc is a process's.
func ofProcess(p string) bool {
	rest, in := strings.CutPrefix(p, "/proc/")
	who, _, _ := strings.Cut(rest, "/")
	_, err := strconv.ParseUint(who, 10, 32)
	return in && (who == "self" || who == "thread-self" || err == nil)
}

func (m Mount) has(opt string) bool {
	for _, o := range m.Opts {
		if o == opt {
			return true
		}
	}
	return false
}

// space is for ENOSPC, which is a full file system only where the call names a file.
func space(f Failure, v View) Met {
	switch f.Call {
	case "inotify_add_watch":
		return Met{Wall: Limit, Inferred: true, Text: "no more inotify watches (user.max_inotify_watches, and fs.inotify.max_user_watches of the account, with what runs outside); no disk is full"}
	case "clone", "unshare":
		if f.Args[0]&unix.CLONE_NEWUSER != 0 {
			return Met{
				Wall: Limit, Inferred: true, Text: "the jail may make no more user namespaces (user.max_user_namespaces, namespaces(7)); no disk is full",
				Remedy: "user-namespaces in [limits] of a profile, or -p build",
			}
		}
		return Met{}
	}
	for _, p := range f.Paths {
		if m := v.MountOf(p); m.Type == "tmpfs" {
			return Met{Wall: Space, Text: m.Point + " is a tmpfs, and full, or has no inode left", Remedy: "--tmpfs " + m.Point + ":SIZE makes it larger, and it counts as memory"}
		}
	}
	return Met{}
}
