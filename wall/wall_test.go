package wall_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/wall"
)

// view is one written by hand.
type view struct {
	inside   map[string]wall.Seen
	host     map[string]string // what a path of the host's leads to
	mounts   string
	none     bool
	landlock bool
}

func (v view) Inside(p string) wall.Seen {
	if s, ok := v.inside[p]; ok {
		return s
	}
	return wall.Seen{Known: true}
}

func (v view) OnHost(p string) (string, bool) { real, ok := v.host[p]; return real, ok }
func (v view) MountOf(p string) wall.Mount    { return wall.MountOf(v.mounts, p) }
func (v view) Ids() (uint32, []uint32)        { return 100000, []uint32{100000} }
func (v view) Mapped(uid, gid uint32) bool    { return uid == 1000 && gid+1 == 0 }
func (v view) NetNone() bool                  { return v.none }
func (v view) HasLandlock() bool              { return v.landlock }

func dir(mode, uid uint32) wall.Seen {
	return wall.Seen{Known: true, Exists: true, Dir: true, Mode: mode, UID: uid, GID: uid}
}

func file(mode, uid uint32) wall.Seen {
	return wall.Seen{Known: true, Exists: true, Mode: mode, UID: uid, GID: uid}
}

var jail = view{
	inside: map[string]wall.Seen{
		"/": dir(0o755, 1001), "/usr": dir(0o755, 0), "/tmp": dir(0o1777, 100000), "/tmp/x": file(0o644, 100000), "/tmp/run": file(0o755, 100000),
		"/tmp/of-root": file(0o600, 0), "/tmp/closed": dir(0o700, 0), "/work": dir(0o755, 1001), "/mnt": dir(0o755, 100000), "/mnt/run": file(0o755, 100000),
		"/dark": {}, "/usr/bin": dir(0o755, 0), "/usr/bin/script": file(0o755, 0),
	},
	host: map[string]string{"/home": "/home", "/home/alice": "/home/alice", "/home/alice/key": "/home/alice/key", "/usr/lib/link": "/etc/target", "/usr": "/usr", "/work": "/work"},
	mounts: `1 0 0:1 / / ro,nosuid - tmpfs none rw
2 1 0:2 / /usr ro,nosuid - ext4 /dev/sda rw
3 1 0:3 / /tmp rw,nosuid - tmpfs none rw,size=64k
4 1 0:4 / /mnt rw,noexec - ext4 /dev/sdb rw
5 1 0:5 / /a\040b rw - ext4 /dev/sdc ro
`,
	none: true, landlock: true,
}

func TestOf(t *testing.T) {
	noLandlock := jail
	noLandlock.landlock, noLandlock.none = false, false
	for _, c := range []struct {
		what     string
		f        wall.Failure
		v        view
		want     wall.Kind
		inferred bool
		remedy   string
	}{
		{"shown on the host only", wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/home/alice/key"}}, jail, wall.NotShown, false, "--ro /home/alice/key shows it: the payload can read it"},
		{"a link that leads out", wall.Failure{Call: "stat", Errno: unix.ENOENT, Paths: []string{"/usr/lib/link"}}, jail, wall.NotShown, false, "--ro /etc/target shows it: the payload can read it"},
		{"a directory to write in", wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/home/alice/new"}, Write: true}, jail, wall.NotShown, true, "--rw /home/alice: the payload can change it"},
		{"nowhere", wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/nowhere"}}, jail, wall.None, false, ""},
		{"an interpreter", wall.Failure{Call: "execve", Errno: unix.ENOENT, Paths: []string{"/usr/bin/script"}}, jail, wall.NotShown, true, "show that with --ro"},
		{"read-only", wall.Failure{Call: "mkdir", Errno: unix.EROFS, Paths: []string{"/usr/new"}, Write: true}, jail, wall.ReadOnly, false, "--overlay-tmp /usr, whose changes are thrown away, --overlay, which keeps them apart, or --rw, which changes the host's"},
		{"read-only, of the jail's own", wall.Failure{Call: "mkdir", Errno: unix.EROFS, Paths: []string{"/new"}, Write: true}, jail, wall.ReadOnly, false, "--tmpfs / for what may be lost"},
		{"read-only by its super block", wall.Failure{Call: "openat", Errno: unix.EROFS, Paths: []string{"/a b/x"}, Write: true}, jail, wall.ReadOnly, false, "--tmpfs /a b for what may be lost"},
		{"read-only, no path", wall.Failure{Call: "openat", Errno: unix.EROFS}, jail, wall.ReadOnly, true, "--rw, --overlay or --tmpfs for what it writes to"},
		{"mode of the file", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/of-root"}}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"mode of a directory above", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/closed/x"}}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"mode of the directory", wall.Failure{Call: "mkdir", Errno: unix.EACCES, Paths: []string{"/work/x"}, Write: true}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"not executable", wall.Failure{Call: "execve", Errno: unix.EACCES, Paths: []string{"/tmp/x"}}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"noexec", wall.Failure{Call: "execve", Errno: unix.EACCES, Paths: []string{"/mnt/run"}}, jail, wall.NoExec, false, "another place for the program"},
		{"Landlock", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/x"}, Write: true}, jail, wall.Landlock, true, "--rw or --tmpfs for what it writes to"},
		{"no Landlock there", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/x"}, Write: true}, noLandlock, wall.None, false, ""},
		{"where nobody may look", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/dark/x"}}, jail, wall.Unknown, false, ""},
		{"a device", wall.Failure{Call: "mknodat", Errno: unix.EPERM, Paths: []string{"/tmp/d"}, Write: true}, jail, wall.Capability, true, ""},
		{"another's file", wall.Failure{Call: "fchmodat", Errno: unix.EPERM, Paths: []string{"/tmp/of-root"}, Write: true}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"an id that is not there", wall.Failure{Call: "chown", Errno: unix.EINVAL, Paths: []string{"/tmp/x"}, IDs: []uint32{5, 1<<32 - 1}}, jail, wall.IDMap, false, "an id that is in /proc/self/uid_map inside"},
		{"an id that is there", wall.Failure{Call: "chown", Errno: unix.EINVAL, Paths: []string{"/tmp/x"}, IDs: []uint32{1000, 1<<32 - 1}}, jail, wall.None, false, ""},
		{"no network", wall.Failure{Call: "connect", Errno: unix.ENETUNREACH, Address: "192.0.2.1:80"}, jail, wall.Network, false, "--net host, with all that the host reaches"},
		{"the host's network", wall.Failure{Call: "connect", Errno: unix.ENETUNREACH, Address: "192.0.2.1:80"}, noLandlock, wall.None, false, ""},
		{"the host's loopback", wall.Failure{Call: "connect", Errno: unix.ECONNREFUSED, Address: "127.0.0.1:5432"}, jail, wall.Network, true, "--net host, with all that the host reaches"},
		{"a socket that nobody accepts on", wall.Failure{Call: "connect", Errno: unix.ECONNREFUSED, Address: "/tmp/s"}, jail, wall.None, false, ""},
		{"descriptors", wall.Failure{Call: "openat", Errno: unix.EMFILE, Paths: []string{"/tmp/x"}}, jail, wall.Limit, false, "nofile in a profile of your own"},
		{"processes", wall.Failure{Call: "clone", Errno: unix.EAGAIN}, jail, wall.Limit, true, "--pids COUNT allows more"},
		{"a lock", wall.Failure{Call: "openat", Errno: unix.EAGAIN}, jail, wall.None, false, ""},
		{"a full tmpfs", wall.Failure{Call: "mkdir", Errno: unix.ENOSPC, Paths: []string{"/tmp/d"}, Write: true}, jail, wall.Space, false, "--tmpfs /tmp:SIZE makes it larger, and it counts as memory"},
		{"a full disk", wall.Failure{Call: "mkdir", Errno: unix.ENOSPC, Paths: []string{"/mnt/d"}, Write: true}, jail, wall.None, false, ""},
		{"two mounts", wall.Failure{Call: "rename", Errno: unix.EXDEV, Paths: []string{"/tmp/a", "/mnt/b"}, Write: true}, jail, wall.Mounts, false, "show a directory that holds both, with one --rw"},
		{"one mount", wall.Failure{Call: "rename", Errno: unix.EXDEV, Paths: []string{"/tmp/a", "/tmp/b"}, Write: true}, jail, wall.None, false, ""},
		{"the program's own", wall.Failure{Call: "mkdir", Errno: unix.EEXIST, Paths: []string{"/tmp"}, Write: true}, jail, wall.None, false, ""},
	} {
		got := wall.Of(c.f, c.v)
		if got.Wall != c.want || got.Inferred != c.inferred || got.Remedy != c.remedy || (got.Text == "") != (c.want == wall.None) {
			t.Errorf("%s: %+v, want %q, inferred %v, remedy %q", c.what, got, c.want, c.inferred, c.remedy)
		}
	}
}
