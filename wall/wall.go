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
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is a wall.
type Kind string

// The walls. None is a failure that would have come without a jail too.
const (
	NotShown   Kind = "view"       // the path exists on the host and is not shown inside
	ReadOnly   Kind = "read-only"  // the mount is
	NoExec     Kind = "noexec"     // the mount is
	Mode       Kind = "mode"       // permission bits, or the owner
	Landlock   Kind = "landlock"   //
	Capability Kind = "capability" // the payload has none
	Network    Kind = "network"    // of --net none there is the loopback alone
	Limit      Kind = "limit"      // on descriptors or processes
	Space      Kind = "space"      // a limited tmpfs, or its inodes
	Mounts     Kind = "mounts"     // one path is on another mount than the other
	IDMap      Kind = "id-map"     // an id that is not in the jail's user namespace
	Unknown    Kind = "unknown"    // one of several, and it could not be seen which
	None       Kind = ""
)

// Failure is a call that failed.
type Failure struct {
	Call    string   // its name
	Paths   []string // absolute, inside
	Errno   unix.Errno
	Write   bool     // it would have written, or made something
	Address string   // of connect and sendto: host:port, or a path
	IDs     []uint32 // user and group that a file was to be given
}

// Met is the wall that a call met, in words.
type Met struct {
	Wall     Kind
	Text     string // why, a clause
	Remedy   string // an option, and what it means; empty: none
	Inferred bool
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
}

// View is what can be seen of the payload and its jail.
type View interface {
	Inside(path string) Seen                   // symbolic links followed
	OnHost(path string) (real string, ok bool) // symbolic links followed
	MountOf(path string) Mount                 // the one that a path inside is on
	Ids() (uid uint32, gids []uint32)
	Mapped(uid, gid uint32) bool // both are ids inside; -1 is
	NetNone() bool
	HasLandlock() bool
}

// Of finds the wall.
func Of(f Failure, v View) Met {
	switch f.Errno {
	case unix.ENOENT, unix.ENOTDIR:
		return missing(f, v)
	case unix.EROFS:
		return readOnly(f, v)
	case unix.EACCES, unix.EPERM:
		return refused(f, v)
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EADDRNOTAVAIL, unix.ENETDOWN:
		if v.NetNone() {
			return Met{Wall: Network, Text: lookup(f) + "--net none has no network but its own loopback", Remedy: "--net host, with all that the host reaches"}
		}
	case unix.ECONNREFUSED:
		if v.NetNone() && !strings.HasPrefix(f.Address, "/") {
			return Met{Wall: Network, Inferred: true, Text: lookup(f) + "nobody inside listens there; the host's loopback is another one", Remedy: "--net host, with all that the host reaches"}
		}
	case unix.EINVAL:
		if len(f.IDs) == 2 && !v.Mapped(f.IDs[0], f.IDs[1]) {
			return Met{Wall: IDMap, Text: "one of these ids is not in the jail's user namespace (user_namespaces(7))", Remedy: "an id that is in /proc/self/uid_map inside"}
		}
	case unix.EMFILE:
		return Met{Wall: Limit, Text: "its limit of open descriptors (RLIMIT_NOFILE) is reached", Remedy: "nofile in a profile of your own"}
	case unix.EAGAIN:
		if f.Call == "clone" || f.Call == "fork" || f.Call == "vfork" {
			return Met{Wall: Limit, Inferred: true, Text: "the jail has as many processes and threads as it may", Remedy: "--pids COUNT allows more"}
		}
	case unix.ENOSPC, unix.EDQUOT:
		return space(f, v)
	case unix.EXDEV:
		if len(f.Paths) > 1 {
			a, b := v.MountOf(f.Paths[0]).Point, v.MountOf(f.Paths[1]).Point
			if a != b {
				return Met{Wall: Mounts, Text: "one is on the mount " + a + ", the other on " + b + ": rename(2) and link(2) do not cross mounts", Remedy: "show a directory that holds both, with one --rw"}
			}
		}
	}
	return Met{}
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
		in := v.Inside(p)
		if in.Known && in.Exists {
			if f.Call == "execve" || f.Call == "execveat" {
				return Met{Wall: NotShown, Inferred: true, Text: p + " is there: its interpreter or loader is not", Remedy: "show that with --ro"}
			}
			continue
		}
		if real, ok := v.OnHost(p); ok {
			text := p + " exists on the host and is not shown inside"
			if real != p {
				text = p + " leads to " + real + ", which exists on the host and is not shown inside"
			}
			return Met{Wall: NotShown, Inferred: !in.Known, Text: text, Remedy: "--ro " + real + show(f)}
		}
		dir := path.Dir(p)
		if real, ok := v.OnHost(dir); ok && f.Write && !v.Inside(dir).Exists {
			return Met{Wall: NotShown, Inferred: true, Text: dir + " exists on the host and is not shown inside", Remedy: "--rw " + real + show(f)}
		}
	}
	return Met{}
}

func show(f Failure) string {
	if f.Write {
		return ": the payload can change it"
	}
	return " shows it: the payload can read it"
}

func readOnly(f Failure, v View) Met {
	for _, p := range f.Paths {
		m := v.MountOf(p)
		if m.has("ro") {
			return Met{Wall: ReadOnly, Text: p + " is on the mount " + m.Point + ", which is read-only", Remedy: writable(p, v)}
		}
	}
	return Met{Wall: ReadOnly, Inferred: true, Text: "the file system is read-only", Remedy: "--rw, --overlay or --tmpfs for what it writes to"}
}

// writable is the option by which a path can be written to.
func writable(p string, v View) string {
	dir := p
	if in := v.Inside(p); !in.Dir {
		dir = path.Dir(p)
	}
	if _, ok := v.OnHost(dir); dir == "/" || !ok {
		return "--tmpfs " + dir + " for what may be lost"
	}
	return "--overlay-tmp " + dir + ", whose changes are thrown away, --overlay, which keeps them apart, or --rw, which changes the host's"
}

func (m Mount) has(opt string) bool {
	for _, o := range m.Opts {
		if o == opt {
			return true
		}
	}
	return false
}

func space(f Failure, v View) Met {
	for _, p := range f.Paths {
		if m := v.MountOf(p); m.Type == "tmpfs" {
			return Met{Wall: Space, Text: m.Point + " is a tmpfs, and full, or has no inode left", Remedy: "--tmpfs " + m.Point + ":SIZE makes it larger, and it counts as memory"}
		}
	}
	return Met{}
}
