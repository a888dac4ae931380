package cause

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// capable are the steps that want a capability in the jail's user namespace.
var capableSteps = []plan.Step{
	plan.Write{},
	plan.Unshare{},
	plan.Setns{},
	plan.OpenTree{},
	plan.MountSetattr{},
	plan.Fsopen{},
	plan.FsconfigCreate{},
	plan.Fsmount{},
	plan.MoveMount{},
	plan.PivotRoot{},
	plan.Detach{},
	plan.Sethostname{},
	plan.Prctl{},
	plan.Capset{},
	plan.Setgroups{},
	plan.Setresgid{},
	plan.Setresuid{},
	plan.InterfaceUp{},
	plan.NamespaceOf{},
	plan.Fchown{},
}

// mediated are the steps that AppArmor has a hook of its own for, which says
// EACCES; where it denies a capability it is the kernel that says EPERM.
var mediated = []plan.Step{plan.MoveMount{}, plan.PivotRoot{}, plan.Detach{}}

var refusals = []unix.Errno{unix.EPERM, unix.EACCES}

// apparmorEntries are AppArmor's refusals: of the namespace, of every capability
// in it, and of mounts.
func apparmorEntries() []Entry {
	const sysctl = "kernel.apparmor_restrict_unprivileged_userns"
	// A name instead of none, and user namespaces: apparmor.d(5), flags=(unconfined).
	const profile = `as root: printf '%s\n' 'abi <abi/4.0>,' 'include <tunables/global>' 'profile procjail "{file}" flags=(unconfined) {' '  userns,' '}' ` +
		`>/etc/apparmor.d/procjail && apparmor_parser -r /etc/apparmor.d/procjail`
	return []Entry{
		{
			ID: "userns-apparmor-refused", Looks: "AppArmor",
			On:     []On{{makesUser, refusals}},
			Cause:  "AppArmor keeps user namespaces from programs that have no profile of their own (" + sysctl + " is 1), and {exe} has none",
			Remedy: profile,
			See:    []string{"apparmor.d(5): userns", "Ubuntu's security/apparmor/task.c:aa_profile_ns_perm"},
			probe: func(l *look) values {
				if namespaces(l.Step)&unix.CLONE_NEWUSER == 0 {
					return l.saw("no user namespace is asked for")
				}
				on, _ := l.sys.sysctl(sysctl)
				label, ok := l.sys.label("self")
				switch {
				case !ok:
					return l.saw("not here")
				case label != "unconfined":
					return l.saw("this process runs under %s", label)
				case on != "1":
					return l.saw("this process is unconfined, and %s is not 1", sysctl)
				case l.sys.capable(capSysAdmin) && l.sys.initialUser():
					return l.saw("this process has CAP_SYS_ADMIN")
				case !l.refusedAgain():
					return l.saw("this process is unconfined, %s is 1, and a user namespace is not refused so now", sysctl)
				}
				exe := l.sys.executable()
				return values{"exe": exe, "file": appArmorPath(exe)}
			},
		},
		{
			ID: "userns-apparmor-profile", Looks: "the AppArmor profile of this process",
			On:     []On{{makesUser, []unix.Errno{unix.EACCES}}},
			Cause:  "this process runs under the AppArmor profile {label}, which has no rule for user namespaces",
			Remedy: "add the line \"userns,\" to that profile, and load it again: apparmor_parser -r FILE as root",
			See:    []string{"apparmor.d(5): userns", "security/apparmor/lsm.c:apparmor_userns_create"},
			probe: func(l *look) values {
				label, ok := l.sys.label("self")
				switch {
				case namespaces(l.Step)&unix.CLONE_NEWUSER == 0:
					return l.saw("no user namespace is asked for")
				case !ok:
					return l.saw("AppArmor is not here")
				case !strings.HasSuffix(label, " (enforce)"):
					return l.saw("%s", label)
				case !l.refusedAgain():
					return l.saw("%s, and a user namespace is not refused so now", label)
				}
				return values{"label": label}
			},
		},
		{
			ID: "userns-apparmor-stripped", Looks: "AppArmor, and what it makes of a process in a new user namespace",
			On: []On{{capableSteps, []unix.Errno{unix.EPERM}}},
			Cause: "AppArmor has put the process that went into a user namespace under the profile {label}, which takes every capability in it " +
				"(" + sysctl + " is {on}), since {exe} has no profile of its own",
			Remedy: profile,
			See:    []string{"apparmor.d(5): userns", "Ubuntu's security/apparmor/task.c:aa_profile_ns_perm, /etc/apparmor.d/unprivileged_userns"},
			probe:  strippedByAppArmor,
		},
		{
			ID: "mount-apparmor", Looks: "the AppArmor profile of a process in a new user namespace",
			On:     []On{{mediated, []unix.Errno{unix.EACCES}}},
			Cause:  "init runs under the AppArmor profile {label}, which refuses {call}",
			Remedy: "start what is around procjail without that profile: docker run --security-opt apparmor=unconfined, Kubernetes appArmorProfile: type: Unconfined",
			See:    []string{"apparmor.d(5): mount", "security/apparmor/mount.c"},
			probe: func(l *look) values {
				label, errno := l.labelInside()
				switch {
				case errno != 0:
					return l.saw("none can be made: %s", errnoName(errno))
				case label == "":
					return l.saw("AppArmor is not here")
				case !strings.HasSuffix(label, " (enforce)"):
					return l.saw("%s", label)
				case !l.mountRefused():
					return l.saw("%s, and a mount is not refused now", label)
				}
				return values{"label": label, "call": Call(l.Step)}
			},
		},
		{
			ID: "mount-security-module", Looks: "whether a process with the capability for it may mount",
			On:     []On{{[]plan.Step{plan.MoveMount{}}, refusals}},
			Cause:  "a security module refuses every mount to this process, though it has the capability: Landlock does so to whoever is behind rules for files{others}",
			Remedy: "start procjail outside of that sandbox",
			See:    []string{"landlock(7): Current limitations", "security/landlock/fs.c:hook_move_mount", "fs/namespace.c:do_move_mount"},
			probe: func(l *look) values {
				// may_mount is what the kernel itself says EPERM for.
				switch {
				case l.sys.Try == nil:
					return l.saw("nobody asked")
				case !l.holds(spaces, unix.SYS_MOVE_MOUNT):
					return l.saw("it has not")
				case l.ask() != byKernel:
					return l.saw("it has, and nothing tells who refuses")
				case !l.mountRefused():
					return l.saw("it may now")
				}
				others := ""
				if v, ok := l.sys.word("/sys/kernel/security/lsm"); ok {
					others = "; there are " + strings.ReplaceAll(v, ",", ", ")
				}
				return values{"others": others}
			},
		},
	}
}

// refusedAgain makes a process in a user namespace and nothing else, and reports
// whether that is refused as the step was.
func (l *look) refusedAgain() bool {
	return l.sys.Try != nil && l.sys.Try(Trial{Flags: unix.CLONE_NEWUSER}).Cloned == l.Errno
}

// mountRefused makes the plan's first mount once more, in a process of its own,
// where the step was one of those; and reports whether that is refused as it
// was. The others come too late to be made alone.
func (l *look) mountRefused() bool {
	if _, ok := l.Step.(plan.MoveMount); !ok {
		return true
	}
	if l.plan == nil || l.sys.Try == nil {
		return false
	}
	t := Trial{Flags: spaces, Results: l.plan.Results}
	var fs, mount plan.FD
	for _, e := range l.plan.Entries {
		switch s := e.Step.(type) {
		case plan.Fsopen:
			if fs == 0 {
				fs = e.Out
				t.Entries = append(t.Entries, e)
			}
		case plan.Fsmount:
			if s.FD == fs {
				mount = e.Out
				t.Entries = append(t.Entries, e)
			}
		case plan.MoveMount:
			if s.From == mount {
				t.Entries = append(t.Entries, e)
				got := l.sys.Try(t)
				n := len(got.Results)
				return n == len(t.Entries) && got.Results[n-1] == -int64(l.Errno)
			}
		default:
			if fs != 0 && configured(e.Step) == fs {
				t.Entries = append(t.Entries, e)
			}
		}
	}
	return false
}

// strippedByAppArmor makes a process in new namespaces, looks under which
// profile it is, and whether a capability is any good to it.
func strippedByAppArmor(l *look) values {
	own, ok := l.sys.label("self")
	if !ok {
		return l.saw("not here")
	}
	if l.Stage == plan.Supervisor {
		return l.saw("%s, outside of a new one", own)
	}
	label, errno := l.labelInside()
	switch {
	case errno != 0:
		return l.saw("this process is %s; another cannot be made: %s", own, errnoName(errno))
	case label == "" || label == own:
		return l.saw("%s before and after", own)
	case l.holds(spaces, 0):
		return l.saw("%s, which has capabilities", label)
	}
	on, _ := l.sys.sysctl("kernel.apparmor_restrict_unprivileged_userns")
	exe := l.sys.executable()
	return values{"label": label, "exe": exe, "file": appArmorPath(exe), "on": on}
}

// labelInside is the profile of a process that goes into a user namespace.
func (l *look) labelInside() (label string, errno unix.Errno) {
	if l.sys.Try == nil {
		return "", unix.ENOSYS
	}
	got := l.sys.Try(Trial{Flags: spaces, Meanwhile: func(pid int) { label, _ = l.sys.label(strconv.Itoa(pid)) }})
	return label, got.Cloned
}

// label is the AppArmor profile and its mode, as in "procjail (enforce)". The
// second file, on older kernels the only one, has that of another module if one
// is in front: SELinux's has colons.
func (s *System) label(pid string) (string, bool) {
	if v, ok := s.word("/sys/module/apparmor/parameters/enabled"); !ok || v != "Y" {
		return "", false
	}
	if v, ok := s.word("/proc/" + pid + "/attr/apparmor/current"); ok && v != "" {
		return v, true
	}
	v, ok := s.word("/proc/" + pid + "/attr/current")
	return v, ok && v != "" && !strings.Contains(v, ":")
}

// executable is procjail's own path.
func (s *System) executable() string {
	if s.Root != "" {
		return s.readlink("/proc/self/exe")
	}
	exe, _ := os.Executable()
	return exe
}

// appArmorPath is a path as it stands between double quotes in a profile, which
// knows the patterns of a glob and a \\ before them (apparmor.d(5)), and that
// between single quotes in a line for a shell.
func appArmorPath(path string) string {
	glob := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`, `^`, `\^`, `@`, `\@`)
	return strings.ReplaceAll(glob.Replace(path), "'", `'\''`)
}
