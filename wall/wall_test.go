package wall_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/wall"
)

// view is one written by hand.
type view struct {
	inside     map[string]wall.Seen
	heads      map[string]string
	host       map[string]string // what a path of the host's leads to
	links      map[string]string // inside, to what is missing
	mounts     string
	none       bool
	landlock   bool
	self       bool // the payload has your id
	capable    []uint
	limits     map[string]uint64
	memory     map[string]uint64
	open       map[string]int
	descriptor string
	room       [3]uint64 // of a tmpfs: its size, what is free, what the descriptor has
	slots      int
	handled    []unix.Signal
	busy       string
	leaked     int
	instances  uint64
	given      map[string]uint64 // that the payload began with; the others are limits
	terminal   bool
	listening  string // on the host
	apart      bool   // any two directories are, on the host
}

func (v view) Inside(p string) wall.Seen {
	if s, ok := v.inside[p]; ok {
		return s
	}
	return wall.Seen{Known: true}
}

func (v view) Leads(p string) string {
	if to, ok := v.links[p]; ok {
		return to
	}
	return p
}

func (v view) Ids() (uint32, []uint32) {
	if v.self {
		return 1001, []uint32{1001}
	}
	return 100000, []uint32{100000}
}

func (v view) Limit(name string) uint64 {
	if n, ok := v.limits[name]; ok {
		return n
	}
	return math.MaxUint64
}

func (v view) Given(name string) uint64 {
	if n, ok := v.given[name]; ok {
		return n
	}
	return v.Limit(name)
}

func (v view) HasTerminal() bool              { return v.terminal }
func (v view) Listens(a string) bool          { return a == v.listening }
func (v view) HasAddress(a string) bool       { return strings.HasPrefix(a, "198.51.100.1:") }
func (v view) OneMount(string, string) bool   { return !v.apart }
func (v view) OnHost(p string) (string, bool) { real, ok := v.host[p]; return real, ok }
func (v view) MountOf(p string) wall.Mount    { return wall.MountOf(v.mounts, p) }
func (v view) Head(p string) string           { return v.heads[p] }
func (v view) You() (uint32, []uint32)        { return 1001, []uint32{1001, 5} }
func (v view) Mapped(uid, gid uint32) bool    { return (uid == 1000 || uid+1 == 0) && gid+1 == 0 }
func (v view) NetNone() bool                  { return v.none }
func (v view) HasLandlock() bool              { return v.landlock }
func (v view) Host(p string) (r, w, d bool) {
	return !strings.HasPrefix(p, "/root"), !strings.HasPrefix(p, "/root") && !strings.HasPrefix(p, "/usr"), strings.HasPrefix(p, "/dev/")
}
func (v view) Shown(uid uint32) bool        { return uid == 100000 || uid == 1001 }
func (v view) Handles(sig unix.Signal) bool { return slices.Contains(v.handled, sig) }
func (v view) Slots() uint64                { return uint64(v.slots) }
func (v view) Capable(n uint) bool          { return slices.Contains(v.capable, n) }
func (v view) Memory(field string) uint64   { return v.memory[field] }
func (v view) Open(of string) int           { return v.open[of] }
func (v view) Descriptor(n int) (string, uint64) {
	return map[int]string{7: v.descriptor}[n], v.room[2]
}
func (v view) Room(string) (size, free uint64) { return v.room[0], v.room[1] }
func (v view) Users(string) string             { return v.busy }
func (v view) Leaked(string) int               { return v.leaked }
func (v view) Inotify() uint64                 { return v.instances }

func dir(mode, uid uint32) wall.Seen {
	return wall.Seen{Known: true, Exists: true, Dir: true, Mode: mode, UID: uid, GID: uid}
}

func file(mode, uid uint32, gid ...uint32) wall.Seen {
	return wall.Seen{Known: true, Exists: true, Mode: mode, UID: uid, GID: append(gid, uid)[0]}
}

var jail = view{
	inside: map[string]wall.Seen{
		"/": dir(0o755, 1001), "/usr": dir(0o755, 0), "/tmp": dir(0o1777, 100000), "/tmp/x": file(0o644, 100000), "/tmp/run": file(0o755, 100000),
		"/tmp/of-root": file(0o600, 0), "/tmp/of-you": file(0o600, 1001), "/tmp/of-group": file(0o640, 0, 5), "/tmp/socket": file(0o755, 1001), "/tmp/closed": dir(0o700, 0), "/work": dir(0o755, 1001), "/mnt": dir(0o755, 100000), "/mnt/run": file(0o755, 100000),
		"/dark": {}, "/over/dir": dir(0o755, 100000), "/usr/bin": dir(0o755, 0), "/usr/bin/script": file(0o755, 0),
	},
	host: map[string]string{"/home": "/home", "/home/alice": "/home/alice", "/home/alice/key": "/home/alice/key", "/usr/lib/link": "/etc/target", "/usr": "/usr", "/work": "/work", "/proc/1106/status": "/proc/1106/status"},
	mounts: `1 0 0:1 / / ro,nosuid - tmpfs none rw
2 1 0:2 / /usr ro,nosuid - ext4 /dev/sda rw
3 1 0:3 / /tmp rw,nosuid - tmpfs none rw,size=64k
4 1 0:4 / /mnt rw,noexec - ext4 /dev/sdb rw
5 1 0:5 / /a\040b rw - ext4 /dev/sdc ro
6 1 0:6 / /over rw - overlay none rw
7 1 0:7 / /work/in rw - ext4 /dev/sdd rw
`,
	listening: "127.0.0.1:5432", none: true, landlock: true, slots: 64, limits: map[string]uint64{"Max open files": 64},
}

func TestOf(t *testing.T) {
	noLandlock := jail
	noLandlock.landlock, noLandlock.none = false, false
	apart := jail
	apart.apart = true
	self := jail
	self.self = true
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
		{"a directory to write in", wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/home/alice/new"}, Write: true}, jail, wall.NotShown, true, "--rw /home/alice --id self shows it: the payload can change it"},
		{"nowhere", wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/nowhere"}}, jail, wall.None, false, ""},
		{"an interpreter that cannot be read", wall.Failure{Call: "execve", Errno: unix.ENOENT, Paths: []string{"/usr/bin/script"}}, jail, wall.Unknown, false, ""},
		{"read-only", wall.Failure{Call: "mkdir", Errno: unix.EROFS, Paths: []string{"/usr/new"}, Write: true}, jail, wall.ReadOnly, false, "--overlay-tmp /usr --id self, whose changes are thrown away, or --overlay, which keeps them apart; the host's is not yours to change"},
		{"read-only, of the jail's own", wall.Failure{Call: "mkdir", Errno: unix.EROFS, Paths: []string{"/new"}, Write: true}, jail, wall.ReadOnly, false, "--tmpfs /new makes it, for what may be lost"},
		{"read-only by its super block", wall.Failure{Call: "openat", Errno: unix.EROFS, Paths: []string{"/a b/x"}, Write: true}, jail, wall.ReadOnly, false, "--tmpfs /a b for what may be lost"},
		{"read-only, no path", wall.Failure{Call: "openat", Errno: unix.EROFS}, jail, wall.ReadOnly, true, "--rw, --overlay or --tmpfs for what it writes to"},
		{"mode of the file", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/of-you"}}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"mode of the file, for a group", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/of-group"}}, self, wall.Mode, true, "a mode that lets others"},
		{"a file that you may not read either", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/of-root"}}, jail, wall.Program, true, ""},
		{"a directory above that you may not search", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/closed/x"}}, jail, wall.Program, true, ""},
		{"a socket that may not be written", wall.Failure{Call: "connect", Errno: unix.EACCES, Paths: []string{"/tmp/socket"}, Address: "/tmp/socket"}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"mode of the directory", wall.Failure{Call: "mkdir", Errno: unix.EACCES, Paths: []string{"/work/x"}, Write: true}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"not executable", wall.Failure{Call: "execve", Errno: unix.EACCES, Paths: []string{"/tmp/x"}}, jail, wall.Program, true, ""},
		{"noexec", wall.Failure{Call: "execve", Errno: unix.EACCES, Paths: []string{"/mnt/run"}}, jail, wall.NoExec, false, "another place for the program"},
		{"Landlock", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/x"}, Write: true}, jail, wall.Landlock, true, "--rw or --tmpfs for what it writes to"},
		{"Landlock, of a read", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/x"}}, jail, wall.None, false, ""},
		{"no Landlock there", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/tmp/x"}, Write: true}, noLandlock, wall.None, false, ""},
		{"where nobody may look", wall.Failure{Call: "openat", Errno: unix.EACCES, Paths: []string{"/dark/x"}}, jail, wall.Unknown, false, ""},
		{"a device", wall.Failure{Call: "mknodat", Errno: unix.EPERM, Paths: []string{"/tmp/d"}, Write: true}, jail, wall.Capability, true, ""},
		{"another's file", wall.Failure{Call: "fchmodat", Errno: unix.EPERM, Paths: []string{"/tmp/of-root"}, Write: true}, jail, wall.Program, true, ""},
		{"your file", wall.Failure{Call: "fchmodat", Errno: unix.EPERM, Paths: []string{"/work"}, Write: true}, jail, wall.Mode, true, "--id self, where the payload is you, or a mode that lets others"},
		{"an id that is not there", wall.Failure{Call: "chown", Errno: unix.EINVAL, Paths: []string{"/tmp/x"}, IDs: []uint32{5, 1<<32 - 1}}, jail, wall.IDMap, false, "an id that is in /proc/self/uid_map inside"},
		{"an id that is there", wall.Failure{Call: "chown", Errno: unix.EINVAL, Paths: []string{"/tmp/x"}, IDs: []uint32{1000, 1<<32 - 1}}, jail, wall.None, false, ""},
		{"no network", wall.Failure{Call: "connect", Errno: unix.ENETUNREACH, Address: "192.0.2.1:80"}, jail, wall.Network, false, "--net host, with all that the host reaches"},
		{"the host's network", wall.Failure{Call: "connect", Errno: unix.ENETUNREACH, Address: "192.0.2.1:80"}, noLandlock, wall.None, false, ""},
		{"the host's loopback", wall.Failure{Call: "connect", Errno: unix.ECONNREFUSED, Address: "127.0.0.1:5432"}, jail, wall.Network, true, "--net host, with all that the host reaches"},
		{"a loopback on which nobody listens", wall.Failure{Call: "connect", Errno: unix.ECONNREFUSED, Address: "127.0.0.1:5999"}, jail, wall.None, false, ""},
		{"an address of the host's", wall.Failure{Call: "bind", Errno: unix.EADDRNOTAVAIL, Address: "198.51.100.1:80"}, jail, wall.Network, false, "--net host, with all that the host reaches"},
		{"an address of nobody's", wall.Failure{Call: "bind", Errno: unix.EADDRNOTAVAIL, Address: "192.0.2.1:80"}, jail, wall.None, false, ""},
		{"another process", wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/proc/1106/status"}}, jail, wall.None, false, ""},
		{"a resolver that is not there", wall.Failure{Call: "connect", Errno: unix.ECONNREFUSED, Address: "127.0.0.1:53"}, jail, wall.Network, true, "--net host, with all that the host reaches"},
		{"a socket that nobody accepts on", wall.Failure{Call: "connect", Errno: unix.ECONNREFUSED, Address: "/tmp/s"}, jail, wall.None, false, ""},
		{"descriptors", wall.Failure{Call: "openat", Errno: unix.EMFILE, Paths: []string{"/tmp/x"}}, jail, wall.Limit, false, "nofile in [limits] of a profile, and ulimit -n for procjail itself"},
		{"processes", wall.Failure{Call: "clone", Errno: unix.EAGAIN}, jail, wall.Limit, true, "--pids COUNT allows more"},
		{"a lock", wall.Failure{Call: "openat", Errno: unix.EAGAIN}, jail, wall.None, false, ""},
		{"a full tmpfs", wall.Failure{Call: "mkdir", Errno: unix.ENOSPC, Paths: []string{"/tmp/d"}, Write: true}, jail, wall.Space, false, "--tmpfs /tmp:SIZE makes it larger, and it counts as memory"},
		{"a full disk", wall.Failure{Call: "mkdir", Errno: unix.ENOSPC, Paths: []string{"/mnt/d"}, Write: true}, jail, wall.None, false, ""},
		{"two mounts", wall.Failure{Call: "rename", Errno: unix.EXDEV, Paths: []string{"/tmp/a", "/mnt/b"}, Write: true}, jail, wall.Mounts, false, ""},
		{"two mounts below one directory", wall.Failure{Call: "rename", Errno: unix.EXDEV, Paths: []string{"/work/in/a", "/work/b"}, Write: true}, jail, wall.Mounts, false, "show a directory that holds both, with one --rw"},
		{"a mode, of Landlock's mounts", wall.Failure{Call: "access", Errno: unix.EACCES, Paths: []string{"/tmp/x"}, Write: true}, jail, wall.None, false, ""},
		{"a loopback of IPv6", wall.Failure{Call: "connect", Errno: unix.EADDRNOTAVAIL, Address: "[::1]:5999"}, jail, wall.None, false, ""},
		{"two mounts on the host", wall.Failure{Call: "rename", Errno: unix.EXDEV, Paths: []string{"/tmp/a", "/mnt/b"}, Write: true}, apart, wall.Program, false, ""},
		{"one mount", wall.Failure{Call: "rename", Errno: unix.EXDEV, Paths: []string{"/tmp/a", "/tmp/b"}, Write: true}, jail, wall.None, false, ""},
		{"the program's own", wall.Failure{Call: "mkdir", Errno: unix.EEXIST, Paths: []string{"/tmp"}, Write: true}, jail, wall.None, false, ""},
	} {
		got := wall.Of(c.f, c.v)
		if got.Wall != c.want || got.Inferred != c.inferred || got.Remedy != c.remedy || (got.Text == "") != (c.want == wall.None) {
			t.Errorf("%s: %+v, want %q, inferred %v, remedy %q", c.what, got, c.want, c.inferred, c.remedy)
		}
	}
}

// TestOfMore are failures whose text says what matters.
func TestOfMore(t *testing.T) {
	elf := func(interpreter string) string {
		b := make([]byte, 64+56)
		copy(b, "\x7fELF\x02\x01\x01")
		le := binary.LittleEndian
		le.PutUint16(b[18:], 183)
		le.PutUint64(b[32:], 64)
		le.PutUint16(b[54:], 56)
		le.PutUint16(b[56:], 1)
		le.PutUint32(b[64:], 3)
		le.PutUint64(b[64+8:], uint64(len(b)))
		le.PutUint64(b[64+32:], uint64(len(interpreter)+1))
		return string(b) + interpreter + "\x00"
	}
	execve := func(errno unix.Errno) wall.Failure {
		return wall.Failure{Call: "execve", Errno: errno, Paths: []string{"/tmp/run"}}
	}
	head := func(text string) view { v := jail; v.heads = map[string]string{"/tmp/run": text}; return v }
	with := func(change func(*view)) view { v := jail; change(&v); return v }
	lowers := func(name string, given uint64) view {
		return with(func(v *view) { v.limits, v.given = map[string]uint64{name: 64}, map[string]uint64{name: given} })
	}
	private, shared := [6]uint64{0, 96 << 20, unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS}, [6]uint64{0, 96 << 20, unix.PROT_WRITE, unix.MAP_SHARED, 7}
	newUser := [6]uint64{unix.CLONE_NEWUSER}
	abort := [6]uint64{2, 2, uint64(unix.SIGABRT)}
	for _, c := range []struct {
		f    wall.Failure
		v    view
		want wall.Kind
		text string
	}{
		{execve(unix.ENOENT), head("#!/bin/sh\r\nexit\n"), wall.Program, `/tmp/run needs "/bin/sh\r" as its interpreter: its lines end in \r\n`},
		{execve(unix.ENOENT), head("#! \t/nowhere/sh -e\n"), wall.Program, "/tmp/run needs /nowhere/sh as its interpreter, which is nowhere, inside or on the host"},
		{execve(unix.ENOENT), head("#!sh\n"), wall.Program, "/tmp/run needs sh as its interpreter, which is no absolute path"},
		{execve(unix.ENOENT), head("#!/home/alice/key"), wall.NotShown, "/tmp/run needs /home/alice/key as its interpreter, which exists on the host and is not shown inside"},
		{execve(unix.ENOENT), head(elf("/lib/ld-musl-x86_64.so.1")), wall.Program, "/tmp/run needs /lib/ld-musl-x86_64.so.1 as its dynamic loader, which is nowhere, inside or on the host"},
		{execve(unix.ENOENT), head(elf("/usr")), wall.NotShown, "/tmp/run needs /usr as its dynamic loader, which exists on the host and is not shown inside"},
		{execve(unix.ENOENT), head(elf("/usr")[:100]), wall.Unknown, "/tmp/run is there: its interpreter or loader is not"},
		{execve(unix.ENOEXEC), head(elf("")), wall.Program, "/tmp/run is an ELF file for AArch64 (e_machine of elf(5)), which this kernel does not execute"},
		{execve(unix.ENOEXEC), head("echo\n"), wall.Program, "/tmp/run begins with neither #! nor a format that this kernel knows"},
		{execve(unix.ENOEXEC), head(""), wall.Program, "/tmp/run is empty, or cannot be read"},
		{execve(unix.ETXTBSY), jail, wall.Program, "/tmp/run is open for writing, by itself or another process (execve(2))"},
		{execve(0), jail, wall.None, ""},
		{execve(0), with(func(v *view) { v.inside = map[string]wall.Seen{"/tmp/run": file(0o4755, 0)} }), wall.Privilege, "/tmp/run is a setuid program, and gained nothing: no_new_privs holds for every process of a jail (execve(2))"},
		{execve(0), with(func(v *view) { v.inside = map[string]wall.Seen{"/tmp/run": file(0o4755, 100000)} }), wall.None, ""},

		{wall.Failure{Call: "openat", Errno: unix.ENXIO, Paths: []string{"/dev/tty"}}, jail, wall.Terminal, "its session has no terminal (tty(4))"},
		{wall.Failure{Call: "openat", Errno: unix.ENXIO, Paths: []string{"/tmp/fifo"}}, jail, wall.None, ""},
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/mnt/link"}}, with(func(v *view) { v.links = map[string]string{"/mnt/link": "/home/alice/key"} }), wall.NotShown, "/mnt/link leads to /home/alice/key, which exists on the host and is not shown inside"},
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/mnt/link"}}, with(func(v *view) { v.links = map[string]string{"/mnt/link": "/nowhere"} }), wall.None, ""},

		{wall.Failure{Call: "inotify_init1", Errno: unix.EMFILE}, with(func(v *view) { v.limits, v.instances, v.open = nil, 4, map[string]int{"anon_inode:inotify": 4} }), wall.Limit, "it has as many inotify instances as the jail may, 4 (user.max_inotify_instances); its descriptors are fewer than it may have"},
		{wall.Failure{Call: "inotify_init1", Errno: unix.EMFILE}, with(func(v *view) { v.limits, v.instances, v.open = nil, 4, map[string]int{"anon_inode:inotify": 3} }), wall.Limit, "no more inotify instances (user.max_inotify_instances of the jail, or fs.inotify.max_user_instances of the account, with what runs outside); its descriptors are fewer than it may have"},
		{wall.Failure{Call: "inotify_init1", Errno: unix.EMFILE}, with(func(v *view) { v.instances, v.open = 4, map[string]int{"anon_inode:inotify": 4, "": 60} }), wall.Limit, "it has as many inotify instances as the jail may, 4 (user.max_inotify_instances); its descriptors are fewer than it may have"},
		{wall.Failure{Call: "openat", Errno: unix.EMFILE}, lowers("Max open files", 1024), wall.Program, "the payload has lowered its own RLIMIT_NOFILE to 64 (getrlimit(2))"},
		{wall.Failure{Call: "clone", Errno: unix.EAGAIN}, lowers("Max processes", 128), wall.Program, "the payload has lowered its own RLIMIT_NPROC to 64 (getrlimit(2))"},
		{wall.Failure{Call: "mmap", Errno: unix.ENOMEM, Args: private}, lowers("Max data size", 1<<30), wall.Program, "the payload has lowered its own RLIMIT_DATA to 64 (getrlimit(2))"},
		{wall.Failure{Call: "mmap", Errno: unix.ENOMEM, Args: private}, lowers("Max address space", math.MaxUint64), wall.Program, "the payload has lowered its own RLIMIT_AS to 64 (getrlimit(2))"},
		{wall.Failure{Call: "mlock", Errno: unix.ENOMEM, Args: [6]uint64{0, 1 << 20}}, lowers("Max locked memory", 1<<30), wall.Program, "the payload has lowered its own RLIMIT_MEMLOCK to 64 (getrlimit(2))"},
		{wall.Failure{Call: "mmap", Errno: unix.EAGAIN, Args: private}, with(func(v *view) {
			v.limits = map[string]uint64{"Max data size": 64 << 20, "Max locked memory": 8 << 20}
		}), wall.Limit, "it would have locked more than the 8M that it may (RLIMIT_MEMLOCK, which a jail inherits); no memory is short"},
		{wall.Failure{Call: "mmap", Errno: unix.EAGAIN, Args: private}, with(func(v *view) { v.limits = map[string]uint64{"Max data size": 64 << 20} }), wall.None, ""},
		{wall.Failure{Call: "mmap", Errno: unix.ENOMEM, Args: [6]uint64{0, 1 << 48, unix.PROT_WRITE, unix.MAP_PRIVATE}}, with(func(v *view) { v.limits = map[string]uint64{"Max data size": 64 << 20} }), wall.Program, fmt.Sprintf("no process has room for so much: its addresses are %dG", map[string]int{"amd64": 1 << 17, "arm64": 1 << 18}[runtime.GOARCH])},
		{wall.Failure{Call: "socket", Errno: unix.EPERM, Args: [6]uint64{unix.AF_INET, unix.SOCK_RAW, 1}}, with(func(v *view) { v.capable = []uint{unix.CAP_NET_RAW} }), wall.None, ""},
		{wall.Failure{Call: "tgkill", Args: abort, PID: 2}, lowers("Max core file size", 1<<20), wall.Program, "it ends itself (abort(3)), and leaves no core: the payload has lowered its own RLIMIT_CORE to 64 (getrlimit(2))"},
		{wall.Failure{Call: "inotify_init1", Errno: unix.EMFILE}, with(func(v *view) { v.open, v.instances = map[string]int{"": 64}, 128 }), wall.Limit, "its limit of 64 open descriptors (RLIMIT_NOFILE) is reached"},
		{wall.Failure{Call: "openat", Errno: unix.EMFILE}, with(func(v *view) { v.limits = map[string]uint64{"Max open files": 65} }), wall.None, ""},
		{wall.Failure{Call: "inotify_add_watch", Errno: unix.ENOSPC, Paths: []string{"/tmp"}}, jail, wall.Limit, "no more inotify watches (user.max_inotify_watches, and fs.inotify.max_user_watches of the account, with what runs outside); no disk is full"},
		{wall.Failure{Call: "mlock", Errno: unix.ENOMEM, Args: [6]uint64{0, 1 << 20}}, with(func(v *view) { v.limits = map[string]uint64{"Max locked memory": 64 << 10} }), wall.Limit, "it would have locked more than the 64K that it may (RLIMIT_MEMLOCK, which a jail inherits); no memory is short"},
		{wall.Failure{Call: "mlock", Errno: unix.ENOMEM, Args: [6]uint64{0, 1 << 20}}, jail, wall.None, ""},
		{wall.Failure{Call: "mlock", Errno: unix.EPERM}, with(func(v *view) { v.limits = map[string]uint64{"Max locked memory": 0} }), wall.Limit, "it may lock no memory at all: its RLIMIT_MEMLOCK, which a jail inherits, is 0 (mlock(2))"},
		{wall.Failure{Call: "mlockall", Errno: unix.ENOMEM}, with(func(v *view) {
			v.limits, v.memory = map[string]uint64{"Max locked memory": 5}, map[string]uint64{"VmSize": 6}
		}), wall.Limit, "it would have locked more than the 5 bytes that it may (RLIMIT_MEMLOCK, which a jail inherits); no memory is short"},
		{wall.Failure{Call: "mmap", Errno: unix.ENOMEM, Args: private}, with(func(v *view) { v.limits = map[string]uint64{"Max data size": 64 << 20} }), wall.Limit, "its memory would have been more than the 64M that a process may have (RLIMIT_DATA)"},
		{wall.Failure{Call: "mmap", Errno: unix.ENOMEM, Args: shared}, with(func(v *view) { v.limits = map[string]uint64{"Max data size": 64 << 20} }), wall.None, ""},
		{wall.Failure{Call: "mmap", Errno: unix.ENOMEM, Args: shared}, with(func(v *view) {
			v.limits = map[string]uint64{"Max address space": 1 << 30}
			v.memory = map[string]uint64{"VmSize": 1 << 30}
		}), wall.Limit, "its address space would have been more than 1G (RLIMIT_AS, which a jail inherits)"},
		{wall.Failure{Call: "mremap", Errno: unix.ENOMEM, Args: [6]uint64{0, 1 << 20, 3 << 20}}, with(func(v *view) { v.limits = map[string]uint64{"Max data size": 1 << 20} }), wall.Limit, "its memory would have been more than the 1M that a process may have (RLIMIT_DATA)"},
		{wall.Failure{Call: "mmap", Errno: unix.EPERM, Args: [6]uint64{0, 4096, unix.PROT_EXEC, unix.MAP_PRIVATE, 7}}, with(func(v *view) { v.descriptor = "/mnt/lib.so" }), wall.NoExec, "/mnt/lib.so is on the mount /mnt, which executes nothing (noexec)"},
		{wall.Failure{Call: "mmap", Errno: unix.EPERM, Args: [6]uint64{0, 4096, unix.PROT_READ, unix.MAP_PRIVATE, 7}}, with(func(v *view) { v.descriptor = "/mnt/lib.so" }), wall.None, ""},
		{wall.Failure{Call: "mmap", Args: shared}, with(func(v *view) { v.descriptor, v.room = "/tmp/file", [3]uint64{64 << 20, 60 << 20, 4 << 20} }), wall.Space, "the file is on /tmp, a tmpfs of 64M, which has not room for so much: the page too many is SIGBUS (mmap(2))"},
		{wall.Failure{Call: "mmap", Args: shared}, with(func(v *view) { v.descriptor, v.room = "/tmp/file", [3]uint64{128 << 20, 60 << 20, 36 << 20} }), wall.None, ""},
		{wall.Failure{Call: "mmap", Args: shared}, with(func(v *view) { v.descriptor, v.room = "/mnt/file", [3]uint64{64 << 20} }), wall.None, ""},

		{wall.Failure{Call: "clone", Errno: unix.ENOSPC, Args: newUser}, jail, wall.Limit, "the jail may make no more user namespaces (user.max_user_namespaces, namespaces(7)); no disk is full"},
		{wall.Failure{Call: "unshare", Errno: unix.ENOSPC, Args: [6]uint64{unix.CLONE_NEWNET}}, jail, wall.None, ""},
		{wall.Failure{Call: "clone", Errno: unix.ENOMEM}, jail, wall.Program, "PID 1 of the PID namespace that its children belong to has ended, and no other process can be in it (pid_namespaces(7)); no memory is short"},
		{wall.Failure{Call: "kill", Args: [6]uint64{3}, PID: 3}, jail, wall.Namespace, "it asked whether a process is there, and found itself: numbers begin anew in each PID namespace, so that one in a file of an earlier run is often one's own"},
		{wall.Failure{Call: "kill", Args: [6]uint64{4}, PID: 3}, jail, wall.None, ""},
		{wall.Failure{Call: "tgkill", Args: abort, PID: 2}, with(func(v *view) { v.limits = map[string]uint64{"Max core file size": 1} }), wall.Program, "it ends itself (abort(3)), and leaves no core: its RLIMIT_CORE is 1 (core(5))"},
		{wall.Failure{Call: "tgkill", Args: abort, PID: 2}, with(func(v *view) {
			v.limits, v.handled = map[string]uint64{"Max core file size": 1}, []unix.Signal{unix.SIGABRT}
		}), wall.None, ""},
		{wall.Failure{Call: "tgkill", Args: abort, PID: 3}, with(func(v *view) { v.limits = map[string]uint64{"Max core file size": 1} }), wall.None, ""},
		{wall.Failure{Call: "tgkill", Args: abort, PID: 2}, jail, wall.None, ""},

		{wall.Failure{Call: "socket", Errno: unix.EPERM, Args: [6]uint64{unix.AF_INET, unix.SOCK_RAW | unix.SOCK_CLOEXEC}}, jail, wall.Capability, "a raw socket takes CAP_NET_RAW (raw(7)), which the payload does not have"},
		{wall.Failure{Call: "socket", Errno: unix.EACCES, Args: [6]uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP}}, jail, wall.Capability, "net.ipv4.ping_group_range of its network has no group of the payload's (icmp(7)), and a raw socket takes CAP_NET_RAW"},
		{wall.Failure{Call: "socket", Errno: unix.EACCES, Args: [6]uint64{unix.AF_INET, unix.SOCK_STREAM}}, jail, wall.None, ""},
		{wall.Failure{Call: "bind", Errno: unix.EACCES, Address: "0.0.0.0:80"}, jail, wall.Capability, "a port below 1024 takes CAP_NET_BIND_SERVICE, which the payload does not have"},
		{wall.Failure{Call: "bind", Errno: unix.EACCES, Address: "0.0.0.0:80"}, with(func(v *view) { v.capable = []uint{unix.CAP_NET_BIND_SERVICE} }), wall.None, ""},
		{wall.Failure{Call: "bind", Errno: unix.EACCES, Address: "0.0.0.0:8080"}, jail, wall.None, ""},
		{wall.Failure{Call: "mount", Errno: unix.EPERM, Paths: []string{"/tmp"}}, jail, wall.Capability, "it takes CAP_SYS_ADMIN, which the payload does not have"},
		{wall.Failure{Call: "umount2", Errno: unix.EBUSY, Paths: []string{"/mnt"}}, with(func(v *view) { v.busy = "sh (process 4) works in /mnt" }), wall.Program, "/mnt is busy: sh (process 4) works in /mnt (umount2(2))"},
		{wall.Failure{Call: "mount", Paths: []string{"/mnt"}}, with(func(v *view) { v.leaked = 4 }), wall.Program, "process 4 has that mount too, in a mount namespace of its own: the mount below it is shared (mount_namespaces(7))"},
		{wall.Failure{Call: "mount", Paths: []string{"/mnt"}, Args: [6]uint64{3: unix.MS_BIND}}, with(func(v *view) { v.leaked = 4 }), wall.None, ""},
		{wall.Failure{Call: "rename", Errno: unix.EXDEV, Paths: []string{"/over/dir", "/over/other"}}, jail, wall.Mounts, "/over/dir is a directory of the lower layer of the overlay on /over, which renames none of those"},
		{wall.Failure{Call: "fchown", Errno: unix.EINVAL, Paths: []string{"/tmp/x"}, IDs: []uint32{1000, 7}}, jail, wall.IDMap, "the group 7 is not in the jail's user namespace (user_namespaces(7))"},

		{wall.Failure{Call: "write", Data: "API_TOKEN is not set\n", Withheld: []string{"API", "API_TOKEN"}}, jail, wall.Variable, "it names API_TOKEN of your environment, which the payload has not got"},
		{wall.Failure{Call: "write", Data: "MY_API_TOKENS are not set\n", Withheld: []string{"API_TOKEN"}}, jail, wall.None, ""},
		{wall.Failure{Call: "write", Data: "Setting locale failed.", Withheld: []string{"LC_CTYPE", "EDITOR", "LANG"}}, jail, wall.Variable, "it speaks of the locale, and that is in LC_CTYPE, LANG of your environment, which the payload has not got"},
		{wall.Failure{Call: "write", Data: "Setting locale failed.", Withheld: []string{"EDITOR"}}, jail, wall.None, ""},
		{wall.Failure{Call: "write", Data: "Bad owner or permissions on /tmp/of-root."}, jail, wall.IDMap, "it speaks of the owner of /tmp/of-root, who is not in the jail's user namespace: stat(2) says 65534, nobody (user_namespaces(7))"},
		{wall.Failure{Call: "write", Data: "dubious ownership of '/tmp/of-you'"}, jail, wall.IDMap, "it speaks of the owner of /tmp/of-you, which is yours, and the payload is another user than you"},
		{wall.Failure{Call: "write", Data: "unable to open display \"\".", Withheld: []string{"DISPLAY"}}, jail, wall.Variable, "it has no display, and that is in DISPLAY of your environment, which the payload has not got"},
		{wall.Failure{Call: "write", Data: "unable to open display \"\".", Withheld: []string{"EDITOR"}}, jail, wall.None, ""},
		{wall.Failure{Call: "write", Data: "the display is open", Withheld: []string{"DISPLAY"}}, jail, wall.None, ""},
		{wall.Failure{Call: "write", Data: "Bad owner or permissions on /tmp/x"}, jail, wall.None, ""},
		{wall.Failure{Call: "write", Data: "cannot read /tmp/of-root"}, jail, wall.None, ""},
	} {
		if got := wall.Of(c.f, c.v); got.Wall != c.want || got.Text != c.text {
			t.Errorf("%+v:\n got %q %q\nwant %q %q", c.f, got.Wall, got.Text, c.want, c.text)
		}
	}
}

// TestExpected: what the C library, runtimes and shells look for and do without.
func TestExpected(t *testing.T) {
	v := jail
	v.host = map[string]string{"/etc/gitconfig": "/etc/gitconfig", "/sys/kernel/x": "/sys/kernel/x", "/etc/app.conf": "/etc/app.conf", "/usr/share/locale/de": "/usr/share/locale/de", "/tmp/output": "/tmp/output"}
	for _, c := range []struct {
		f    wall.Failure
		want bool
	}{
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/etc/gitconfig"}}, true},
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/sys/kernel/x"}}, true},
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/usr/share/locale/de"}}, true},
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/etc/app.conf"}}, false},
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/etc/resolv.conf"}}, true},
		{wall.Failure{Call: "openat", Errno: unix.ENXIO, Paths: []string{"/dev/tty"}, Args: [6]uint64{2: unix.O_RDWR}}, false},
		{wall.Failure{Call: "openat", Errno: unix.ENXIO, Paths: []string{"/dev/tty"}, Args: [6]uint64{2: unix.O_RDWR | unix.O_NONBLOCK}}, true},
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/sys/nowhere"}}, false},
		{wall.Failure{Call: "openat", Errno: unix.EROFS, Paths: []string{"/proc/self/task/8/comm"}, Write: true}, true},
		{wall.Failure{Call: "openat", Errno: unix.EROFS, Paths: []string{"/proc/sys/kernel/core_pattern"}, Write: true}, false},
		{wall.Failure{Call: "readlink", Errno: unix.ENOENT, Paths: []string{"/tmp/output"}}, true},
		{wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/tmp/output"}}, false},
		{wall.Failure{Call: "newfstatat", Errno: unix.ENOENT, Paths: []string{"/etc/app.conf"}}, false},
	} {
		if got := wall.Of(c.f, v); got.Expected != c.want {
			t.Errorf("%+v: %+v, want expected %v", c.f, got, c.want)
		}
	}
}
