package wall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/program"
	"github.com/Emmanuel326/procjail/internal/sys"
)

// Process is the View of a living process, through /proc. Files are looked at as
// the caller: what it may not search is not known.
type Process struct {
	Pid              int // as the caller sees it
	None, Restricted bool
	Instances        uint64 // of inotify(7), that the jail may have of its own; all ones: no such limit
	Terminal         bool   // the jail has one of its own
	// Limits are those that the payload began with, by the names of /proc/PID/limits.
	Limits map[string]uint64
}

func (p Process) dir() string { return "/proc/" + strconv.Itoa(p.Pid) }

// Inside calls openat2(2) with RESOLVE_IN_ROOT, beneath the process's root.
func (p Process) Inside(name string) Seen {
	st, err := sys.StatInRoot(p.dir()+"/root", name)
	switch {
	case err == nil:
		return Seen{Known: true, Exists: true, Dir: st.IsDir(), Mode: st.Mode & 0o7777, UID: st.UID, GID: st.GID}
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return Seen{Known: true}
	}
	return Seen{}
}

// OnHost follows symbolic links as the caller.
func (p Process) OnHost(name string) (real string, ok bool) {
	real, err := filepath.EvalSymlinks(name)
	return real, err == nil
}

// Host calls access(2) and stat(2).
func (p Process) Host(name string) (readable, writable, device bool) {
	st, err := sys.StatPath(name)
	return sys.Readable(name), sys.Writable(name) == nil, err == nil && st.IsDevice()
}

// Leads follows the symbolic links inside, one by one, to what is missing.
func (p Process) Leads(name string) string {
	at := path.Clean(name)
	for range 40 { // MAXSYMLINKS, linux/namei.h
		next := ""
		for _, part := range append(ancestors(at)[1:], at) {
			if target, err := sys.ReadlinkInRoot(p.dir()+"/root", part); err == nil {
				if !path.IsAbs(target) {
					target = path.Join(path.Dir(part), target)
				}
				next = path.Join(target, strings.TrimPrefix(at, part))
				break
			}
		}
		if next == "" {
			break
		}
		at = next
	}
	return at
}

// Head reads the beginning of a regular file.
func (p Process) Head(name string) string {
	if st, err := sys.StatInRoot(p.dir()+"/root", name); err != nil || !st.IsRegular() {
		return ""
	}
	fd, err := sys.OpenInRoot(p.dir()+"/root", name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return ""
	}
	defer sys.Close(fd)
	text, _ := sys.Pread(fd, program.HeadSize)
	return text
}

// MountOf reads mountinfo: the last mount whose point is the path or above it is
// on top.
func (p Process) MountOf(name string) Mount {
	text, _ := sys.ReadFile(p.dir() + "/mountinfo")
	return MountOf(text, name)
}

// MountOf is the mount that a path is on by the text of a mountinfo.
func MountOf(mountinfo, name string) (m Mount) {
	for line := range strings.Lines(mountinfo) {
		if one, ok := parseMount(line); ok && beneath(name, one.Point) && len(one.Point) >= len(m.Point) {
			m = one
		}
	}
	return m
}

// parseMount reads a line of mountinfo: "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS
// [TAGS...] - TYPE SOURCE OPTIONS", proc(5).
func parseMount(line string) (m Mount, ok bool) {
	before, after, _ := strings.Cut(line, " - ")
	f, g := strings.Fields(before), strings.Fields(after)
	if len(f) < 6 || len(g) < 3 {
		return m, false
	}
	// "rw" of the super block says nothing where the mount itself is "ro".
	opts := strings.Split(f[5], ",")
	for _, o := range strings.Split(g[2], ",") {
		if o == "ro" {
			opts = append(opts, o)
		}
	}
	return Mount{Point: sys.UnescapeMount(f[4]), Type: g[0], Opts: opts, Source: g[1], ID: f[0], Parent: f[1], Device: f[2]}, true
}

func beneath(name, dir string) bool {
	return dir == "/" || name == dir || strings.HasPrefix(path.Clean(name), dir+"/")
}

// Ids are the file system ids of /proc/PID/status.
func (p Process) Ids() (uid uint32, gids []uint32) { return ids(p.dir()) }

// You are this process's.
func (p Process) You() (uid uint32, gids []uint32) { return ids("/proc/thread-self") }

func ids(dir string) (uid uint32, gids []uint32) {
	list := func(text string) (list []uint32) {
		for f := range strings.FieldsSeq(text) {
			n, _ := strconv.ParseUint(f, 10, 32)
			list = append(list, uint32(n))
		}
		return list
	}
	status, _ := sys.ReadFile(dir + "/status")
	if u := list(field(status, "Uid")); len(u) == 4 {
		uid = u[3]
	}
	if g := list(field(status, "Gid")); len(g) == 4 {
		gids = append(gids, g[3])
	}
	return uid, append(gids, list(field(status, "Groups"))...)
}

// field is a line of /proc/PID/status, proc(5).
func field(status, name string) string {
	for line := range strings.Lines(status) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Mapped reads uid_map and gid_map.
func (p Process) Mapped(uid, gid uint32) bool {
	return p.mapped("uid_map", uid) && p.mapped("gid_map", gid)
}

func (p Process) mapped(file string, id uint32) bool {
	return id == 1<<32-1 || p.ranges(file, 0, id) // -1 is "leave it as it is", chown(2)
}

// Shown reads uid_map.
func (p Process) Shown(uid uint32) bool { return p.ranges("uid_map", 1, uid) }

// ranges reports whether a range has the id: its lines are the first id inside, the
// first outside, and how many.
func (p Process) ranges(file string, column int, id uint32) bool {
	text, _ := sys.ReadFile(p.dir() + "/" + file)
	for line := range strings.Lines(text) {
		var n [3]uint64
		for i, f := range strings.Fields(line) {
			n[i%3], _ = strconv.ParseUint(f, 10, 32)
		}
		if from := n[column]; uint64(id) >= from && uint64(id) < from+n[2] {
			return true
		}
	}
	return false
}

// NetNone reports whether the jail has its own loopback alone.
func (p Process) NetNone() bool { return p.None }

// HasLandlock reports whether the payload is restricted by landlock(7).
func (p Process) HasLandlock() bool { return p.Restricted }

// HasTerminal is Terminal.
func (p Process) HasTerminal() bool { return p.Terminal }

// Given is of Limits.
func (p Process) Given(name string) uint64 { return p.Limits[name] }

// Listens looks for the port in /proc/net/tcp and udp of this process's network: a
// socket in the state LISTEN, or one of UDP that has it.
func (p Process) Listens(address string) bool {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().IsLoopback() && !a.Addr().IsUnspecified() {
		return false
	}
	port := fmt.Sprintf(":%04X", a.Port())
	for file, state := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"} {
		text, _ := sys.ReadFile("/proc/thread-self/net/" + file)
		for line := range strings.Lines(text) {
			if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[1], port) && f[3] == state {
				return true
			}
		}
	}
	return false
}

// HasAddress asks for those of this process's network.
func (p Process) HasAddress(address string) bool {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	list, _ := net.InterfaceAddrs()
	return slices.ContainsFunc(list, func(of net.Addr) bool {
		prefix, err := netip.ParsePrefix(of.String())
		return err == nil && prefix.Addr() == a.Addr().Unmap()
	})
}

// OneMount compares the devices that stat(2) tells of, as the caller. Of a directory
// that the host has not, nobody can say that it is on another.
func (p Process) OneMount(a, b string) bool {
	first, err1 := sys.StatPath(a)
	second, err2 := sys.StatPath(b)
	return err1 != nil || err2 != nil || first.Dev == second.Dev
}
