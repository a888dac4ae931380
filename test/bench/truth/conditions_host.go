package main

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/test/badhost"
)

var self = []string{"--id", "self", "true"}

// namespaces are conditions in which there is none to be had, or no proc.
var namespaces = []condition{
	{"max_user_namespaces 0", write("/proc/sys/user/max_user_namespaces", "0"), self, "namespaces-off", `max_user_namespaces`, mapped},
	{"max_mnt_namespaces 0", write("/proc/sys/user/max_mnt_namespaces", "0"), self, "namespaces-off", `max_mnt_namespaces`, mapped},
	{"max_net_namespaces 0", write("/proc/sys/user/max_net_namespaces", "0"), self, "namespaces-off", `max_net_namespaces`, mapped},
	{"max_pid_namespaces 0", write("/proc/sys/user/max_pid_namespaces", "0"), self, "namespaces-off", `max_pid_namespaces`, mapped},
	{"max_ipc_namespaces 0", write("/proc/sys/user/max_ipc_namespaces", "0"), self, "namespaces-off", `max_ipc_namespaces`, mapped},
	{"max_uts_namespaces 0", write("/proc/sys/user/max_uts_namespaces", "0"), self, "namespaces-off", `max_uts_namespaces`, mapped},
	{"max_cgroup_namespaces 0", write("/proc/sys/user/max_cgroup_namespaces", "0"), self, "namespaces-off", `max_cgroup_namespaces`, mapped},
	{"max_time_namespaces 0", write("/proc/sys/user/max_time_namespaces", "0"), self, "namespaces-off", `max_time_namespaces`, mapped},
	{"max_net_namespaces 1, and one is in use", both(sleeping(unix.CLONE_NEWNET), write("/proc/sys/user/max_net_namespaces", "1")), self, "namespaces-full-above", `max_net_namespaces of this user namespace, where it is 1`, mapped},
	{"max_ipc_namespaces 1, and one is in use", both(sleeping(unix.CLONE_NEWIPC), write("/proc/sys/user/max_ipc_namespaces", "1")), self, "namespaces-full-above", `max_ipc_namespaces of this user namespace, where it is 1`, mapped},
	{"max_net_namespaces 0 further out", both(write("/proc/sys/user/max_net_namespaces", "0"), through("exec unshare --user --map-current-user \"$@\"")), self, "namespaces-full-above", `net namespace`, mapped},
	{"user namespaces as deep as they go", through(deepest), self, "namespaces-full-above", `nested`, mapped},
	{"pid namespaces as deep as they go", through(deepestPID), self, "pid-nesting", `32`, mapped},
	{"an id that is not mapped", through("exec unshare --user \"$@\""), self, "userns-id-unmapped", `does not map`, mapped},
	{"a chroot", changeRoot("/root"), self, "userns-chroot", `chroot`, mapped},
	{"a chroot into the root of a mount", changeRoot(""), self, "userns-chroot", `chroot`, mapped},
	{"no /proc", mountTmpfs("/proc", 0), []string{"--id", "self", "--net", "host", "true"}, "proc-missing", `/proc`, mapped},
	{"a read-only /proc", remount("/proc", unix.MS_RDONLY), self, "proc-readonly", `/proc`, mapped},
	{"a /proc with something on it", mountTmpfs("/proc/acpi", 0), self, plan.ProcMasked, `/proc/acpi`, mapped},
	{"a /proc with a file of it covered", show("/proc/version", "", 0o444), self, plan.ProcMasked, `/proc/version`, mapped},
	{"a /proc with something on it, and its dry run", mountTmpfs("/proc/acpi", 0), []string{"--dry-run", "--id", "self", "true"}, "", `/proc/acpi`, mapped},
	{"a procjail that may not be read", unreadable, self, "undumpable", `may not be read`, bare},
	{"Landlock's rules for files", layers(1, 0, unix.LANDLOCK_ACCESS_FS_MAKE_CHAR), self, "mount-security-module", `Landlock`, bare},
}

var subid = []string{"--id", "subid", "true"}

// subordinate are conditions of subordinate ids and of newuidmap(1).
var subordinate = []condition{
	{"no newuidmap", show("/usr/bin/newuidmap", "", 0), subid, "", `newuidmap`, mapped},
	{"newuidmap without its set-user-ID bit", withoutBit("/usr/bin/newuidmap"), subid, "", `newuidmap is not set-user-ID`, mapped},
	{"newuidmap on a nosuid mount", both(bound("/usr/bin/newuidmap"), remount("/usr/bin/newuidmap", unix.MS_NOSUID)), subid, "", `nosuid`, mapped},
	{"no_new_privs, and newuidmap needs privilege", noNewPrivs, subid, "", `no_new_privs`, bare},
	{"no subordinate ids", subids(""), subid, "", `no subordinate user ids for root in /etc/subuid`, root},
	{"subordinate user ids alone", both(subids("root:100000:65536\n"), show("/etc/subgid", "", 0o644)), subid, "", `subordinate group ids|do not exist`, root},
	{"subordinate ids of others", subids("somebody:100000:65536\n"), subid, "", `no subordinate user ids for root`, root},
	{"subordinate ids that are not in this namespace", subids("root:100000:65536\n"), subid, "", `do not exist in this user namespace`, root},
	{"a range of none", subids("root:100000:0\n"), subid, "", `/etc/subuid:1: .*count is 0`, root},
	{"a range that is no number", subids("root:x:65536\n"), subid, "", `/etc/subuid:1: .*no number`, root},
	{"a range past the end", subids("root:4294967000:65536\n"), subid, "", `/etc/subuid:1: .*passes`, root},
	{"a line with too few fields", subids("root:100000\n"), subid, "", `/etc/subuid:1: `, root},
	{"subordinate ids that may not be read", covered("/proc/sys/vm/drop_caches", "/etc/subuid"), subid, "", `/etc/subuid.*(permission denied|EACCES)`, root},
	{"an account without a name", both(subids("other:100000:65536\n"), show("/etc/passwd", "nobody:x:65534:65534::/:/bin/sh\n", 0o644)), subid, "", `for uid 0 in /etc/subuid`, root},
}

// views are conditions of what is shown inside.
var views = []condition{
	{"no /dev/null", mountTmpfs("/dev", 0), self, "path-missing", `/dev/null`, mapped},
	{"no /usr", mountTmpfs("/usr", 0), self, "", `"true": not found`, mapped},
	{"a path that is not there", nil, []string{"--ro", "DIR/nowhere", "true"}, "", `DIR/nowhere`, bare},
	{"a path of links to one another", link("loop", "DIR/loop"), []string{"--ro", "DIR/loop", "true"}, "", `DIR/loop`, bare},
	{"a path below a file", file("DIR/file", "", 0o644), []string{"--ro", "DIR/file/x", "true"}, "", `DIR/file`, bare},
	{"a path that one may not reach", nil, []string{"--ro", "/root/x", "true"}, "", `/root`, bare},
	{"a path with a name too long", nil, []string{"--ro", "DIR/" + long, "true"}, "", `ENAMETOOLONG|too long|longer than`, bare},
	{"a mount point in a directory of the host's", nil, []string{"--id", "self", "--tmpfs", "/usr/share/nothing-of-this", "true"}, "inside-missing", `/usr/share/nothing-of-this`, bare},
	{"a mount point behind a link of the host's", both(mkdir("DIR/real"), link("real", "DIR/link")), []string{"--id", "self", "--ro", "DIR", "--tmpfs", "DIR/link", "true"}, "inside-link", `DIR/link`, bare},
	{"a file onto a directory", file("DIR/file", "", 0o644), []string{"--id", "self", "--ro", "DIR/file:/usr/share", "true"}, "mount-kind", `/usr/share`, bare},
	{"a directory onto a file", nil, []string{"--id", "self", "--ro", "DIR:/usr/bin/id", "true"}, "mount-kind", `/usr/bin/id`, bare},
	{"as many mounts as there may be", fullOfMounts, self, "mount-max", `fs.mount-max`, mapped},
	{"more mounts to copy than there may be", manyMounts, []string{"--id", "self", "--ro", "/mnt", "true"}, "mount-max", `fs.mount-max`, mapped},
	{"an overlay of a long path", both(mountTmpfs("/mnt", 0), mkdir(badhost.LongPath)), []string{"--id", "self", "--overlay-tmp", badhost.LongPath + ":/mnt", "true"}, "fsconfig-long", `255`, mapped},
	{"an overlay of a directory with a mount in it", both(mountTmpfs("/mnt", 0), both(mkdir("/mnt/disk"), mountTmpfs("/mnt/disk", 0))), []string{"--id", "self", "--overlay-tmp", "/mnt", "true"}, "overlay-mounts", `/mnt/disk`, mapped},
	{"an overlay's changes on an overlay", badhost.OverOverlay, []string{"--id", "self", "--overlay", "/tmp", "true"}, "overlay-upper", `overlay`, root},
	{"an overlay of a file", nil, []string{"--id", "self", "--overlay-tmp", "/etc/passwd", "true"}, "", `/etc/passwd`, bare},
}

// files are conditions of what procjail reads and writes of its caller's.
var files = []condition{
	{"a report's directory that is not there", nil, []string{"--report", "DIR/nowhere/report", "true"}, "", `DIR/nowhere`, bare},
	{"a report's directory that is read-only", readOnly("DIR"), []string{"--report", "DIR/report", "true"}, "", `EROFS`, mapped},
	{"a report's directory that may not be written", mkdirMode("DIR/own", 0o500), []string{"--report", "DIR/own/report", "true"}, "", `DIR/own.*(EACCES|permission)`, bare},
	{"a state directory that is read-only", readOnly("DIR"), overlay, "fs-readonly", `read-only`, mapped},
	{"a state directory with no inode left", fewInodes, overlay, "fs-full", `inode`, mapped},
	{"a state directory that may not be written", chmod("DIR", 0o555), overlay, "directory-unwritable", `may not write in DIR`, bare},
	{"a file in the state directory's place", file("DIR/procjail", "", 0o644), overlay, "path-not-directory", `DIR/procjail`, bare},
	{"a profile that is not there", nil, []string{"-p", "DIR/profile.toml", "true"}, "", `DIR/profile.toml`, bare},
	{"a profile with a word too many", file("DIR/profile.toml", "description = \"x\"\nnothing-of-this = 1\n", 0o644), []string{"-p", "DIR/profile.toml", "true"}, "", `nothing-of-this`, bare},
	{"an environment's file that is not there", nil, []string{"--env-file", "DIR/env", "true"}, "", `DIR/env`, bare},
	{"a policy that is no JSON", file("DIR/policy.json", "{", 0o644), []string{"--seccomp", "DIR/policy.json", "true"}, "", `policy.json`, bare},
}

var overlay = []string{"--id", "self", "--overlay", "/tmp", "true"}
