package denial

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Memory reads up to n bytes of the calling process at an address; fewer where
// less can be read.
type Memory func(address uint64, n int) []byte

// arguments is what each argument of a call is, for the calls that procjail's
// policies refuse and for those that --trace-denials looks at: words of write
// below. It is no map, which would be made at every start.
var arguments = [...]struct{ name, kinds string }{
	{"add_key", "str str ptr size int"},
	{"bpf", "bpf ptr size"},
	{"chroot", "str"},
	{"clock_settime", "clock ptr"},
	{"clone", "clone ptr ptr ptr ptr"},
	{"clone3", "ptr size"},
	{"delete_module", "str hex"},
	{"fanotify_init", "hex hex"},
	{"fanotify_mark", "fd hex hex dir str"},
	{"finit_module", "fd str hex"},
	{"fsopen", "str hex"},
	{"fspick", "dir str hex"},
	{"get_mempolicy", "ptr ptr size ptr hex"},
	{"init_module", "ptr size str"},
	{"io_uring_enter", "fd int int hex ptr size"},
	{"io_uring_register", "fd int ptr int"},
	{"io_uring_setup", "int ptr"},
	{"ioctl", "fd ioctl ptr"},
	{"ioperm", "hex int int"},
	{"iopl", "int"},
	{"kcmp", "int int int int int"},
	{"kexec_load", "hex int ptr hex"},
	{"keyctl", "keyctl arg arg arg arg"},
	{"mbind", "ptr size int ptr size hex"},
	{"memfd_secret", "hex"},
	{"mount", "text str text mount ptr"},
	{"mount_setattr", "dir str hex ptr size"},
	{"move_mount", "dir str dir str hex"},
	{"name_to_handle_at", "dir str ptr ptr hex"},
	{"open_by_handle_at", "fd ptr open"},
	{"open_tree", "dir str hex"},
	{"perf_event_open", "ptr int int int hex"},
	{"personality", "hex"},
	{"pidfd_getfd", "fd fd int"},
	{"pivot_root", "str str"},
	{"prctl", "prctl arg arg arg arg"},
	{"process_vm_readv", "int ptr int ptr int int"},
	{"process_vm_writev", "int ptr int ptr int int"},
	{"ptrace", "ptrace int arg arg"},
	{"quotactl", "hex str int ptr"},
	{"reboot", "hex hex hex ptr"},
	{"request_key", "str str str int"},
	{"seccomp", "int hex ptr"},
	{"set_mempolicy", "int ptr size"},
	{"setdomainname", "str size"},
	{"sethostname", "str size"},
	{"setns", "fd clone"},
	{"settimeofday", "ptr ptr"},
	{"socket", "family type protocol"},
	{"socketpair", "family type protocol ptr"},
	{"swapoff", "str"},
	{"swapon", "str hex"},
	{"syslog", "int ptr int"},
	{"umount2", "str hex"},
	{"unshare", "clone"},
	{"userfaultfd", "hex"},

	{"access", "str hex"},
	{"bind", "fd address size"},
	{"chdir", "str"},
	{"chmod", "str mode"},
	{"chown", "str int int"},
	{"connect", "fd address size"},
	{"creat", "str mode"},
	{"execve", "str ptr ptr"},
	{"execveat", "dir str ptr ptr hex"},
	{"faccessat", "dir str hex"},
	{"faccessat2", "dir str hex hex"},
	{"fchmodat", "dir str mode"},
	{"fchownat", "dir str int int hex"},
	{"exit_group", "int"},
	{"fchown", "fd int int"},
	{"fork", ""},
	{"inotify_add_watch", "fd str hex"},
	{"inotify_init", ""},
	{"inotify_init1", "hex"},
	{"kill", "int signal"},
	{"lchown", "str int int"},
	{"link", "str str"},
	{"linkat", "dir str dir str hex"},
	{"mkdir", "str mode"},
	{"mkdirat", "dir str mode"},
	{"mknod", "str mode hex"},
	{"mknodat", "dir str mode hex"},
	{"mlock", "ptr size"},
	{"mlock2", "ptr size hex"},
	{"mlockall", "hex"},
	{"mmap", "ptr size prot map fd hex"},
	{"mremap", "ptr size size hex ptr"},
	{"open", "str open mode"},
	{"openat", "dir str open mode"},
	{"openat2", "dir str ptr size"},
	{"pipe2", "ptr hex"},
	{"rename", "str str"},
	{"renameat", "dir str dir str"},
	{"renameat2", "dir str dir str hex"},
	{"rmdir", "str"},
	{"sendto", "fd ptr size hex address size"},
	{"symlink", "text str"},
	{"symlinkat", "text dir str"},
	{"tgkill", "int int signal"},
	{"truncate", "str size"},
	{"unlink", "str"},
	{"unlinkat", "dir str hex"},
	{"vfork", ""},
	{"write", "fd data size"},
	{"stat", "str ptr"},
	{"lstat", "str ptr"},
	{"newfstatat", "dir str ptr hex"},
	{"statx", "dir str hex hex ptr"},
	{"readlink", "str ptr size"},
	{"readlinkat", "dir str ptr size"},
}

// kindsOf are the kinds of the arguments of a call.
func kindsOf(name string) (kinds []string, known bool) {
	for _, a := range arguments {
		if a.name == name {
			return strings.Fields(a.kinds), true
		}
	}
	return nil, false
}

// write is an argument in the way of its kind; size is the argument after it.
func write(kind string, v, size uint64, mem Memory) string {
	switch kind {
	case "int", "fd", "protocol":
		return strconv.Itoa(int(int32(v)))
	case "size":
		return strconv.FormatUint(v, 10)
	case "mode":
		return "0" + strconv.FormatUint(v&0xffff, 8)
	case "dir":
		return directory(v)
	case "ptr":
		return pointer(v)
	case "str", "text": // text is no path
		return text(v, mem)
	case "data":
		return data(v, size, mem)
	case "address":
		return address(v, size, mem)
	case "open":
		return accessMode(v)
	case "type":
		return socketType(v)
	case "clone":
		return flags(v, cloneFlags[:])
	case "mount":
		return flags(v, mountFlags[:])
	case "prot":
		return flags(v, protections[:])
	case "map":
		return flags(v, mapFlags[:])
	case "signal":
		return signal(v)
	case "family":
		return symbol(v, families[:])
	case "ioctl":
		return symbol(v, requests[:])
	case "prctl":
		return symbol(v, prctls[:])
	case "ptrace":
		return symbol(v, ptraces[:])
	case "bpf":
		return symbol(v, bpfs[:])
	case "keyctl":
		return symbol(v, keyctls[:])
	case "clock":
		return symbol(v, clocks[:])
	}
	return hex(v) // "hex", "arg"
}

// Text is the call in the syntax of strace(1), with what its pointers lead to
// where mem can read that and it is text or an address.
func (c Call) Text(mem Memory) string {
	name := c.Name()
	kinds, known := kindsOf(name)
	if !known {
		return name + "(...)"
	}
	var b strings.Builder
	b.WriteString(name + "(")
	for i, kind := range kinds {
		if kind == "mode" && kinds[i-1] == "open" && c.Args[i-1]&unix.O_CREAT == 0 {
			break // the kernel does not look at it
		}
		if i > 0 {
			b.WriteString(", ")
		}
		size := uint64(0)
		if i+1 < len(c.Args) {
			size = c.Args[i+1]
		}
		b.WriteString(write(kind, c.Args[i], size, mem))
	}
	b.WriteString(")")
	return b.String()
}

// Path is the n-th path that the call names, and the directory that it starts
// from; ok is whether it names one.
func (c Call) Path(n int, mem Memory) (dir int32, path string, ok bool) {
	dir = unix.AT_FDCWD
	kinds, _ := kindsOf(c.Name())
	for i, kind := range kinds {
		switch kind {
		case "dir":
			dir = int32(c.Args[i])
			continue
		case "str":
			if n--; n < 0 {
				path, ok = cString(c.Args[i], mem)
				return dir, path, ok
			}
		}
		dir = unix.AT_FDCWD
	}
	return 0, "", false
}

func hex(v uint64) string {
	if v < 10 {
		return strconv.FormatUint(v, 10)
	}
	return "0x" + strconv.FormatUint(v, 16)
}

func pointer(v uint64) string {
	if v == 0 {
		return "NULL"
	}
	return hex(v)
}

func directory(v uint64) string {
	if int32(v) == unix.AT_FDCWD {
		return "AT_FDCWD"
	}
	return strconv.Itoa(int(int32(v)))
}

// data is text of a known size.
func data(v, size uint64, mem Memory) string {
	const longest = 64
	b := mem(v, int(min(size, longest)))
	if size > longest {
		return strconv.Quote(string(b)) + "..."
	}
	return strconv.Quote(string(b))
}

// Data is what a call of write(2) writes, up to 4096 bytes.
func (c Call) Data(mem Memory) string {
	if c.Name() != "write" {
		return ""
	}
	return string(mem(c.Args[1], int(min(c.Args[2], 4096))))
}

// longestText is how much of a string is shown.
const longestText = 256

func text(v uint64, mem Memory) string {
	if v == 0 {
		return "NULL"
	}
	s, ok := cString(v, mem)
	switch {
	case !ok:
		return hex(v)
	case len(s) > longestText:
		return strconv.Quote(s[:longestText]) + "..."
	}
	return strconv.Quote(s)
}

// cString is the string at an address, up to PATH_MAX.
func cString(v uint64, mem Memory) (string, bool) {
	b := mem(v, unix.PathMax)
	end := strings.IndexByte(string(b), 0)
	if end < 0 {
		return string(b), len(b) == unix.PathMax
	}
	return string(b[:end]), true
}

// address is a struct sockaddr of that many bytes: ip(7), ipv6(7), unix(7).
func address(v, size uint64, mem Memory) string {
	if v == 0 {
		return "NULL"
	}
	b := mem(v, int(min(size, 128)))
	if len(b) < 2 {
		return hex(v)
	}
	family := uint64(binary.NativeEndian.Uint16(b))
	switch {
	case family == unix.AF_UNIX:
		path := string(b[2:])
		if strings.HasPrefix(path, "\x00") {
			return strconv.Quote("@" + path[1:])
		}
		if end := strings.IndexByte(path, 0); end >= 0 {
			path = path[:end]
		}
		return strconv.Quote(path)
	default:
		if a, ok := Internet(b); ok {
			return a.String()
		}
	}
	return "{" + symbol(family, families[:]) + "}"
}

// Internet is the address in a struct sockaddr_in or sockaddr_in6.
func Internet(b []byte) (a netip.AddrPort, ok bool) {
	if len(b) < 8 {
		return a, false
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port), true
	case family == unix.AF_INET6 && len(b) >= 24:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port), true
	}
	return a, false
}

// Writes reports whether the call would change a file or a directory: of openat2(2),
// whose flags are in memory, that is not known.
func (c Call) Writes() bool {
	const changing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC
	switch name := c.Name(); name {
	case "open":
		return c.Args[1]&changing != 0
	case "openat":
		return c.Args[2]&changing != 0
	case "access":
		return c.Args[1]&unix.W_OK != 0
	case "faccessat", "faccessat2":
		return c.Args[2]&unix.W_OK != 0
	case "execve", "execveat", "stat", "lstat", "newfstatat", "statx", "readlink", "readlinkat", "chdir", "connect", "sendto", "openat2":
		return false
	}
	return true
}

// Address is the socket address that the call names, as Text writes it; empty: none.
func (c Call) Address(mem Memory) string {
	kinds, _ := kindsOf(c.Name())
	for i, kind := range kinds {
		if kind == "address" && c.Args[i] != 0 && i+1 < len(c.Args) {
			a := address(c.Args[i], c.Args[i+1], mem)
			if s, err := strconv.Unquote(a); err == nil {
				return s
			}
			return a
		}
	}
	return ""
}

// IDs are the user and the group that a call of chown(2)'s family would give.
func (c Call) IDs() []uint32 {
	switch c.Name() {
	case "chown", "lchown":
		return []uint32{uint32(c.Args[1]), uint32(c.Args[2])}
	case "fchown":
		return []uint32{uint32(c.Args[1]), uint32(c.Args[2])}
	case "fchownat":
		return []uint32{uint32(c.Args[2]), uint32(c.Args[3])}
	}
	return nil
}
