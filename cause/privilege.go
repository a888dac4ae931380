package cause

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/userns"
)

// privilegeEntries are about what a process gives up, and the walls that it puts
// around itself.
func privilegeEntries() []Entry {
	kernelOld := Entry{
		ID: plan.KernelOld, Looks: "the kernel's release",
		Cause:  "this kernel is {release}; 5.14 is the oldest that procjail works on",
		Remedy: "use a newer kernel",
		See:    []string{"uname(2)", "mount_setattr(2): Linux 5.12", "getrlimit(2): RLIMIT_NPROC of each user namespace's own, Linux 5.14"},
		probe: func(l *look) values {
			if l.host == nil || l.host.Major > 5 || l.host.Major == 5 && l.host.Minor >= 14 {
				return l.saw("%s", l.release())
			}
			return values{"release": l.release()}
		},
	}
	return []Entry{
		kernelOld,
		{
			ID: "setgroups-denied", stands: true, Looks: "/proc/self/setgroups",
			On:     []On{{[]plan.Step{plan.Setgroups{}}, []unix.Errno{unix.EPERM}}},
			Cause:  "setgroups(2) is denied in this user namespace, and so in every one below it",
			Remedy: "make that namespace by newgidmap(1): unshare --map-auto --map-root-user",
			See:    []string{"user_namespaces(7): /proc/PID/setgroups", "kernel/user_namespace.c:userns_may_setgroups"},
			probe: func(l *look) values {
				v, ok := l.sys.word("/proc/self/setgroups")
				if !ok || v != "deny" {
					return l.saw("%s", v)
				}
				return confirmed
			},
		},
		{
			ID: "maps-setfcap", Looks: "CAP_SETFCAP",
			On:     []On{{[]plan.Step{plan.WriteMap{}, plan.Write{}}, []unix.Errno{unix.EPERM}}},
			Cause:  "this process does not have CAP_SETFCAP, which a map of uid 0 wants since Linux 5.12",
			Remedy: "docker run --cap-add SETFCAP, or call procjail from an ordinary account",
			See:    []string{"user_namespaces(7)", "kernel/user_namespace.c:verify_root_map"},
			probe: func(l *look) values {
				const capSetfcap = 31
				var m userns.Map
				switch s := l.Step.(type) {
				case plan.WriteMap:
					if s.File == "uid_map" {
						m = s.Map
					}
				case plan.Write:
					if l.behind(s.FD) == "/proc/self/uid_map" {
						m, _ = userns.ParseMap(strings.NewReader(string(s.Data)))
					}
				}
				for _, e := range m {
					if e.Outside == 0 && l.sys.Capable != nil && !l.sys.capable(capSetfcap) {
						return confirmed
					}
				}
				return l.saw("this process has it, or maps no uid 0")
			},
		},
		{
			ID: "maps-unmapped", Looks: "the ids of this user namespace",
			On:     []On{{[]plan.Step{plan.WriteMap{}}, []unix.Errno{unix.EPERM, unix.EINVAL}}},
			Cause:  "the id {id} does not exist in this user namespace, so that it cannot be mapped",
			Remedy: "start procjail outside of the container",
			See:    []string{"user_namespaces(7)", "kernel/user_namespace.c:map_write"},
			probe: func(l *look) values {
				if l.host == nil {
					return l.saw("nobody asked")
				}
				s := l.Step.(plan.WriteMap)
				c := l.sys.caller(l.host.Caller.UID, l.host.Caller.GID)
				m := c.UIDMap
				if s.File == "gid_map" {
					m = c.GIDMap
				}
				for _, e := range s.Map {
					if _, ok := m.ToOutside(e.Outside); !ok && len(m) > 0 {
						return values{"id": strconv.FormatUint(uint64(e.Outside), 10)}
					}
				}
				return l.saw("all exist")
			},
		},
		{
			ID: "keys-quota", Looks: "the caller's quota of keys",
			On:     []On{{[]plan.Step{plan.JoinSessionKeyring{}}, []unix.Errno{unix.EDQUOT}}},
			Cause:  "uid {uid} has {keys} keys and {bytes} bytes of them (keys/bytes, and the most), and a session keyring is one more",
			Remedy: "keyctl show and keyctl unlink, or sysctl kernel.keys.{limit} as root",
			See:    []string{"keyrings(7): /proc/key-users", "keyctl(2): EDQUOT", "security/keys/key.c:key_alloc"},
			probe:  keysQuota,
		},
		{
			ID: "keys-missing", stands: true, Looks: "/proc/key-users",
			On:     []On{{[]plan.Step{plan.JoinSessionKeyring{}}, []unix.Errno{unix.ENOSYS}}},
			Cause:  "this kernel ({release}) has no keyrings: there is no /proc/key-users",
			Remedy: "a kernel that was built with CONFIG_KEYS",
			See:    []string{"keyrings(7)"},
			probe: func(l *look) values {
				if !l.sys.exists("/proc/sys/kernel/pid_max") {
					return l.saw("/proc shows processes only")
				}
				if l.sys.exists("/proc/key-users") {
					return l.saw("it is there")
				}
				return values{"release": l.release()}
			},
		},
		{
			ID: "landlock-layers", Looks: "Landlock's layers",
			On:     []On{{[]plan.Step{plan.LandlockRestrictSelf{}}, []unix.Errno{unix.E2BIG}}},
			Cause:  "this process is behind 16 layers of Landlock rules already, and the kernel takes no more",
			Remedy: "start procjail further out, or landlock = false in a profile",
			See:    []string{"landlock_restrict_self(2): E2BIG", "security/landlock/limits.h:LANDLOCK_MAX_NUM_LAYERS"},
			probe:  landlockLayers,
		},
		{
			ID: "landlock-off", Looks: "whether Landlock is there",
			On: []On{{
				[]plan.Step{plan.LandlockCreateRuleset{}, plan.LandlockAddRule{}, plan.LandlockRestrictSelf{}},
				[]unix.Errno{unix.ENOSYS, unix.EOPNOTSUPP},
			}},
			Cause:  "this kernel ({release}) has no Landlock, or it is not enabled: its version cannot be asked for, {errno}",
			Remedy: "lsm=landlock,... on the kernel's command line, or landlock = false in a profile",
			See:    []string{"landlock(7)", "landlock_create_ruleset(2): ENOSYS, EOPNOTSUPP, LANDLOCK_CREATE_RULESET_VERSION"},
			probe: func(l *look) values {
				if l.sys.Landlock == nil {
					return l.saw("nobody asked")
				}
				abi, errno := l.sys.Landlock()
				if errno == 0 {
					return l.saw("ABI %d", abi)
				}
				if mode, _ := l.sys.status("Seccomp"); errno == unix.ENOSYS && mode != "0" {
					return l.saw("ENOSYS, which may be a filter's answer or the kernel's")
				}
				return values{"release": l.release(), "errno": errnoName(errno)}
			},
		},
		{
			ID: "seccomp-missing", stands: true, Looks: "/proc/sys/kernel/seccomp",
			On:     []On{{[]plan.Step{plan.SetFilter{}}, []unix.Errno{unix.ENOSYS, unix.EINVAL}}},
			Cause:  "this kernel ({release}) has no seccomp filters: there is no /proc/sys/kernel/seccomp",
			Remedy: "a kernel that was built with CONFIG_SECCOMP_FILTER",
			See:    []string{"seccomp(2): /proc interfaces"},
			probe: func(l *look) values {
				if !l.sys.exists("/proc/sys/kernel/pid_max") || l.sys.exists("/proc/sys/kernel/seccomp/actions_avail") {
					return l.saw("it is there")
				}
				return values{"release": l.release()}
			},
		},
		{
			ID: "seccomp-length", Looks: "how many filters there are",
			On:     []On{{[]plan.Step{plan.SetFilter{}}, []unix.Errno{unix.ENOMEM}}},
			Cause:  "the filters of a process may have 32768 instructions; {count} filters are around procjail, and the jail's has {length}",
			Remedy: "start procjail further out, or a shorter --seccomp policy",
			See:    []string{"seccomp(2): ENOMEM", "kernel/seccomp.c:MAX_INSNS_PER_PATH"},
			probe: func(l *look) values {
				// Each takes 4 beside its own; what the outer ones have cannot be read.
				v, _ := l.sys.status("Seccomp_filters")
				outer, err := strconv.Atoi(v)
				length := len(l.Step.(plan.SetFilter).Program) / 8
				if err != nil || length+4*outer <= 32768 {
					return l.saw("%s outer ones, of a length that cannot be seen; this one has %d instructions of 32768", v, length)
				}
				return values{"count": v, "length": strconv.Itoa(length)}
			},
		},
		{
			ID: "network-missing", stands: true, Looks: "/proc/sys/net/ipv4",
			On:     []On{{[]plan.Step{plan.Socket{}}, []unix.Errno{unix.EAFNOSUPPORT}}},
			Cause:  "this kernel ({release}) has no IPv4: there is no /proc/sys/net/ipv4",
			Remedy: "a kernel that was built with CONFIG_INET, or --net host",
			See:    []string{"socket(2): EAFNOSUPPORT", "ip(7)"},
			probe: func(l *look) values {
				if !l.sys.exists("/proc/sys/kernel/pid_max") || l.sys.exists("/proc/sys/net/ipv4") {
					return l.saw("it is there")
				}
				return values{"release": l.release()}
			},
		},
		{
			ID: "pty-max", Looks: "kernel.pty.max",
			On:     []On{{[]plan.Step{plan.Openat{}}, []unix.Errno{unix.ENOSPC}}},
			Cause:  "the system has {count} pseudo-terminals, and may have {limit} of them outside of its first /dev/pts (kernel.pty.max less kernel.pty.reserve)",
			Remedy: "sysctl kernel.pty.max={more} as root, or --tty never",
			See:    []string{"pts(4)", "proc(5): /proc/sys/kernel/pty", "fs/devpts/inode.c:devpts_new_index"},
			probe: func(l *look) values {
				if !strings.HasSuffix(l.Step.(plan.Openat).Path, "pts/ptmx") {
					return l.saw("not what is opened")
				}
				most, ok1 := l.sys.number("kernel.pty.max")
				reserve, ok2 := l.sys.number("kernel.pty.reserve")
				count, ok3 := l.sys.number("kernel.pty.nr")
				if !ok1 || !ok2 || !ok3 || count+1+reserve < most {
					return l.saw("%d of %d", count, most)
				}
				limit := max(most, reserve+1) - reserve - 1
				return values{
					"count": strconv.FormatUint(count, 10), "limit": strconv.FormatUint(limit, 10), "more": strconv.FormatUint(count+reserve+64, 10),
				}
			},
		},
		{
			ID: "terminal-gone", Looks: "the caller's terminal",
			On:     []On{{[]plan.Step{plan.Ioctl{}}, []unix.Errno{unix.EIO}}},
			Cause:  "the terminal behind descriptor {fd} has hung up",
			Remedy: "--tty never",
			See:    []string{"ioctl_tty(2)", "drivers/tty/tty_io.c:hung_up_tty_ioctl"},
			probe: func(l *look) values {
				s := l.Step.(plan.Ioctl)
				if _, ok := s.FD.Result(); ok || l.Stage != plan.Supervisor || l.sys.Terminal == nil {
					return l.saw("not the caller's")
				}
				if err := l.sys.Terminal(int(s.FD)); sys.Errno(err) != unix.EIO {
					return l.saw("it answers")
				}
				return values{"fd": s.FD.String()}
			},
		},
	}
}

// keysQuota reads the caller's line of /proc/key-users: "1001: 4 4/4 200/200
// 1234/20000", of which the last two are what counts against the quota.
func keysQuota(l *look) values {
	text, err := l.sys.read("/proc/key-users")
	if err != nil {
		return l.saw("%v", err)
	}
	uid := l.sys.euid()
	for line := range strings.Lines(text) {
		who, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if strings.TrimSpace(who) != uid || len(f) < 4 {
			continue
		}
		// A keyring takes the size of its description, "_ses" and a NUL.
		const size = 5
		if used, most, ok := fraction(f[2]); ok && used >= most {
			return values{"uid": uid, "keys": f[2], "bytes": f[3], "limit": "maxkeys=" + strconv.FormatUint(10*most, 10)}
		}
		if used, most, ok := fraction(f[3]); ok && used+size >= most {
			return values{"uid": uid, "keys": f[2], "bytes": f[3], "limit": "maxbytes=" + strconv.FormatUint(10*most, 10)}
		}
		return l.saw("%s keys, %s bytes", f[2], f[3])
	}
	return l.saw("it has none")
}

// fraction is "used/most".
func fraction(s string) (used, most uint64, ok bool) {
	a, b, _ := strings.Cut(s, "/")
	used, err1 := strconv.ParseUint(a, 10, 64)
	most, err2 := strconv.ParseUint(b, 10, 64)
	return used, most, err1 == nil && err2 == nil
}

// landlockLayers makes one more layer in a process of its own.
func landlockLayers(l *look) values {
	if l.sys.Try == nil || l.plan == nil {
		return l.saw("nobody asked")
	}
	t := Trial{Results: l.plan.Results, Flags: spaces} // with CAP_SYS_ADMIN, and so without no_new_privs
	for _, e := range l.plan.Entries {
		switch e.Step.(type) {
		case plan.LandlockCreateRuleset, plan.LandlockRestrictSelf:
			t.Entries = append(t.Entries, e)
		}
	}
	got := l.sys.Try(t)
	n := len(got.Results)
	if n == 0 || n != len(t.Entries) || got.Results[n-1] != -int64(unix.E2BIG) {
		return l.saw("one more is taken")
	}
	return confirmed
}
