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
		if sys.FileSystem(dir) == unix.CGROUP2_SUPER_MAGIC {
			f.Mount = dir
			break
		}
	}
	_, err = sys.StatPath("/run/systemd/system") // sd_booted(3)
	f.Systemd = err == nil
	if f.Mount == "" || own == "" {
		f.Mount = ""
		return f
	}
	flags, _ := sys.MountFlags(f.Mount)
	f.ReadOnly = flags&unix.ST_RDONLY != 0
	// "/.." begins a path above the root of this cgroup namespace.
	if !strings.HasPrefix(own, "/..") {
		f.Own = cgroup(f.Mount, own)
		if own != "/" {
			f.Parent = cgroup(f.Mount, path.Dir(own))
		}
	}
	f.Manager = manager(f.Mount, uid)
	return f
}

// Cgroups probes what Probe does of cgroups.
func Cgroups() cgroupdelegate.Facts { return cgroups(os.Geteuid()) }

// cgroup looks at one directory. One that is not the caller's needs no more
// than one look.
func cgroup(mount, name string) cgroupdelegate.Cgroup {
	c := cgroupdelegate.Cgroup{Path: name}
	dir := path.Join(mount, name)
	for _, file := range [...]string{"cgroup.procs", "cgroup.subtree_control", ""} {
		if sys.Writable(path.Join(dir, file)) != nil {
			return c
		}
	}
	c.Writable = true
	c.Delegated = delegated(mount, name)
	for above := path.Dir(name); !c.Inside && above != "/" && sys.Writable(path.Join(mount, above)) == nil; above = path.Dir(above) {
		c.Inside = delegated(mount, above)
	}
	c.Controllers = words(dir + "/cgroup.controllers")
	c.Children = words(dir + "/cgroup.subtree_control")
	c.Busy = len(words(dir+"/cgroup.procs")) > 0
	_, err := sys.StatPath(dir + "/cgroup.events")
	c.Root = errors.Is(err, unix.ENOENT)
	return c
}

// delegated reports whether systemd gave a cgroup that the caller may write away
// for good. It says so in an attribute since version 254, and in the unit's own
// file if that is transient. A user's cgroup that is not below that user's
// manager is one by its owner: the system's manager gives no other (Delegate=
// with User=). What a manager itself was given is that manager's.
func delegated(mount, name string) bool {
	dir := path.Join(mount, name)
	if name == "/" || strings.HasPrefix(path.Base(name), "user@") {
		return false
	}
	var buf [8]byte
	if v, err := sys.Getxattr(dir, "user.delegate", buf[:]); err == nil && string(v) == "1" {
		return true
	}
	before, _, ofUser := strings.Cut(name, "/user@")
	if !ofUser && os.Geteuid() != 0 {
		return sys.Writable(path.Dir(dir)) != nil
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

func words(file string) []string {
	text, _ := sys.ReadFile(file)
	return strings.Fields(text)
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
			m.Controllers = words(path.Join(mount, top, "cgroup.controllers"))
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
