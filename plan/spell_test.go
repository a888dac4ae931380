package plan_test

import (
	"go/ast"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/userns"
)

// fd0 and fd1 stand for the first two results of a plan.
const (
	fd0 plan.FD = 1<<20 + iota
	fd1
)

var idMap = userns.Map{{Inside: 0, Outside: 1001, Count: 1}, {Inside: 1000, Outside: 100000, Count: 1}}

var spellings = []struct {
	step plan.Step
	want string
}{
	{plan.Openat{Dir: plan.AtFDCWD, Path: "/a\nb", Flags: unix.O_CLOEXEC}, `openat(AT_FDCWD, "/a\nb", O_RDONLY|O_CLOEXEC)`},
	{plan.Openat{Dir: fd0, Path: "f", Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL, Mode: 0o644}, `openat(fd0, "f", O_WRONLY|O_CREAT|O_EXCL, 0644)`},
	{plan.Openat{Dir: plan.AtFDCWD, Path: ".", Flags: 0}, `openat(AT_FDCWD, ".", O_RDONLY)`},
	{plan.Openat{Dir: plan.AtFDCWD, Path: "d", Flags: unix.O_PATH | unix.O_DIRECTORY | 1<<30}, `openat(AT_FDCWD, "d", O_RDONLY|O_DIRECTORY|O_PATH|0x40000000)`},
	{plan.OpenInRoot{Dir: fd0, Path: "usr/lib"}, `openat2(fd0, "usr/lib", {flags=O_RDONLY|O_CLOEXEC|O_PATH, resolve=RESOLVE_NO_SYMLINKS|RESOLVE_IN_ROOT}, 24)`},
	{plan.Write{FD: fd0, Data: []byte("deny")}, `write(fd0, "deny", 4)`},
	{plan.Write{FD: 2, Data: []byte(strings.Repeat("x", 49))}, `write(2, "` + strings.Repeat("x", 48) + `"..., 49)`},
	{plan.Read{FD: fd0, N: 8}, `read(fd0, [8 bytes], 8)`},
	{plan.Sendfile{Out: fd1, In: fd0, Count: 4096}, `sendfile(fd1, fd0, NULL, 4096)`},
	{plan.Close{FD: fd0}, `close(fd0)`},
	{plan.CloseRange{First: 3}, `close_range(3, 4294967295, CLOSE_RANGE_CLOEXEC)`},
	{plan.Dup3{Old: fd0, New: 1}, `dup3(fd0, 1, 0)`},
	{plan.Mknodat{Dir: plan.AtFDCWD, Path: "etc/hosts", Mode: 0o444}, `mknodat(AT_FDCWD, "etc/hosts", S_IFREG|0444, 0)`},
	{plan.Mkdirat{Dir: plan.AtFDCWD, Path: "usr", Mode: 0o755}, `mkdirat(AT_FDCWD, "usr", 0755)`},
	{plan.Symlinkat{Target: "usr/bin", Dir: plan.AtFDCWD, Path: "bin"}, `symlinkat("usr/bin", AT_FDCWD, "bin")`},
	{plan.Unlinkat{Dir: plan.AtFDCWD, Path: "f"}, `unlinkat(AT_FDCWD, "f", 0)`},
	{plan.Rmdir{Dir: plan.AtFDCWD, Path: "d"}, `unlinkat(AT_FDCWD, "d", AT_REMOVEDIR)`},
	{plan.Fchdir{FD: fd0}, `fchdir(fd0)`},
	{plan.Fchmod{FD: 1, Mode: 0o666}, `fchmod(1, 0666)`},
	{plan.Chdir{Path: "/home/é"}, `chdir("/home/\u00e9")`},
	{plan.Umask{Mask: 0o22}, `umask(022)`},

	{
		plan.StartScope{Socket: "/run/user/1/systemd/private", Unit: "procjail-1-a.scope", Slice: "app.slice", Description: "procjail: id", Supervisor: 7, Init: fd0},
		`sendmsg("/run/user/1/systemd/private", StartTransientUnit("procjail-1-a.scope", "fail", {Delegate=true, Slice="app.slice", CollectMode="inactive-or-failed", Description="procjail: id", PIDs=[7, fd0]}))`,
	},
	{plan.AwaitScope{Socket: "/run/user/1/systemd/private", Unit: "procjail-1-a.scope"}, `recvmsg("/run/user/1/systemd/private", JobRemoved("procjail-1-a.scope", "done"))`},
	{plan.OpenCgroup{Mount: "/sys/fs/cgroup", Unit: "procjail-1-a.scope"}, `openat(AT_FDCWD, "/sys/fs/cgroup/.../procjail-1-a.scope", O_RDONLY|O_DIRECTORY|O_CLOEXEC)`},
	{plan.Flock{FD: fd0}, `flock(fd0, LOCK_SH|LOCK_NB)`},
	{plan.MoveProcesses{From: fd0, To: "callers"}, `write(fd0, "callers/cgroup.procs", each of cgroup.procs)`},
	{plan.MoveProcess{To: fd0, Pid: fd1}, `write(fd0, "cgroup.procs", fd1)`},
	{plan.AwaitEmpty{Events: fd0, Leaf: fd1}, `ppoll([{fd=fd0, events=POLLPRI}], "populated 0", or else cgroup.kill "1" in fd1)`},
	{
		plan.GiveBack{Top: fd0, Child: "callers", Controllers: []string{"cpu", "memory"}},
		`flock(fd0, LOCK_EX|LOCK_NB, then cgroup.subtree_control "-cpu -memory", cgroup.procs back, unlinkat "callers")`,
	},

	{plan.Fsopen{Type: "tmpfs"}, `fsopen("tmpfs", FSOPEN_CLOEXEC)`},
	{plan.FsconfigString{FD: fd0, Key: "size", Value: "1048576"}, `fsconfig(fd0, FSCONFIG_SET_STRING, "size", "1048576", 0)`},
	{plan.FsconfigFlag{FD: fd0, Key: "userxattr"}, `fsconfig(fd0, FSCONFIG_SET_FLAG, "userxattr", NULL, 0)`},
	{plan.FsconfigCreate{FD: fd0}, `fsconfig(fd0, FSCONFIG_CMD_CREATE, NULL, NULL, 0)`},
	{plan.Fsmount{FD: fd0, Attrs: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC}, `fsmount(fd0, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC)`},
	{plan.OpenTree{Dir: plan.AtFDCWD, Path: "/usr", Recursive: true}, `open_tree(AT_FDCWD, "/usr", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE)`},
	{plan.OpenTree{Dir: fd0}, `open_tree(fd0, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH)`},
	{
		plan.MountSetattr{FD: fd0, Recursive: true, Set: unix.MOUNT_ATTR_RDONLY, Private: true},
		`mount_setattr(fd0, "", AT_RECURSIVE|AT_EMPTY_PATH, {attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=MS_PRIVATE, userns_fd=0}, 32)`,
	},
	{plan.MountSetattr{FD: plan.AtFDCWD, Path: "/"}, `mount_setattr(AT_FDCWD, "/", 0, {attr_set=0, attr_clr=0, propagation=0, userns_fd=0}, 32)`},
	{plan.MoveMount{From: fd0, To: plan.AtFDCWD, ToPath: "usr"}, `move_mount(fd0, "", AT_FDCWD, "usr", MOVE_MOUNT_F_EMPTY_PATH)`},
	{plan.MoveMount{From: fd0, To: fd1}, `move_mount(fd0, "", fd1, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)`},
	{plan.PivotRoot{New: ".", Old: "."}, `pivot_root(".", ".")`},
	{plan.Detach{Path: "."}, `umount2(".", MNT_DETACH)`},

	{plan.Prctl{Option: plan.Name{Bits: unix.PR_SET_NO_NEW_PRIVS, Name: "PR_SET_NO_NEW_PRIVS"}, Arg: plan.Name{Bits: 1, Name: "1"}}, `prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)`},
	{plan.AmbientRaise{Cap: caps.SysAdmin}, `prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0)`},
	{plan.Capset{}, `capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=0, permitted=0, inheritable=0})`},
	{
		plan.Capset{Keep: caps.Of(caps.Setuid, caps.BPF)},
		`capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=1<<CAP_SETUID|1<<CAP_BPF, permitted=1<<CAP_SETUID|1<<CAP_BPF, inheritable=1<<CAP_SETUID|1<<CAP_BPF})`,
	},
	{plan.Setgroups{}, `setgroups(0, NULL)`},
	{plan.Setresgid{GID: 1000}, `setresgid(1000, 1000, 1000)`},
	{plan.Setresuid{UID: 1<<32 - 2}, `setresuid(4294967294, 4294967294, 4294967294)`},
	{plan.JoinSessionKeyring{}, `keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)`},
	{
		plan.Prlimit{Resource: plan.Name{Bits: unix.RLIMIT_CORE, Name: "RLIMIT_CORE"}, Soft: 0, Hard: ^uint64(0)},
		`prlimit64(0, RLIMIT_CORE, {rlim_cur=0, rlim_max=RLIM64_INFINITY}, NULL)`,
	},
	{
		plan.Prlimit{Resource: plan.Name{Bits: unix.RLIMIT_NOFILE, Name: "RLIMIT_NOFILE"}, Soft: 2048, Hard: 1<<64 - 2},
		`prlimit64(0, RLIMIT_NOFILE, {rlim_cur=2*1024, rlim_max=18446744073709551614}, NULL)`,
	},
	{
		plan.LandlockCreateRuleset{FS: unix.LANDLOCK_ACCESS_FS_EXECUTE},
		`landlock_create_ruleset({handled_access_fs=LANDLOCK_ACCESS_FS_EXECUTE}, 8, 0)`,
	},
	{
		plan.LandlockCreateRuleset{Net: unix.LANDLOCK_ACCESS_NET_BIND_TCP},
		`landlock_create_ruleset({handled_access_fs=0, handled_access_net=LANDLOCK_ACCESS_NET_BIND_TCP}, 16, 0)`,
	},
	{
		plan.LandlockCreateRuleset{FS: unix.LANDLOCK_ACCESS_FS_REFER, Scoped: unix.LANDLOCK_SCOPE_SIGNAL},
		`landlock_create_ruleset({handled_access_fs=LANDLOCK_ACCESS_FS_REFER, handled_access_net=0, scoped=LANDLOCK_SCOPE_SIGNAL}, 24, 0)`,
	},
	{
		plan.LandlockAddRule{Ruleset: fd0, Access: unix.LANDLOCK_ACCESS_FS_READ_FILE, Parent: fd1},
		`landlock_add_rule(fd0, LANDLOCK_RULE_PATH_BENEATH, {allowed_access=LANDLOCK_ACCESS_FS_READ_FILE, parent_fd=fd1}, 0)`,
	},
	{plan.LandlockRestrictSelf{Ruleset: fd0}, `landlock_restrict_self(fd0, 0)`},
	{plan.SetFilter{Name: "strict", Program: make([]byte, 16), Flags: unix.SECCOMP_FILTER_FLAG_LOG}, `seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, {len=2, filter=...})`},
	{plan.Sethostname{Name: "jail"}, `sethostname("jail", 4)`},
	{plan.Socket{}, `socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP)`},
	{plan.InterfaceUp{FD: fd0, Interface: "lo"}, `ioctl(fd0, SIOCSIFFLAGS, {ifr_name="lo", ifr_flags=IFF_UP})`},
	{plan.NamespaceOf{Socket: fd0}, `ioctl(fd0, SIOCGSKNS, NULL)`},

	{
		plan.Clone3{Flags: unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_PIDFD, Pidfd: fd0},
		`clone3({flags=CLONE_PIDFD|CLONE_NEWUSER|CLONE_NEWPID, pidfd=[fd0], exit_signal=SIGCHLD}, 64)`,
	},
	{plan.Clone{Flags: unix.CLONE_VM}, `clone(CLONE_VM|SIGCHLD, NULL)`},
	{
		plan.Newidmap{Program: "/usr/bin/newuidmap", Pid: fd0, Map: idMap},
		`execve("/usr/bin/newuidmap", ["/usr/bin/newuidmap", "fd0", "0", "1001", "1", "1000", "100000", "1"])`,
	},
	{plan.WriteMap{Pid: fd0, File: "uid_map", Map: idMap}, `write(/proc/fd0/uid_map, "0 1001 1\n1000 100000 1\n", 23)`},
	{plan.Unshare{Flags: unix.CLONE_NEWNET}, `unshare(CLONE_NEWNET)`},
	{plan.Unshare{}, `unshare(0)`},
	{plan.Setns{FD: fd0, Type: unix.CLONE_NEWTIME}, `setns(fd0, CLONE_NEWTIME)`},
	{plan.PidfdOpen{Pid: 42}, `pidfd_open(42, 0)`},
	{plan.Eventfd{}, `eventfd2(0, EFD_CLOEXEC)`},
	{plan.PollAlive{Pidfd: fd0}, `ppoll([{fd=fd0, events=POLLIN}], 1, {tv_sec=0, tv_nsec=0}, NULL)`},
	{plan.AwaitEither{Event: fd0, Process: fd1}, `ppoll([{fd=fd0, events=POLLIN}, {fd=fd1, events=POLLIN}], 2, NULL, NULL)`},
	{plan.AwaitEvent{Event: fd0, Seconds: 5}, `ppoll([{fd=fd0, events=POLLIN}], 1, {tv_sec=5, tv_nsec=0}, NULL)`},
	{plan.PidfdSendSignal{Pidfd: fd0, Signal: unix.SIGKILL}, `pidfd_send_signal(fd0, SIGKILL, NULL, 0)`},
	{plan.Waitid{Pidfd: fd0}, `waitid(P_PIDFD, fd0, [128 bytes], WEXITED, [144 bytes])`},
	{plan.Reap{Pid: fd0}, `wait4(fd0, NULL, 0, NULL)`},
	{plan.Exit{}, `exit_group(0)`},
	{
		plan.Forward{Signals: []unix.Signal{unix.SIGTERM, unix.SIGCONT, 34, 35, 36, 64}, Pidfd: fd0},
		`rt_sigaction(SIGTERM|SIGCONT|34...36|64, {sa_handler=pidfd_send_signal(fd0), sa_mask=~[], sa_flags=SA_ONSTACK|SA_RESTART|SA_SIGINFO}, NULL, 8)`,
	},
	{plan.Ignore{Signal: unix.SIGHUP}, `rt_sigaction(SIGHUP, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}, NULL, 8)`},
	{
		plan.Forward{Signals: []unix.Signal{unix.SIGTERM}, Held: unix.SIGTERM, Pidfd: fd0},
		`rt_sigaction(SIGTERM, {sa_handler=pidfd_send_signal(fd0) but for SIGTERM, sa_mask=~[], sa_flags=SA_ONSTACK|SA_RESTART|SA_SIGINFO}, NULL, 8)`,
	},
	{plan.Socketpair{A: fd0, B: fd1}, `socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, [fd0, fd1])`},
	{plan.SendFD{Socket: fd0, FD: fd1}, `sendmsg(fd0, {msg_iov=[{"\x00", 1}], msg_control=[{cmsg_type=SCM_RIGHTS, cmsg_data=[fd1]}]}, 0)`},
	{plan.ReceiveFD{Socket: fd0}, `recvmsg(fd0, {msg_controllen=24}, MSG_CMSG_CLOEXEC)`},
	{plan.Ioctl{FD: fd0, Request: plan.Name{Bits: unix.TIOCSCTTY, Name: "TIOCSCTTY"}, Text: "0"}, `ioctl(fd0, TIOCSCTTY, 0)`},
	{plan.Ioctl{FD: fd0, Request: plan.Name{Bits: unix.TIOCSPGRP, Name: "TIOCSPGRP"}, Data: []byte{2, 0, 0, 0}, Text: "[2]"}, `ioctl(fd0, TIOCSPGRP, [2])`},
	{plan.Setpgid{}, `setpgid(0, 0)`},
	{plan.Setpgid{Pid: 2}, `setpgid(2, 2)`},
	{plan.Fchown{FD: fd0, UID: 1000, GID: 1001}, `fchown(fd0, 1000, 1001)`},
	{plan.KeepFD{FD: 3}, `fcntl(3, F_SETFD, 0)`},
	{plan.SignalMask{All: true}, `rt_sigprocmask(SIG_SETMASK, ~[], NULL, 8)`},
	{plan.SchedSetaffinity{Processors: plan.Processors{0x4f, 0x80, 0xff, 0x01}}, `sched_setaffinity(0, 4, [0-3 6 15-24])`},
	{plan.SchedSetaffinity{Processors: make(plan.Processors, 8)}, `sched_setaffinity(0, 8, [])`},
	{plan.SignalMask{}, `rt_sigprocmask(SIG_SETMASK, [], NULL, 8)`},
	{
		plan.Execve{Path: "/bin/x", Argv: []string{"x", "\x1b", strings.Repeat("a", 257)}, Env: []string{}},
		`execve("/bin/x", ["x", "\x1b", "` + strings.Repeat("a", 256) + `"...], [])`,
	},
	{plan.Setsid{}, `setsid()`},
	{plan.ExecFD{FD: fd0, Argv: []string{"procjail-init"}}, `execveat(fd0, "", ["procjail-init"], [], AT_EMPTY_PATH)`},
}

func TestSpell(t *testing.T) {
	spelt := map[string]bool{}
	for _, s := range spellings {
		spelt[reflect.TypeOf(s.step).Name()] = true
		if got := plan.Spell(s.step); got != s.want {
			t.Errorf("Spell(%#v)\n got %s\nwant %s", s.step, got, s.want)
		}
	}
	for name := range stepTypes(t) {
		if !spelt[name] {
			t.Errorf("no spelling of %s is tested", name)
		}
	}
}

// stepTypes are the types that have the method sealed.
func stepTypes(t *testing.T) map[string]bool {
	t.Helper()
	types := map[string]bool{}
	for _, file := range sources(t) {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "sealed" {
				types[f.Recv.List[0].Type.(*ast.Ident).Name] = true
			}
		}
	}
	if len(types) < 50 {
		t.Fatalf("%d types of steps found; there were 51 once", len(types))
	}
	return types
}

func TestEntryString(t *testing.T) {
	for _, tt := range []struct {
		entry plan.Entry
		want  string
	}{
		{plan.Entry{Step: plan.Close{FD: 3}}, "close(3)"},
		{plan.Entry{Step: plan.Eventfd{}, Out: fd1}, "eventfd2(0, EFD_CLOEXEC) = fd1"},
		{plan.Entry{Step: plan.Close{FD: 3}, Skip: [2]plan.Errno{plan.Errno(unix.EBADF)}}, "close(3) (or EBADF)"},
		{plan.Entry{Step: plan.Close{FD: 3}, Skip: [2]plan.Errno{plan.Errno(unix.EBADF), 4000}}, "close(3) (or EBADF, errno 4000)"},
	} {
		if got := tt.entry.String(); got != tt.want {
			t.Errorf("%#v = %q, want %q", tt.entry, got, tt.want)
		}
	}
}
