package cgroupdelegate

import (
	"strconv"
	"strings"
)

// Facts are what a host says about the cgroups of a process.
type Facts struct {
	Mount    string   // where cgroup2 is mounted; empty: nowhere
	ReadOnly bool     // so that nobody writes to it here, whoever owns it
	V1       []string // controllers that are bound to cgroup v1, from /proc/self/cgroup
	Own      Cgroup   // the one that the process is in
	Parent   Cgroup   // the one above it; no Path: there is none to be seen

	// Manager is systemd: the caller's, or for root the system's.
	Manager Manager
	Systemd bool // systemd runs this host (sd_booted(3))
}

// Cgroup is one directory of cgroup2.
type Cgroup struct {
	Path        string   // below Facts.Mount; "/" is the top of what is seen
	Writable    bool     // its directory, cgroup.procs and cgroup.subtree_control
	Delegated   bool     // systemd gave it away for good
	Inside      bool     // one above it is Delegated
	Busy        bool     // it has processes of its own
	Root        bool     // the machine's root, which may have both processes and children with controllers
	Controllers []string // cgroup.controllers: what its children can have
	Children    []string // cgroup.subtree_control: what they do have
}

// Manager is a systemd manager as it is seen from outside.
type Manager struct {
	Socket      string   // the first of its sockets that is there; empty: none
	Direct      bool     // Socket is its own, with no bus between
	Controllers []string // what it can give to a scope
	Missing     string   // the runtime directory that ought to hold its socket
	User        bool     // the manager is a user's, not the system's
}

// UserManager is the cgroup of a user's systemd, below the mount: what it has, it
// can give away.
func UserManager(uid int) string {
	id := strconv.Itoa(uid)
	return "/user.slice/user-" + id + ".slice/user@" + id + ".service"
}

// String is a line for people.
func (f Facts) String() string {
	if f.Mount == "" {
		if len(f.V1) > 0 {
			return "v1 only: " + strings.Join(f.V1, " ")
		}
		return "not looked at, or none"
	}
	s := f.Own.Path + " in " + f.Mount
	switch {
	case f.Own.Path == "":
		s = "above this namespace, in " + f.Mount
	case f.Own.Delegated || f.Own.Inside:
		s += ", delegated"
	case f.Own.Writable:
		s += ", writable"
	case f.ReadOnly:
		s += ", read-only"
	}
	if len(f.Own.Controllers) > 0 {
		s += " (" + strings.Join(f.Own.Controllers, " ") + ")"
	}
	return s
}

func (m Manager) String() string {
	if m.Socket == "" {
		return "none"
	}
	return m.Socket + " (" + strings.Join(m.Controllers, " ") + ")"
}
