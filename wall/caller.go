package wall

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// Handles reads the masks of /proc/PID/status.
func (p Process) Handles(sig unix.Signal) bool {
	status, _ := sys.ReadFile(p.dir() + "/status")
	for _, name := range []string{"SigIgn", "SigCgt"} {
		if mask, err := strconv.ParseUint(field(status, name), 16, 64); err == nil && mask>>(sig-1)&1 != 0 {
			return true
		}
	}
	return false
}

// Capable reads CapEff of /proc/PID/status.
func (p Process) Capable(n uint) bool {
	status, _ := sys.ReadFile(p.dir() + "/status")
	set, _ := strconv.ParseUint(field(status, "CapEff"), 16, 64)
	return set>>n&1 != 0
}

// Limit reads /proc/PID/limits.
func (p Process) Limit(name string) uint64 {
	text, _ := sys.ReadFile(p.dir() + "/limits")
	for line := range strings.Lines(text) {
		if f := strings.Fields(strings.TrimPrefix(line, name)); strings.HasPrefix(line, name) && len(f) > 0 {
			if n, err := strconv.ParseUint(f[0], 10, 64); err == nil {
				return n
			}
		}
	}
	return math.MaxUint64
}

// Memory reads a field of /proc/PID/status in kB.
func (p Process) Memory(name string) uint64 {
	status, _ := sys.ReadFile(p.dir() + "/status")
	n, _ := strconv.ParseUint(strings.TrimSuffix(field(status, name), " kB"), 10, 64)
	return n << 10
}

// Slots is FDSize of /proc/PID/status: no descriptor is as high.
func (p Process) Slots() uint64 {
	status, _ := sys.ReadFile(p.dir() + "/status")
	n, _ := strconv.ParseUint(field(status, "FDSize"), 10, 64)
	return n
}

// Open asks for each descriptor.
func (p Process) Open(of string) (n int) {
	for fd := range int(min(p.Slots(), 4096)) {
		if link, _, err := sys.DescriptorOf(p.leader(), fd); err == nil && strings.HasPrefix(link, of) {
			n++
		}
	}
	return n
}

// leader is the process of the thread.
func (p Process) leader() int {
	status, _ := sys.ReadFile(p.dir() + "/status")
	n, _ := strconv.Atoi(field(status, "Tgid"))
	return n
}

// Descriptor asks for one. It is empty for what has no path.
func (p Process) Descriptor(n int) (name string, held uint64) {
	name, st, err := sys.DescriptorOf(p.leader(), n)
	if err != nil || !filepath.IsAbs(name) {
		return "", 0
	}
	return strings.TrimSuffix(name, " (deleted)"), uint64(st.Held)
}

// Room calls statfs(2).
func (p Process) Room(name string) (size, free uint64) {
	s, _ := sys.FileSystemSpace(p.dir() + "/root" + name)
	return s.Blocks, s.Free
}

// Inotify is Instances.
func (p Process) Inotify() uint64 { return p.Instances }

// Users looks for a mount on that mount, and for a process of the same mount namespace
// that has a file of it open or works in it.
func (p Process) Users(point string) (of string) {
	text, _ := sys.ReadFile(p.dir() + "/mountinfo")
	m := MountOf(text, point)
	if m.Point != point {
		return ""
	}
	for line := range strings.Lines(text) {
		if other, ok := parseMount(line); ok && other.Parent == m.ID {
			return other.Point + " is mounted on it"
		}
	}
	for _, name := range sys.Names("/proc") {
		pid, err := strconv.Atoi(name)
		other := Process{Pid: pid}
		if err != nil || !same(p.dir(), other.dir(), "mnt") {
			continue
		}
		on := func(st sys.Stat) bool {
			return strconv.Itoa(int(unix.Major(st.Dev)))+":"+strconv.Itoa(int(unix.Minor(st.Dev))) == m.Device
		}
		for n := range int(min(other.Slots(), 4096)) {
			if link, st, err := sys.DescriptorOf(pid, n); err == nil && on(st) {
				return who(other.dir()) + " has " + link + " open"
			}
		}
		if st, err := sys.StatPath(other.dir() + "/cwd"); err == nil && on(st) {
			link, _ := sys.Readlink(other.dir() + "/cwd")
			return who(other.dir()) + " works in " + link
		}
	}
	return ""
}

// who names a process by what it is inside.
func who(dir string) string {
	status, _ := sys.ReadFile(dir + "/status")
	name := field(status, "Name")
	if list := strings.Fields(field(status, "NStgid")); len(list) > 1 {
		name += " (process " + list[1] + ")"
	}
	return name
}

// same reports whether two processes share a namespace.
func same(dir, other, namespace string) bool {
	a, err := sys.Readlink(dir + "/ns/" + namespace)
	b, _ := sys.Readlink(other + "/ns/" + namespace)
	return err == nil && a == b
}

// Leaked compares the mount with those of the process's ancestors.
func (p Process) Leaked(point string) (pid int) {
	text, _ := sys.ReadFile(p.dir() + "/mountinfo")
	m := MountOf(text, point)
	if m.Point != point {
		return 0
	}
	dir := p.dir()
	for range 100 {
		status, _ := sys.ReadFile(dir + "/status")
		dir = "/proc/" + field(status, "PPid")
		status, _ = sys.ReadFile(dir + "/status")
		list := strings.Fields(field(status, "NStgid"))
		if len(list) < 2 { // it is not of the jail
			break
		}
		text, _ := sys.ReadFile(dir + "/mountinfo")
		if other := MountOf(text, point); other.Point == point && other.Device == m.Device && !same(dir, p.dir(), "mnt") {
			pid, _ = strconv.Atoi(list[1])
			return pid
		}
	}
	return 0
}
