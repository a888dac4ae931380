package wall

import (
	"net/netip"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// privileged are calls that take a capability, and its number: capabilities(7).
var privileged = []struct {
	calls        []string
	capability   uint
	text, remedy string
}{
	{[]string{"chown", "lchown", "fchown", "fchownat"}, unix.CAP_CHOWN, "to give a file to another id takes CAP_CHOWN, which the payload does not have", ""},
	{[]string{"mknod", "mknodat"}, onHost, "to make a device takes CAP_MKNOD on the host (mknod(2)): no jail has that", ""},
	{[]string{"mount", "umount2"}, unix.CAP_SYS_ADMIN, "it takes CAP_SYS_ADMIN, which the payload does not have", "--ro, --rw and --tmpfs mount before the start; a program that makes a user namespace first needs -p build"},
}

const onHost = 64 // no process inside has it

// refused is for EACCES and EPERM, behind which are the permission bits, Landlock,
// a mount that executes nothing, and capabilities.
func refused(f Failure, v View) Met {
	for _, p := range privileged {
		if slices.Contains(p.calls, f.Call) && f.Errno == unix.EPERM && !v.Capable(p.capability) {
			return Met{Wall: Capability, Inferred: true, Text: p.text, Remedy: p.remedy}
		}
	}
	switch f.Call {
	case "socket":
		return rawSocket(f, v)
	case "bind":
		if a, err := netip.ParseAddrPort(f.Address); err == nil {
			return lowPort(a.Port(), v)
		}
	case "mlock", "mlock2", "mlockall":
		if v.Limit("Max locked memory") == 0 && f.Errno == unix.EPERM {
			if m := lowered(memlock, v); m.Wall != None {
				return m
			}
			return Met{Wall: Limit, Text: "it may lock no memory at all: its RLIMIT_MEMLOCK, which a jail inherits, is 0 (mlock(2))", Remedy: "ulimit -l before procjail"}
		}
	case "mmap":
		name, _ := v.Descriptor(int(int32(f.Args[4])))
		if m := v.MountOf(name); f.Args[2]&unix.PROT_EXEC != 0 && name != "" && m.has("noexec") {
			return Met{Wall: NoExec, Text: name + " is on the mount " + m.Point + ", which executes nothing (noexec)", Remedy: "another place for the program"}
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
	case v.HasLandlock() && f.Errno == unix.EACCES && landlocked(f): // reading is allowed everywhere
		return Met{Wall: Landlock, Inferred: true, Text: "the permission bits and the mount allow it: Landlock lets nothing be written but beneath the writable mounts", Remedy: "--rw or --tmpfs for what it writes to"}
	}
	return Met{}
}

// landlocked reports whether a call is one that Landlock may refuse beneath a directory
// in which it lets files be read: landlock(7).
func landlocked(f Failure) bool {
	return makes(f.Call) || f.Write && slices.Contains([]string{"open", "openat", "openat2", "creat", "truncate"}, f.Call)
}

// lowPort is for a port that takes a capability: ip(7).
func lowPort(port uint16, v View) Met {
	if port == 0 || port >= 1024 || v.Capable(unix.CAP_NET_BIND_SERVICE) {
		return Met{}
	}
	return Met{
		Wall: Capability, Inferred: true, Text: "a port below 1024 takes CAP_NET_BIND_SERVICE, which the payload does not have",
		Remedy: "--cap-add CAP_NET_BIND_SERVICE, which holds for the network of --net none",
	}
}

// rawSocket is for those that the policy lets be made: raw(7), icmp(7).
func rawSocket(f Failure, v View) Met {
	const kinds = 0xf
	if v.Capable(unix.CAP_NET_RAW) {
		return Met{}
	}
	switch kind := f.Args[1] & kinds; {
	case kind == unix.SOCK_RAW:
		return Met{Wall: Capability, Text: "a raw socket takes CAP_NET_RAW (raw(7)), which the payload does not have", Remedy: "--cap-add CAP_NET_RAW, which holds for the network of --net none"}
	case kind == unix.SOCK_DGRAM && (f.Args[2] == unix.IPPROTO_ICMP || f.Args[2] == unix.IPPROTO_ICMPV6):
		return Met{Wall: Capability, Text: "net.ipv4.ping_group_range of its network has no group of the payload's (icmp(7)), and a raw socket takes CAP_NET_RAW", Remedy: "--cap-add CAP_NET_RAW, for a program that goes on with a raw socket"}
	}
	return Met{}
}

// walk looks at each directory on the way and at the file. seen is whether the caller
// could look at all of them.
func walk(f Failure, v View, p string) (m Met, refused, seen bool) {
	if m := v.MountOf(p); executes(f) && m.has("noexec") {
		return Met{Wall: NoExec, Text: p + " is on the mount " + m.Point + ", which executes nothing (noexec)", Remedy: "another place for the program"}, true, true
	}
	for _, dir := range ancestors(p) {
		in := v.Inside(dir)
		if !in.Known || !in.Exists {
			return Met{}, false, in.Known
		}
		if !may(in, v, search) {
			return byMode(dir, "may not be searched", in, v, search), true, true
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
		return byMode(p, "may not be given another mode", in, v, owner), true, true
	case executes(f):
		if in.Exists && !may(in, v, execute) {
			return byMode(p, "may not be executed", in, v, execute), true, true
		}
	case makes(f.Call) || !in.Exists:
		dir := path.Dir(p)
		if d := v.Inside(dir); d.Known && d.Exists && !may(d, v, write|search) {
			return byMode(dir, "may not be written in", d, v, write|search), true, true
		}
	case f.Write || f.Call == "connect": // unix(7)
		if !may(in, v, write) {
			return byMode(p, "may not be written", in, v, write), true, true
		}
	default:
		if !may(in, v, read) {
			return byMode(p, "may not be read", in, v, read), true, true
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

// What permission bits give, and to be the owner.
const search, execute, write, read, owner = 1, 1, 2, 4, 8

// byMode tells what the jail's ids are to blame for from what you could not do
// either.
func byMode(p, what string, in Seen, v View, want uint32) Met {
	const digits = "01234567"
	m := in.Mode & 0o777
	bits := " (mode 0" + string([]byte{digits[m>>6], digits[m>>3&7], digits[m&7]}) + ")"
	uid, _ := v.Ids()
	you, groups := v.You()
	switch {
	case in.UID == uid:
		return Met{Wall: Program, Inferred: true, Text: p + " " + what + " by its own owner" + bits}
	case !permitted(in, you, groups, want):
		return Met{Wall: Program, Inferred: true, Text: p + " " + what + " by the payload's id, nor by yours" + bits}
	case uid == you:
		return Met{Wall: Mode, Inferred: true, Text: p + " " + what + " without a group of yours that the payload is not in" + bits, Remedy: "a mode that lets others"}
	}
	return Met{Wall: Mode, Inferred: true, Text: p + " " + what + " by the payload's id" + bits, Remedy: "--id self, where the payload is you, or a mode that lets others"}
}

// may reports whether the permission bits let the payload.
func may(in Seen, v View, want uint32) bool {
	uid, gids := v.Ids()
	return permitted(in, uid, gids, want)
}

// permitted reads the bits for a user: path_resolution(7).
func permitted(in Seen, uid uint32, gids []uint32, want uint32) bool {
	bits := in.Mode & 7
	switch {
	case uid == 0:
		return true
	case in.UID == uid:
		bits = in.Mode>>6&7 | owner
	case slices.Contains(gids, in.GID):
		bits = in.Mode >> 3 & 7
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
