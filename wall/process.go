package wall

import (
	"errors"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// Process is the View of a living process, through /proc. Files are looked at as
// the caller: what it may not search is not known.
type Process struct {
	Pid              int // as the caller sees it
	None, Restricted bool
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

// MountOf reads mountinfo: the last mount whose point is the path or above it is
// on top.
func (p Process) MountOf(name string) Mount {
	text, _ := sys.ReadFile(p.dir() + "/mountinfo")
	return MountOf(text, name)
}

// MountOf is the mount that a path is on by the text of a mountinfo.
func MountOf(mountinfo, name string) (m Mount) {
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if len(f) < 6 || len(g) < 3 {
			continue
		}
		point := unescape(f[4])
		if !beneath(name, point) || len(point) < len(m.Point) {
			continue
		}
		// "rw" of the super block says nothing where the mount itself is "ro".
		opts := strings.Split(f[5], ",")
		for _, o := range strings.Split(g[2], ",") {
			if o == "ro" {
				opts = append(opts, o)
			}
		}
		m = Mount{Point: point, Type: g[0], Opts: opts, Source: g[1]}
	}
	return m
}

func beneath(name, dir string) bool {
	return dir == "/" || name == dir || strings.HasPrefix(path.Clean(name), dir+"/")
}

// unescape undoes \040 and the like, proc(5).
func unescape(s string) string {
	for i := 0; i+3 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
			s = s[:i] + string([]byte{byte(n)}) + s[i+4:]
		}
	}
	return s
}

// Ids are the file system ids of /proc/PID/status.
func (p Process) Ids() (uid uint32, gids []uint32) {
	status, _ := sys.ReadFile(p.dir() + "/status")
	for line := range strings.Lines(status) {
		key, rest, _ := strings.Cut(line, ":")
		var list []uint32
		for _, f := range strings.Fields(rest) {
			n, _ := strconv.ParseUint(f, 10, 32)
			list = append(list, uint32(n))
		}
		switch {
		case key == "Uid" && len(list) == 4:
			uid = list[3]
		case key == "Gid" && len(list) == 4:
			gids = append(gids, list[3])
		case key == "Groups":
			gids = append(gids, list...)
		}
	}
	return uid, gids
}

// Mapped reads uid_map and gid_map.
func (p Process) Mapped(uid, gid uint32) bool {
	return p.mapped("uid_map", uid) && p.mapped("gid_map", gid)
}

func (p Process) mapped(file string, id uint32) bool {
	if id == 1<<32-1 { // "leave it as it is", chown(2)
		return true
	}
	text, _ := sys.ReadFile(p.dir() + "/" + file)
	for line := range strings.Lines(text) {
		var n [3]uint64 // inside, outside, count
		for i, f := range strings.Fields(line) {
			n[i%3], _ = strconv.ParseUint(f, 10, 32)
		}
		if uint64(id) >= n[0] && uint64(id) < n[0]+n[2] {
			return true
		}
	}
	return false
}

// NetNone reports whether the jail has its own loopback alone.
func (p Process) NetNone() bool { return p.None }

// HasLandlock reports whether the payload is restricted by landlock(7).
func (p Process) HasLandlock() bool { return p.Restricted }
