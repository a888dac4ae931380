package denial

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Meaning is what a payload gains by calls of that kind, for who thinks of
// allowing them.
func (d *Denial) Meaning() string {
	if d.Call.foreign() {
		return "the kernel's entries for another ABI, whose calls procjail's filters do not tell apart"
	}
	for _, m := range meanings {
		if slices.Contains(m.names, d.Name) {
			return m.means
		}
	}
	return "a call that the policy does not know"
}

// Nested is whether the call is for who makes namespaces of its own: where none may
// be made, the policy's leave alone is worth nothing.
func (d *Denial) Nested() bool {
	return !d.Call.foreign() && slices.ContainsFunc(meanings[:3], func(m meaning) bool { return slices.Contains(m.names, d.Name) })
}

// Vain is why such a call fails for every payload of a jail, also where the policy
// allows it; empty: it need not.
func (d *Denial) Vain() string {
	if !d.Call.foreign() && slices.Contains(machine, d.Name) {
		return "it takes a capability over the whole machine (capabilities(7)), which no jail has"
	}
	return ""
}

// machine are calls that ask for a capability in the first user namespace.
var machine = []string{
	"acct", "clock_settime", "delete_module", "finit_module", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load", "settimeofday", "swapoff", "swapon", "vhangup",
}

// Capability is what such a call takes besides the policy's leave; empty: none that
// is known of.
func (d *Denial) Capability() string {
	if d.Name == "socket" && !d.Call.foreign() && d.Call.Args[0] == unix.AF_PACKET {
		return "CAP_NET_RAW" // packet(7)
	}
	return ""
}

type meaning struct {
	means string
	names []string
}

// meanings are of the calls that procjail's policies refuse. The first three are for
// who makes namespaces.
var meanings = [...]meaning{
	{"a user namespace, and in it every capability over what is made there: most local privilege escalations of recent years began so", []string{
		"clone", "clone3", "unshare", "setns", "listns",
	}},
	{"mounts of its own, in a user namespace of its own", []string{
		"chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree", "open_tree_attr", "pivot_root", "umount2",
	}},
	{"another host name, in a user namespace of its own", []string{"setdomainname", "sethostname"}},
	{"reading and changing the memory of other processes in the jail, and more of the kernel to attack", []string{
		"kcmp", "pidfd_getfd", "process_madvise", "process_mrelease", "process_vm_readv", "process_vm_writev", "ptrace",
	}},
	{"a large and often broken part of the kernel; its requests pass no seccomp filter", []string{
		"io_uring_enter", "io_uring_register", "io_uring_setup",
	}},
	{"the kernel's key store, which namespaces do not divide", []string{"add_key", "keyctl", "request_key"}},
	{"programs in the kernel", []string{"bpf"}},
	{"performance counters, by which other processes can be watched", []string{"perf_event_open"}},
	{"holding the kernel up in the middle of a copy, which makes its races easy to win", []string{"userfaultfd"}},
	{"files by number instead of by path, past every check of the path", []string{"lookup_dcookie", "name_to_handle_at", "open_by_handle_at"}},
	{"seeing and moving where memory lies", []string{
		"get_mempolicy", "mbind", "migrate_pages", "move_pages", "set_mempolicy", "set_mempolicy_home_node",
	}},
	{"a second listener above this one", []string{"seccomp"}},
	{"typing into a terminal, or another of its disciplines", []string{"ioctl"}},
	{"sockets of a protocol that few programs need and few have tested", []string{"socket", "socketpair"}},
	{"older or weaker rules for the program's memory", []string{"personality", "modify_ldt"}},
	{"watching every file access", []string{"fanotify_init", "fanotify_mark"}},
	{"memory that the kernel itself cannot read", []string{"memfd_secret"}},
	{"the administration of the machine, for which the payload has no capability either", []string{
		"acct", "adjtimex", "clock_adjtime", "clock_settime", "delete_module", "finit_module", "init_module", "ioperm", "iopl", "kexec_file_load",
		"kexec_load", "quotactl", "quotactl_fd", "reboot", "settimeofday", "swapoff", "swapon", "syslog", "vhangup", "lsm_list_modules", "lsm_set_self_attr",
	}},
	{"a parent's death passes it by", []string{"prctl"}},
	{"a call that kernels no longer have", []string{
		"_sysctl", "afs_syscall", "create_module", "epoll_ctl_old", "epoll_wait_old", "get_kernel_syms", "get_thread_area", "getpmsg", "nfsservctl",
		"putpmsg", "query_module", "security", "set_thread_area", "sysfs", "tuxcall", "uselib", "ustat", "vserver",
	}},
}
