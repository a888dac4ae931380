package cause

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/userns"
)

// Capabilities by their numbers (capabilities(7)).
const (
	capSysAdmin    = 21
	capSysResource = 24
)

// makesUser are the steps that make a user namespace.
var makesUser = []plan.Step{plan.Clone3{}, plan.Unshare{}}

// userEntries are what keeps an account from a user namespace, in the order in
// which the kernel asks (kernel/fork.c:copy_process, then
// kernel/user_namespace.c:create_user_ns).
func userEntries() []Entry {
	return []Entry{
		{
			ID: "userns-sysctl-debian", stands: true, Looks: "kernel.unprivileged_userns_clone",
			On:     []On{{makesUser, []unix.Errno{unix.EPERM}}},
			Cause:  "kernel.unprivileged_userns_clone is 0: only root makes user namespaces here",
			Remedy: "sysctl kernel.unprivileged_userns_clone=1 as root",
			See:    []string{"user_namespaces(7)", "Debian's kernel/fork.c:copy_process"},
			probe: func(l *look) values {
				v, ok := l.sys.sysctl("kernel.unprivileged_userns_clone")
				switch {
				case namespaces(l.Step)&unix.CLONE_NEWUSER == 0:
					return l.saw("no user namespace is asked for")
				case !ok:
					return l.saw("this kernel has none")
				case v != "0":
					return l.saw("%s", v)
				case l.sys.initialUser() && l.sys.capable(capSysAdmin):
					return l.saw("0, which is not for a process with CAP_SYS_ADMIN")
				}
				return confirmed
			},
		},
		{
			ID: "userns-chroot", stands: true, Looks: "chroot",
			On:     []On{{makesUser, []unix.Errno{unix.EPERM}}},
			Cause:  "this process is in a chroot, where the kernel gives no user namespace",
			Remedy: "enter that root by pivot_root (a container) instead",
			See:    []string{"clone(2): EPERM", "fs/namespace.c:current_chrooted"},
			probe: func(l *look) values {
				list := l.sys.mounts()
				switch {
				case namespaces(l.Step)&unix.CLONE_NEWUSER == 0:
					return l.saw("no user namespace is asked for")
				case len(list) == 0:
					return l.saw("/proc/self/mountinfo has no line")
				}
				for _, m := range list {
					if m.at == "/" {
						return l.saw("none; one into the root of a mount would not show")
					}
				}
				return confirmed // no mount is at "/": the root lies below one
			},
		},
		{
			ID: "userns-id-unmapped", stands: true, Looks: "the caller's ids in its own user namespace",
			On:     []On{{makesUser, []unix.Errno{unix.EPERM}}},
			Cause:  "this process has the {what} {id}, which stands for an id that its user namespace does not map: no namespace can belong to it",
			Remedy: "map it where that namespace is made: unshare --map-current-user",
			See:    []string{"clone(2): EPERM", "user_namespaces(7)", "kernel/user_namespace.c:create_user_ns"},
			probe:  unmapped,
		},
	}
}

// unmapped looks for the effective ids in the maps.
func unmapped(l *look) values {
	if namespaces(l.Step)&unix.CLONE_NEWUSER == 0 {
		return l.saw("no user namespace is asked for")
	}
	for _, of := range []struct{ file, field, what string }{{"uid_map", "Uid", "uid"}, {"gid_map", "Gid", "gid"}} {
		text, err := l.sys.read("/proc/self/" + of.file)
		ids, ok := l.sys.status(of.field)
		if err != nil || !ok {
			return l.saw("/proc/self/%s cannot be read", of.file)
		}
		m, err := userns.ParseMap(strings.NewReader(text))
		f := strings.Fields(ids)
		if err != nil || len(f) < 2 {
			return l.saw("/proc/self/%s makes no sense", of.file)
		}
		id, err := strconv.ParseUint(f[1], 10, 32) // real, effective, saved, of files
		if err != nil {
			return l.saw("/proc/self/status makes no sense")
		}
		if _, ok := m.ToOutside(uint32(id)); !ok {
			return values{"what": of.what, "id": f[1]}
		}
	}
	return l.saw("both are mapped")
}
