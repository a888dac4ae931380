package main

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// around is the condition that a filter of seccomp(2) around procjail answers one call
// with an errno.
func around(name string, call int, errno unix.Errno) condition {
	return condition{"a filter: " + name + " gets " + unix.ErrnoName(errno), filter(call, unix.SECCOMP_RET_ERRNO|uint32(errno)), self, "seccomp-outer", unix.ErrnoName(errno) + ` to ` + name, bare}
}

// kills is the same of a filter that kills for it.
func kills(name string, call int) condition {
	return condition{"a filter: " + name + " is killed", filter(call, unix.SECCOMP_RET_KILL_PROCESS), self, "seccomp-outer-kills", name, bare}
}

func with(c condition, args ...string) condition {
	c.args = args
	return c
}

// saying is for what is refused in other words where it is asked for by an option.
func saying(c condition, says string) condition {
	c.says = says
	return c
}

// filters are conditions of filters of seccomp(2) around procjail: the errno says
// nothing of them, and has other causes.
var filters = []condition{
	around("clone3", unix.SYS_CLONE3, unix.EPERM),
	around("clone3", unix.SYS_CLONE3, unix.ENOSYS),
	around("clone3", unix.SYS_CLONE3, unix.EAGAIN),
	around("clone3", unix.SYS_CLONE3, unix.ENOSPC),
	around("clone3", unix.SYS_CLONE3, unix.EINVAL),
	around("unshare", unix.SYS_UNSHARE, unix.EPERM),
	around("unshare", unix.SYS_UNSHARE, unix.ENOSPC),
	around("mount_setattr", unix.SYS_MOUNT_SETATTR, unix.ENOSYS),
	around("fsopen", unix.SYS_FSOPEN, unix.EPERM),
	around("fsconfig", unix.SYS_FSCONFIG, unix.EINVAL),
	around("fsmount", unix.SYS_FSMOUNT, unix.EPERM),
	around("open_tree", unix.SYS_OPEN_TREE, unix.ENOSYS),
	around("open_tree", unix.SYS_OPEN_TREE, unix.ENOENT),
	around("move_mount", unix.SYS_MOVE_MOUNT, unix.EPERM),
	around("move_mount", unix.SYS_MOVE_MOUNT, unix.ENOSPC),
	around("pivot_root", unix.SYS_PIVOT_ROOT, unix.EPERM),
	around("umount2", unix.SYS_UMOUNT2, unix.EPERM),
	around("pidfd_open", unix.SYS_PIDFD_OPEN, unix.ENOSYS),
	around("close_range", unix.SYS_CLOSE_RANGE, unix.ENOSYS),
	saying(around("seccomp", unix.SYS_SECCOMP, unix.EPERM), `EPERM to seccomp|under a filter .* refuses it one`),
	around("landlock_restrict_self", unix.SYS_LANDLOCK_RESTRICT_SELF, unix.EPERM),
	around("landlock_restrict_self", unix.SYS_LANDLOCK_RESTRICT_SELF, unix.E2BIG),
	around("keyctl", unix.SYS_KEYCTL, unix.EPERM),
	around("keyctl", unix.SYS_KEYCTL, unix.EDQUOT),
	around("capset", unix.SYS_CAPSET, unix.EPERM),
	around("prctl", unix.SYS_PRCTL, unix.EPERM),
	around("sethostname", unix.SYS_SETHOSTNAME, unix.EPERM),
	around("eventfd2", unix.SYS_EVENTFD2, unix.EMFILE),
	around("setsid", unix.SYS_SETSID, unix.EPERM),
	around("chdir", unix.SYS_CHDIR, unix.ENOENT),
	around("execve", unix.SYS_EXECVE, unix.EACCES),
	around("execve", unix.SYS_EXECVE, unix.E2BIG),
	around("prlimit64", unix.SYS_PRLIMIT64, unix.EPERM),
	around("socket", unix.SYS_SOCKET, unix.EAFNOSUPPORT),
	with(around("mkdirat", unix.SYS_MKDIRAT, unix.ENOSPC), overlay...),
	with(around("mkdirat", unix.SYS_MKDIRAT, unix.EDQUOT), overlay...),
	with(around("openat2", unix.SYS_OPENAT2, unix.ENOENT), "--id", "self", "--tmpfs", "/usr/share", "true"),
	kills("unshare", unix.SYS_UNSHARE),
	kills("open_tree", unix.SYS_OPEN_TREE),
	kills("keyctl", unix.SYS_KEYCTL),
	kills("landlock_restrict_self", unix.SYS_LANDLOCK_RESTRICT_SELF),
	kills("pivot_root", unix.SYS_PIVOT_ROOT),
}

// allows is a filter that lets everything through but a number that is no call.
var allows = filter(9000, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))

// pairs are conditions with a second one that is innocent.
var pairs = []condition{
	{"a chroot, behind a filter", both(changeRoot("/root"), allows), self, "userns-chroot", `chroot`, mapped},
	{"a chroot, and no core", both(changeRoot("/root"), limit(unix.RLIMIT_CORE, 0)), self, "userns-chroot", `chroot`, mapped},
	{"a filter: clone3 gets EPERM, in a chroot", both(changeRoot("/root"), filter(unix.SYS_CLONE3, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))), self, "seccomp-outer", `clone3`, mapped},
	{"a masked /proc, behind a filter", both(mountTmpfs("/proc/acpi", 0), allows), self, plan.ProcMasked, `/proc/acpi`, mapped},
	{"a masked /proc, and no subordinate ids", both(mountTmpfs("/proc/acpi", 0), subids("")), []string{"true"}, plan.ProcMasked, `/proc/acpi`, root},
	{"a masked /proc, and no new network namespace wanted", both(mountTmpfs("/proc/acpi", 0), write("/proc/sys/user/max_net_namespaces", "0")), []string{"--id", "self", "--net", "host", "true"}, plan.ProcMasked, `/proc/acpi`, mapped},
	{"a filter: fsmount gets EPERM, and a masked /proc", both(mountTmpfs("/proc/acpi", 0), filter(unix.SYS_FSMOUNT, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))), self, "seccomp-outer", `fsmount`, mapped},
	{"max_user_namespaces 0, behind a filter", both(write("/proc/sys/user/max_user_namespaces", "0"), allows), self, "namespaces-off", `max_user_namespaces`, mapped},
	{"max_user_namespaces 0, and a layer of Landlock", both(write("/proc/sys/user/max_user_namespaces", "0"), layers(1, 1, unix.LANDLOCK_ACCESS_NET_BIND_TCP)), self, "namespaces-off", `max_user_namespaces`, mapped},
	{"a filter: clone3 gets ENOSPC, and max_time_namespaces 1", both(write("/proc/sys/user/max_time_namespaces", "1"), filter(unix.SYS_CLONE3, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSPC))), self, "seccomp-outer", `clone3`, mapped},
	{"a filter: unshare gets EPERM, and max_net_namespaces 1", both(write("/proc/sys/user/max_net_namespaces", "1"), filter(unix.SYS_UNSHARE, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))), self, "seccomp-outer", `unshare`, mapped},
	{"a noexec mount, and a script without an interpreter", both(mountTmpfs("/mnt", unix.MS_NOEXEC), file("/mnt/program", "#!/nowhere/sh\n", 0o755)), []string{"--id", "self", "/mnt/program"}, "exec-noexec", `/mnt`, mapped},
	{"a script without its interpreter, behind a filter", both(file("DIR/program", "#!/nowhere/sh\n", 0o755), allows), []string{"--id", "self", "DIR/program"}, "exec-interpreter", `/nowhere/sh`, bare},
	{"a script without its interpreter, with the line ends of DOS", file("DIR/program", "#!/nowhere/sh\r\n", 0o755), []string{"DIR/program"}, "exec-line-ends", `/nowhere/sh`, bare},
	{"a program being written, for another machine", both(file("DIR/program", elf, 0o755), writing("DIR/program")), []string{"DIR/program"}, "exec-busy", `DIR/program`, bare},
	{"a program for another machine, behind a filter", both(file("DIR/program", elf, 0o755), allows), []string{"--id", "self", "DIR/program"}, "exec-machine", `RISC-V|243|another`, bare},
	{"a filter: execve gets EACCES, and a program of one's own", both(file("DIR/program", "#!/bin/sh\n", 0o700), filter(unix.SYS_EXECVE, unix.SECCOMP_RET_ERRNO|uint32(unix.EACCES))), []string{"--id", "self", "DIR/program"}, "seccomp-outer", `execve`, bare},
	{"a working directory that is not there, and few descriptors", limit(unix.RLIMIT_NOFILE, 64), []string{"--id", "self", "-w", "/nowhere", "true"}, "workdir-missing", `/nowhere`, bare},
	{"few descriptors, behind a filter", both(limit(unix.RLIMIT_NOFILE, 12), allows), self, "nofile", `RLIMIT_NOFILE`, bare},
	{"a filter: eventfd2 gets EMFILE, and 64 descriptors", both(limit(unix.RLIMIT_NOFILE, 64), filter(unix.SYS_EVENTFD2, unix.SECCOMP_RET_ERRNO|uint32(unix.EMFILE))), self, "seccomp-outer", `eventfd2`, bare},
	{"a read-only state directory, with no inode left", both(fewInodes, remount("DIR", unix.MS_RDONLY)), overlay, "fs-readonly", `read-only`, mapped},
	{"a full state directory, and it is not wanted", both(fewInodes, mountTmpfs("/proc/acpi", 0)), self, plan.ProcMasked, `/proc/acpi`, mapped},
	{"Landlock's rules for files, behind a filter", both(layers(1, 0, unix.LANDLOCK_ACCESS_FS_MAKE_CHAR), allows), self, "mount-security-module", `Landlock`, bare},
	{"a filter: move_mount gets EPERM, and a layer of Landlock", both(layers(1, 1, unix.LANDLOCK_ACCESS_NET_BIND_TCP), filter(unix.SYS_MOVE_MOUNT, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))), self, "seccomp-outer", `move_mount`, bare},
	{"16 layers of Landlock, behind a filter", both(layers(16, 1, unix.LANDLOCK_ACCESS_NET_BIND_TCP), allows), self, "landlock-layers", `Landlock`, bare},
	{"no_new_privs, and subordinate ids of others", both(subids("somebody:1:1\n"), noNewPrivs), subid, "", `no subordinate user ids`, root},
	{"as many mounts as there may be, and no_new_privs", both(fullOfMounts, noNewPrivs), self, "mount-max", `fs.mount-max`, mapped},

	// The last: the kernel frees keys some time after their end.
	{"a full quota of keys", manyKeys, self, "keys-quota", `keys`, bare},
}
