package wall

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// privileged are calls that take a capability: capabilities(7).
var privileged = []struct{ call, text, remedy string }{
	{"chown", chowning, ""},
	{"lchown", chowning, ""},
	{"fchownat", chowning, ""},
	{"mknod", making, ""},
	{"mknodat", making, ""},
	{"bind", "a port below 1024 takes CAP_NET_BIND_SERVICE, and the payload has no capability", "--cap-add CAP_NET_BIND_SERVICE, which holds for the network of --net none"},
}

const (
	chowning = "to give a file to another id takes CAP_CHOWN, and the payload has no capability"
	making   = "to make a device takes CAP_MKNOD on the host (mknod(2)): no jail has that"
)

// refused is for EACCES and EPERM, behind which are the permission bits, Landlock,
// a mount that executes nothing, and capabilities.
func refused(f Failure, v View) Met {
	for _, p := range privileged {
		if f.Call == p.call && (f.Errno == unix.EPERM || f.Call == "bind" && !strings.HasPrefix(f.Address, "/")) {
			return Met{Wall: Capability, Inferred: true, Text: p.text, Remedy: p.remedy}
		}
	}
	known := true
	for _, p := range f.Paths {
		m, refused, seen := walk(f, v, p)
		if refused {
			return m
		}
		known = known && seen
	}
	switch {
	case len(f.Paths) == 0:
		return Met{}
	case !known:
		return Met{Wall: Unknown, Text: "you may not look there yourself: permission bits, or Landlock"}
	case v.HasLandlock() && f.Errno == unix.EACCES:
		return Met{Wall: Landlock, Inferred: true, Text: "the permission bits and the mount allow it: Landlock lets nothing be written but beneath the writable mounts", Remedy: "--rw or --tmpfs for what it writes to"}
	}
	return Met{}
}

// walk looks at each directory on the way and at the file. seen is whether the caller
// could look at all of them.
func walk(f Failure, v View, p string) (m Met, refused, seen bool) {
	const search, execute, read, write = 1, 1, 4, 2
	if m := v.MountOf(p); (f.Call == "execve" || f.Call == "execveat") && m.has("noexec") {
		return Met{Wall: NoExec, Text: p + " is on the mount " + m.Point + ", which executes nothing (noexec)", Remedy: "another place for the program"}, true, true
	}
	for _, dir := range ancestors(p) {
		in := v.Inside(dir)
		if !in.Known || !in.Exists {
			return Met{}, false, in.Known
		}
		if !may(in, v, search) {
			return byMode(dir, "may not be searched", in), true, true
		}
	}
	in := v.Inside(p)
	if !in.Known {
		return Met{}, false, false
	}
	switch {
	case f.Call == "chmod" || f.Call == "fchmodat":
		if uid, _ := v.Ids(); in.UID == uid {
			return Met{}, false, true
		}
		return byMode(p, "belongs to somebody else", in), true, true
	case f.Call == "execve" || f.Call == "execveat":
		if in.Exists && !may(in, v, execute) {
			return byMode(p, "may not be executed", in), true, true
		}
	case makes(f.Call) || !in.Exists:
		dir := path.Dir(p)
		if d := v.Inside(dir); d.Known && d.Exists && !may(d, v, write|search) {
			return byMode(dir, "may not be written in", d), true, true
		}
	case f.Write:
		if !may(in, v, write) {
			return byMode(p, "may not be written", in), true, true
		}
	default:
		if !may(in, v, read) {
			return byMode(p, "may not be read", in), true, true
		}
	}
	return Met{}, false, true
}

// makes is whether a call changes a directory.
func makes(call string) bool {
	return slices.Contains([]string{
		"mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat",
	}, call)
}

func byMode(p, what string, in Seen) Met {
	const digits = "01234567"
	m := in.Mode & 0o777
	bits := "0" + string([]byte{digits[m>>6], digits[m>>3&7], digits[m&7]})
	return Met{
		Wall: Mode, Inferred: true, Text: p + " " + what + " by the payload's id (mode " + bits + ")",
		Remedy: "--id self, where the payload is you, or a mode that lets others",
	}
}

// may reports whether the permission bits let the payload: path_resolution(7).
func may(in Seen, v View, want uint32) bool {
	uid, gids := v.Ids()
	bits := in.Mode
	switch {
	case in.UID == uid:
		bits >>= 6
	case slices.Contains(gids, in.GID):
		bits >>= 3
	}
	return bits&want == want
}

// ancestors are the directories above a path, the root first.
func ancestors(p string) []string {
	var list []string
	for p != "/" && p != "." {
		p = path.Dir(p)
		list = append(list, p)
	}
	slices.Reverse(list)
	return list
}
