package wall

import (
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// privileged are calls that a capability allows whoever owns the file, or anybody:
// capabilities(7).
var privileged = []struct{ call, capability string }{
	{"chown", "CAP_CHOWN"},
	{"lchown", "CAP_CHOWN"},
	{"fchownat", "CAP_CHOWN"},
	{"mknod", "CAP_MKNOD"},
	{"mknodat", "CAP_MKNOD"},
	{"bind", "CAP_NET_BIND_SERVICE"},
}

// refused is for EACCES and EPERM, behind which are the permission bits, Landlock,
// a mount that executes nothing, and capabilities.
func refused(f Failure, v View) Met {
	for _, p := range privileged {
		if f.Call == p.call && (f.Errno == unix.EPERM || f.Call == "bind") {
			return Met{
				Wall: Capability, Inferred: true, Text: "it takes " + p.capability + ", and the payload has no capability",
				Remedy: "--cap-add " + p.capability + ", which holds for what is the jail's own",
			}
		}
	}
	for _, p := range f.Paths {
		if m, refused := walk(f, v, p); refused {
			return m
		}
	}
	if v.HasLandlock() && len(f.Paths) > 0 && f.Errno == unix.EACCES {
		return Met{Wall: Landlock, Inferred: true, Text: "the permission bits and the mount allow it: Landlock lets nothing be written but beneath the writable mounts", Remedy: "--rw or --tmpfs for what it writes to"}
	}
	return Met{}
}

// walk looks at each directory on the way and at the file.
func walk(f Failure, v View, p string) (Met, bool) {
	const search, execute, read, write = 1, 1, 4, 2
	if m := v.MountOf(p); (f.Call == "execve" || f.Call == "execveat") && m.has("noexec") {
		return Met{Wall: NoExec, Text: p + " is on the mount " + m.Point + ", which executes nothing (noexec)", Remedy: "another place for the program"}, true
	}
	for _, dir := range ancestors(p) {
		in := v.Inside(dir)
		if !in.Known || !in.Exists {
			return Met{}, false
		}
		if !may(in, v, search) {
			return byMode(dir, "may not be searched", in), true
		}
	}
	in := v.Inside(p)
	if !in.Known {
		return Met{}, false
	}
	switch {
	case f.Call == "chmod" || f.Call == "fchmodat" || f.Call == "utimensat":
		return byMode(p, "belongs to somebody else", in), true
	case f.Call == "execve" || f.Call == "execveat":
		if in.Exists && !may(in, v, execute) {
			return byMode(p, "may not be executed", in), true
		}
	case makes(f.Call) || !in.Exists:
		dir := path.Dir(p)
		if d := v.Inside(dir); d.Known && d.Exists && !may(d, v, write|search) {
			return byMode(dir, "may not be written in", d), true
		}
	case f.Write:
		if !may(in, v, write) {
			return byMode(p, "may not be written", in), true
		}
	default:
		if !may(in, v, read) {
			return byMode(p, "may not be read", in), true
		}
	}
	return Met{}, false
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
