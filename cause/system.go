package cause

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/userns"
)

// System is what the probes look at. Live is the running one; a test has a
// captured tree below Root, and answers of its own.
//
// A question that is nil is not asked, and what depends on it is not confirmed.
type System struct {
	Root string // empty: "/"

	Space    func(path string) (sys.Space, error)
	Access   func(path string, mode uint32) error
	Limit    func(resource int) (uint64, error)
	Capable  func() uint64 // the effective set
	Quota    func(path string, uid uint32) (sys.Quota, error)
	Clone3   func() unix.Errno // what it answers to a structure of no length: EINVAL
	Landlock func() (abi int, err unix.Errno)
	Terminal func(fd int) error                  // ioctl(2) TCGETS
	Caller   func(uid, gid uint32) userns.Caller // nil: by the files below Root
	// UserNS are the user namespaces of a process, from its own up to this
	// process's, as far as they can be seen.
	UserNS func(pid string) []UserNamespace
	// Try makes a process in new namespaces, and one call there.
	Try func(Trial) Tried
}

// Trial and Tried are launch.Trial and launch.Tried as far as a probe needs
// them.
type Trial struct {
	Flags     uint64
	Entries   []plan.Entry
	Results   int // how many FDs the entries may stand for
	Call      *[7]uint64
	Meanwhile func(pid int)
}

// Tried is what came of a Trial.
type Tried struct {
	Cloned unix.Errno
	Made   bool
	Result int64
	Killed unix.Signal

	Results []int64 // of the Entries
	Read    []byte
}

// UserNamespace is one by its number, and the uid that made it.
type UserNamespace struct {
	Link  string // as in "user:[4026531837]"
	Owner uint32
}

// Live is the running system. It cannot make a trial: whoever can sets Try.
func Live() *System {
	return &System{
		Space: sys.FileSystemSpace, Access: sys.Access, Limit: sys.SoftLimit, Quota: sys.UserQuota,
		Capable: func() uint64 { set, _ := sys.Effective(); return set }, Clone3: sys.Clone3OfNothing,
		UserNS: userNamespaces, Landlock: sys.LandlockVersion, Terminal: func(fd int) error { _, err := sys.Termios(fd); return err },
	}
}

func (s *System) at(path string) string {
	if s.Root == "" {
		return path
	}
	return filepath.Join(s.Root, path)
}

func (s *System) read(path string) (string, error) { return sys.ReadFile(s.at(path)) }

// word is a file of one word or line, and whether it can be read.
func (s *System) word(path string) (string, bool) {
	text, err := s.read(path)
	return strings.TrimSpace(text), err == nil
}

// sysctl is a value by its name, as in "kernel.pid_max".
func (s *System) sysctl(name string) (string, bool) {
	return s.word("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
}

func (s *System) stat(path string) (sys.Stat, error) { return sys.StatPath(s.at(path)) }

func (s *System) file(path string) file { return file(s.at(path)) }

// file is one by its name, which is opened for each read.
type file string

func (f file) ReadAt(b []byte, off int64) (int, error) {
	o, err := os.Open(string(f))
	if err != nil {
		return 0, err
	}
	defer o.Close()
	return o.ReadAt(b, off)
}

func (s *System) exists(path string) bool { _, err := s.stat(path); return err == nil }

func (s *System) readlink(path string) string { to, _ := sys.Readlink(s.at(path)); return to }

// status is a field of /proc/self/status, proc(5).
func (s *System) status(field string) (string, bool) {
	text, err := s.read("/proc/self/status")
	if err != nil {
		return "", false
	}
	return fieldOf(text, field)
}

func fieldOf(text, field string) (string, bool) {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// initialUser reports whether this process is in the first user namespace, whose
// number is fixed (include/linux/proc_ns.h:PROC_USER_INIT_INO).
func (s *System) initialUser() bool { return s.readlink("/proc/self/ns/user") == "user:[4026531837]" }

// capable reports whether a capability, by its number, is effective.
func (s *System) capable(n uint) bool { return s.Capable != nil && s.Capable()&(1<<n) != 0 }

// ownCgroup is this process's cgroup2, from /proc/self/cgroup.
func (s *System) ownCgroup() string {
	text, _ := s.read("/proc/self/cgroup")
	for line := range strings.Lines(text) {
		if own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return own
		}
	}
	return ""
}

// caller looks the ids of the caller up again.
func (s *System) caller(uid, gid uint32) userns.Caller {
	if s.Caller != nil {
		return s.Caller(uid, gid)
	}
	root := s.Root
	if root == "" {
		root = "/"
	}
	return userns.NewFromRoot(root).Caller(uid, gid)
}

// mounts are the lines of /proc/self/mountinfo (proc(5)).
func (s *System) mounts() []mount {
	text, err := s.read("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var list []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(g) < 1 {
			continue
		}
		list = append(list, mount{id: f[0], parent: f[1], root: sys.UnescapeMount(f[3]), at: sys.UnescapeMount(f[4]), options: f[5], tags: f[6:], kind: g[0], super: g[len(g)-1]})
	}
	return list
}

// mount is one line of mountinfo.
type mount struct {
	id, parent              string
	root, at, options, kind string
	super                   string   // the file system's own options
	tags                    []string // shared:N, master:N, unbindable
}

// mountOf is the mount that a path lies on: the last of those with the longest
// place above it.
func mountOf(list []mount, path string) (found mount, ok bool) {
	for _, m := range list {
		if below(path, m.at) && len(m.at) >= len(found.at) {
			found, ok = m, true
		}
	}
	return found, ok
}

// below reports whether a path is a directory, or in it.
func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
