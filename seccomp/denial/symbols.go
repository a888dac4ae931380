package denial

import (
	"strings"

	"golang.org/x/sys/unix"
)

// symbolName is a value, or a bit, with its name in the kernel's headers.
type symbolName struct {
	value uint64
	name  string
}

// symbol is the name of a value, or the value.
func symbol(v uint64, names []symbolName) string {
	for _, n := range names {
		if n.value == v&0xffffffff {
			return n.name
		}
	}
	return hex(v)
}

// flags names each bit; what has no name is a number at the end.
func flags(v uint64, names []symbolName) string {
	var list []string
	for _, n := range names {
		if v&n.value == n.value && n.value != 0 {
			list = append(list, n.name)
			v &^= n.value
		}
	}
	if v != 0 || len(list) == 0 {
		list = append(list, hex(v))
	}
	return strings.Join(list, "|")
}

func accessMode(v uint64) string {
	mode := [...]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[v&unix.O_ACCMODE]
	if rest := v &^ unix.O_ACCMODE & 0xffffffff; rest != 0 {
		return mode + "|" + flags(rest, openFlags[:])
	}
	return mode
}

func socketType(v uint64) string {
	kind := symbol(v&0xf, socketTypes[:])
	if rest := v &^ 0xf & 0xffffffff; rest != 0 {
		return kind + "|" + flags(rest, socketFlags[:])
	}
	return kind
}

func signal(v uint64) string {
	if name := unix.SignalName(unix.Signal(v)); name != "" {
		return name
	}
	return hex(v)
}

var (
	protections = [...]symbolName{
		{unix.PROT_READ, "PROT_READ"},
		{unix.PROT_WRITE, "PROT_WRITE"},
		{unix.PROT_EXEC, "PROT_EXEC"},
	}
	mapFlags = [...]symbolName{
		{unix.MAP_SHARED_VALIDATE, "MAP_SHARED_VALIDATE"},
		{unix.MAP_SHARED, "MAP_SHARED"},
		{unix.MAP_PRIVATE, "MAP_PRIVATE"},
		{unix.MAP_FIXED, "MAP_FIXED"},
		{unix.MAP_ANONYMOUS, "MAP_ANONYMOUS"},
		{unix.MAP_LOCKED, "MAP_LOCKED"},
		{unix.MAP_NORESERVE, "MAP_NORESERVE"},
		{unix.MAP_POPULATE, "MAP_POPULATE"},
		{unix.MAP_STACK, "MAP_STACK"},
		{unix.MAP_HUGETLB, "MAP_HUGETLB"},
	}
	openFlags = [...]symbolName{
		{unix.O_TMPFILE, "O_TMPFILE"},
		{unix.O_CREAT, "O_CREAT"},
		{unix.O_EXCL, "O_EXCL"},
		{unix.O_NOCTTY, "O_NOCTTY"},
		{unix.O_TRUNC, "O_TRUNC"},
		{unix.O_APPEND, "O_APPEND"},
		{unix.O_NONBLOCK, "O_NONBLOCK"},
		{unix.O_SYNC, "O_SYNC"},
		{unix.O_DIRECT, "O_DIRECT"},
		{unix.O_DIRECTORY, "O_DIRECTORY"},
		{unix.O_NOFOLLOW, "O_NOFOLLOW"},
		{unix.O_NOATIME, "O_NOATIME"},
		{unix.O_CLOEXEC, "O_CLOEXEC"},
		{unix.O_PATH, "O_PATH"},
	}
	cloneFlags = [...]symbolName{
		{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
		{unix.CLONE_NEWNS, "CLONE_NEWNS"},
		{unix.CLONE_NEWPID, "CLONE_NEWPID"},
		{unix.CLONE_NEWNET, "CLONE_NEWNET"},
		{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
		{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
		{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
		{unix.CLONE_NEWTIME, "CLONE_NEWTIME"},
		{unix.CLONE_VM, "CLONE_VM"},
		{unix.CLONE_FS, "CLONE_FS"},
		{unix.CLONE_FILES, "CLONE_FILES"},
		{unix.CLONE_SIGHAND, "CLONE_SIGHAND"},
		{unix.CLONE_VFORK, "CLONE_VFORK"},
		{unix.CLONE_PARENT, "CLONE_PARENT"},
		{unix.CLONE_PIDFD, "CLONE_PIDFD"},
		{unix.CLONE_THREAD, "CLONE_THREAD"},
		{unix.CLONE_SYSVSEM, "CLONE_SYSVSEM"},
		{unix.CLONE_SETTLS, "CLONE_SETTLS"},
		{unix.CLONE_PARENT_SETTID, "CLONE_PARENT_SETTID"},
		{unix.CLONE_CHILD_CLEARTID, "CLONE_CHILD_CLEARTID"},
		{unix.CLONE_CHILD_SETTID, "CLONE_CHILD_SETTID"},
		{unix.CLONE_IO, "CLONE_IO"},
		{uint64(unix.SIGCHLD), "SIGCHLD"},
	}
	mountFlags = [...]symbolName{
		{unix.MS_RDONLY, "MS_RDONLY"},
		{unix.MS_NOSUID, "MS_NOSUID"},
		{unix.MS_NODEV, "MS_NODEV"},
		{unix.MS_NOEXEC, "MS_NOEXEC"},
		{unix.MS_SYNCHRONOUS, "MS_SYNCHRONOUS"},
		{unix.MS_REMOUNT, "MS_REMOUNT"},
		{unix.MS_NOATIME, "MS_NOATIME"},
		{unix.MS_NODIRATIME, "MS_NODIRATIME"},
		{unix.MS_BIND, "MS_BIND"},
		{unix.MS_MOVE, "MS_MOVE"},
		{unix.MS_REC, "MS_REC"},
		{unix.MS_SILENT, "MS_SILENT"},
		{unix.MS_UNBINDABLE, "MS_UNBINDABLE"},
		{unix.MS_PRIVATE, "MS_PRIVATE"},
		{unix.MS_SLAVE, "MS_SLAVE"},
		{unix.MS_SHARED, "MS_SHARED"},
		{unix.MS_RELATIME, "MS_RELATIME"},
		{unix.MS_STRICTATIME, "MS_STRICTATIME"},
	}
	families = [...]symbolName{
		{unix.AF_UNIX, "AF_UNIX"},
		{unix.AF_INET, "AF_INET"},
		{unix.AF_INET6, "AF_INET6"},
		{unix.AF_NETLINK, "AF_NETLINK"},
		{unix.AF_PACKET, "AF_PACKET"},
		{unix.AF_ALG, "AF_ALG"},
		{unix.AF_VSOCK, "AF_VSOCK"},
		{unix.AF_BLUETOOTH, "AF_BLUETOOTH"},
		{unix.AF_CAN, "AF_CAN"},
		{unix.AF_TIPC, "AF_TIPC"},
		{unix.AF_XDP, "AF_XDP"},
		{unix.AF_KEY, "AF_KEY"},
		{unix.AF_RDS, "AF_RDS"},
		{unix.AF_KCM, "AF_KCM"},
		{unix.AF_SMC, "AF_SMC"},
		{unix.AF_QIPCRTR, "AF_QIPCRTR"},
		{unix.AF_NFC, "AF_NFC"},
		{unix.AF_X25, "AF_X25"},
		{unix.AF_AX25, "AF_AX25"},
		{unix.AF_IPX, "AF_IPX"},
		{unix.AF_APPLETALK, "AF_APPLETALK"},
	}
	socketTypes = [...]symbolName{
		{unix.SOCK_STREAM, "SOCK_STREAM"},
		{unix.SOCK_DGRAM, "SOCK_DGRAM"},
		{unix.SOCK_RAW, "SOCK_RAW"},
		{unix.SOCK_RDM, "SOCK_RDM"},
		{unix.SOCK_SEQPACKET, "SOCK_SEQPACKET"},
		{unix.SOCK_DCCP, "SOCK_DCCP"},
		{unix.SOCK_PACKET, "SOCK_PACKET"},
	}
	socketFlags = [...]symbolName{{unix.SOCK_CLOEXEC, "SOCK_CLOEXEC"}, {unix.SOCK_NONBLOCK, "SOCK_NONBLOCK"}}
	requests    = [...]symbolName{
		{unix.TIOCSTI, "TIOCSTI"}, {0x541c, "TIOCLINUX"}, {unix.TIOCCONS, "TIOCCONS"}, {unix.TIOCSETD, "TIOCSETD"},
	}
	prctls = [...]symbolName{
		{unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"},
		{unix.PR_SET_MM, "PR_SET_MM"},
		{unix.PR_SET_PTRACER, "PR_SET_PTRACER"},
		{unix.PR_SET_SECCOMP, "PR_SET_SECCOMP"},
		{unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE"},
		{unix.PR_CAPBSET_DROP, "PR_CAPBSET_DROP"},
	}
	ptraces = [...]symbolName{
		{unix.PTRACE_TRACEME, "PTRACE_TRACEME"},
		{unix.PTRACE_PEEKTEXT, "PTRACE_PEEKTEXT"},
		{unix.PTRACE_PEEKDATA, "PTRACE_PEEKDATA"},
		{unix.PTRACE_PEEKUSR, "PTRACE_PEEKUSR"},
		{unix.PTRACE_POKETEXT, "PTRACE_POKETEXT"},
		{unix.PTRACE_POKEDATA, "PTRACE_POKEDATA"},
		{unix.PTRACE_POKEUSR, "PTRACE_POKEUSR"},
		{unix.PTRACE_CONT, "PTRACE_CONT"},
		{unix.PTRACE_KILL, "PTRACE_KILL"},
		{unix.PTRACE_SINGLESTEP, "PTRACE_SINGLESTEP"},
		{unix.PTRACE_ATTACH, "PTRACE_ATTACH"},
		{unix.PTRACE_DETACH, "PTRACE_DETACH"},
		{unix.PTRACE_SYSCALL, "PTRACE_SYSCALL"},
		{unix.PTRACE_SETOPTIONS, "PTRACE_SETOPTIONS"},
		{unix.PTRACE_GETEVENTMSG, "PTRACE_GETEVENTMSG"},
		{unix.PTRACE_GETSIGINFO, "PTRACE_GETSIGINFO"},
		{unix.PTRACE_SETSIGINFO, "PTRACE_SETSIGINFO"},
		{unix.PTRACE_GETREGSET, "PTRACE_GETREGSET"},
		{unix.PTRACE_SETREGSET, "PTRACE_SETREGSET"},
		{unix.PTRACE_SEIZE, "PTRACE_SEIZE"},
		{unix.PTRACE_INTERRUPT, "PTRACE_INTERRUPT"},
		{unix.PTRACE_LISTEN, "PTRACE_LISTEN"},
		{unix.PTRACE_PEEKSIGINFO, "PTRACE_PEEKSIGINFO"},
		{unix.PTRACE_GETSIGMASK, "PTRACE_GETSIGMASK"},
		{unix.PTRACE_SETSIGMASK, "PTRACE_SETSIGMASK"},
		{unix.PTRACE_GET_SYSCALL_INFO, "PTRACE_GET_SYSCALL_INFO"},
	}
	bpfs = [...]symbolName{
		{unix.BPF_MAP_CREATE, "BPF_MAP_CREATE"},
		{unix.BPF_PROG_LOAD, "BPF_PROG_LOAD"},
		{unix.BPF_OBJ_GET, "BPF_OBJ_GET"},
		{unix.BPF_PROG_ATTACH, "BPF_PROG_ATTACH"},
		{unix.BPF_BTF_LOAD, "BPF_BTF_LOAD"},
	}
	keyctls = [...]symbolName{
		{unix.KEYCTL_GET_KEYRING_ID, "KEYCTL_GET_KEYRING_ID"},
		{unix.KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING"},
		{unix.KEYCTL_DESCRIBE, "KEYCTL_DESCRIBE"},
		{unix.KEYCTL_SEARCH, "KEYCTL_SEARCH"},
		{unix.KEYCTL_READ, "KEYCTL_READ"},
		{unix.KEYCTL_LINK, "KEYCTL_LINK"},
		{unix.KEYCTL_SETPERM, "KEYCTL_SETPERM"},
		{unix.KEYCTL_REVOKE, "KEYCTL_REVOKE"},
	}
	clocks = [...]symbolName{{unix.CLOCK_REALTIME, "CLOCK_REALTIME"}, {unix.CLOCK_MONOTONIC, "CLOCK_MONOTONIC"}, {unix.CLOCK_BOOTTIME, "CLOCK_BOOTTIME"}}
)
