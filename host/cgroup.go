package host

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/internal/sys"
)

// cgroups probes where this process stands in cgroup2, what it may do there,
// and which manager could give it a place of its own.
func cgroups(uid int) cgroupdelegate.Facts {
	var f cgroupdelegate.Facts
	text, err := sys.ReadFile("/proc/self/cgroup")
	if err != nil {
		return f
	}
	var own string
	own, f.V1 = cgroupdelegate.Membership(text)
	for _, dir := range [...]string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if kind, flags := sys.FileSystem(dir); kind == unix.CGROUP2_SUPER_MAGIC {
			f.Mount, f.ReadOnly = dir, flags&unix.ST_RDONLY != 0
			break
		}
	}
	_, err = sys.StatPath("/run/systemd/system") // sd_booted(3)
	f.Systemd = err == nil
	if f.Mount == "" || own == "" {
		f.Mount, f.ReadOnly = "", false
		return f
	}
	// "/.." begins a path above the root of this cgroup namespace.
	if !strings.HasPrefix(own, "/..") {
		l := looks{mount: f.Mount}
		if f.Own = l.cgroup(own); f.Own.Writable {
			f.Own.Controllers = l.words(own, "cgroup.controllers")
			if own == "/" {
				_, err := sys.StatPath(f.Mount + "/cgroup.events")
				f.Own.Root = errors.Is(err, unix.ENOENT)
			}
		}
		if own != "/" {
			f.Parent = l.parent(path.Dir(own))
		}
	}
	f.Manager = manager(f.Mount, uid)
	return f
}

// Cgroups probes what Probe does of cgroups.
func Cgroups() cgroupdelegate.Facts { return cgroups(os.Geteuid()) }

// looks are what was seen of directories on the way, since one is asked about for
// itself and for what is below it. Each look is a part of every start.
type looks struct {
	mount string
	seen  map[string]look
}

type look struct{ writable, delegated bool }

// at looks at a directory without its files.
func (l *looks) at(name string) look {
	if seen, ok := l.seen[name]; ok {
		return seen
	}
	k := look{writable: sys.Writable(path.Join(l.mount, name)) == nil}
	if k.writable {
		k.delegated = l.delegated(name)
	}
	if l.seen == nil {
		l.seen = make(map[string]look)
	}
	l.seen[name] = k
	return k
}

// cgroup looks at one directory, but not at what it has. One that is not the
// caller's needs no more than one look.
func (l *looks) cgroup(name string) cgroupdelegate.Cgroup {
	c := cgroupdelegate.Cgroup{Path: name}
	for _, file := range [...]string{"cgroup.procs", "cgroup.subtree_control"} {
		if sys.Writable(path.Join(l.mount, name, file)) != nil {
			return c
		}
	}
	here := l.at(name)
	if !here.writable {
		return c
	}
	c.Writable, c.Delegated = true, here.delegated
	for above := path.Dir(name); !c.Inside && above != "/" && l.at(above).writable; above = path.Dir(above) {
		c.Inside = l.at(above).delegated
	}
	return c
}

// parent looks at the directory above, and at what matters there for a jail beside
// the caller's own.
func (l *looks) parent(name string) cgroupdelegate.Cgroup {
	c := l.cgroup(name)
	if c.Writable {
		c.Controllers = l.words(name, "cgroup.controllers")
		c.Children = l.words(name, "cgroup.subtree_control")
		c.Busy = len(l.words(name, "cgroup.procs")) > 0
	}
	return c
}

// words are those of a file, or of its first part if it is very long.
func (l *looks) words(name, file string) []string {
	text, _ := sys.ReadOnce(path.Join(l.mount, name, file))
	return strings.Fields(text)
}

// delegated reports whether systemd gave a cgroup that the caller may write away
// for good. It says so in an attribute since version 254, and in the unit's own
// file if that is transient. A user's cgroup that is not below that user's
// manager is one by its owner: the system's manager gives no other (Delegate=
// with User=). What a manager itself was given is that manager's.
func (l *looks) delegated(name string) bool {
	dir := path.Join(l.mount, name)
	if name == "/" || strings.HasPrefix(path.Base(name), "user@") {
		return false
	}
	var buf [8]byte
	if v, err := sys.Getxattr(dir, "user.delegate", buf[:]); err == nil && string(v) == "1" {
		return true
	}
	before, _, ofUser := strings.Cut(name, "/user@")
	if !ofUser && os.Geteuid() != 0 {
		return !l.at(path.Dir(name)).writable
	}
	units := "/run/systemd/transient/"
	if ofUser && strings.Contains(before, "/user-") {
		units = runtimeDir(os.Geteuid()) + "/systemd/transient/"
	}
	text, _ := sys.ReadFile(units + path.Base(name))
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Delegate="); ok && v != "no" && v != "false" && v != "0" {
			return true
		}
	}
	return false
}

// manager finds systemd's socket, and what it can give to a scope. It asks
// nothing of it.
func manager(mount string, uid int) cgroupdelegate.Manager {
	m := cgroupdelegate.Manager{User: uid != 0, Missing: "/run/systemd"}
	addrs, top := systemd.SystemAddresses(), "/"
	if m.User {
		addrs = systemd.UserAddresses(runtimeDir(uid), os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
		m.Missing = runtimeDir(uid)
		top = cgroupdelegate.UserManager(uid)
	}
	for _, a := range addrs {
		if _, err := sys.StatPath(a.Path); err == nil {
			m.Socket, m.Direct = a.Path, a.Direct
			m.Controllers = (&looks{mount: mount}).words(top, "cgroup.controllers")
			break
		}
	}
	return m
}

// Managers is where the manager of the facts is reached.
func Managers(m cgroupdelegate.Manager) []systemd.Address {
	return []systemd.Address{{Path: m.Socket, Direct: m.Direct}}
}

// runtimeDir is where a user's sockets are, also in a session that does not
// know (su, cron): the manager asks for the uid and not for the session.
func runtimeDir(uid int) string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); path.IsAbs(dir) {
		return dir
	}
	return "/run/user/" + strconv.Itoa(uid)
}

// machine looks up what limits are resolved by.
func machine(l cgroupdelegate.Limits) cgroupdelegate.Machine {
	m := cgroupdelegate.Machine{Disks: map[string]cgroupdelegate.Disk{}}
	for _, s := range l.More {
		if s.Share == 0 {
			continue
		}
		m.Memory = sys.Memory()
		text, _ := sys.ReadFile("/proc/sys/kernel/pid_max")
		m.Pids, _ = strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	}
	for _, p := range l.DiskPaths() {
		m.Disks[p] = disk(p)
	}
	return m
}

// disk is the whole disk that a device is or a file lies on: the kernel takes no
// partition (block/blk-cgroup.c:blkg_conf_open_bdev). Its number is not known
// where there is no /sys.
func disk(p string) cgroupdelegate.Disk {
	st, err := sys.StatPath(p)
	if err != nil {
		return cgroupdelegate.Disk{Err: unix.Errno(errno(err))}
	}
	dev := st.Dev
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		dev = st.Rdev
	}
	// Numbers for what has no device begin with 0 (fs/super.c:get_anon_bdev).
	if unix.Major(dev) == 0 {
		return cgroupdelegate.Disk{Unnamed: true}
	}
	number := fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
	dir := "/sys/dev/block/" + number
	if _, err := sys.StatPath(dir); err != nil {
		return cgroupdelegate.Disk{}
	}
	if _, err := sys.StatPath(dir + "/partition"); err == nil {
		text, _ := sys.ReadFile(dir + "/../dev")
		number = strings.TrimSpace(text)
	}
	return cgroupdelegate.Disk{Number: number}
}
