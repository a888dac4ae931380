package cause

import (
	"context"
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// scopeEntries are about systemd, which makes a scope for the jail. What it
// answers is its own word for what it did.
func scopeEntries() []Entry {
	const off = "--cgroup off"
	asks := []plan.Step{plan.StartScope{}, plan.AwaitScope{}}
	none := []unix.Errno{0}
	// of is an error of systemd's, by a test.
	of := func(is func(*systemd.Error) bool) func(*look) values {
		return func(l *look) values {
			for _, e := range tried(l.Err) {
				if is(e) {
					return values{"unit": e.Unit, "message": e.Message, "name": e.Name, "result": e.Result, "socket": e.Address}
				}
			}
			return l.saw("it says something else")
		}
	}
	return []Entry{
		{
			ID: "systemd-denied", Looks: "whether systemd refuses", On: []On{{asks, none}},
			Cause:  "systemd refuses a scope to this account: {message}",
			Remedy: off,
			See:    []string{"org.freedesktop.systemd1(5): StartTransientUnit", "polkit(8)"},
			probe:  of(func(e *systemd.Error) bool { return e.Name == systemd.AccessDenied }),
		},
		{
			ID: "systemd-no-manager", Looks: "whether systemd is on that bus", On: []On{{asks, none}},
			Cause:  "no systemd is on the bus {socket}: {message}",
			Remedy: "log in by PAM, or " + off,
			See:    []string{"org.freedesktop.systemd1(5)", "pam_systemd(8)"},
			probe:  of(func(e *systemd.Error) bool { return e.Name == systemd.NoService }),
		},
		{
			ID: "systemd-not-yours", Looks: "whether the socket takes this account", On: []On{{asks, none}},
			Cause:  "{socket} does not take this account's credentials: it is another user's",
			Remedy: "unset XDG_RUNTIME_DIR and DBUS_SESSION_BUS_ADDRESS, as after su, or " + off,
			See:    []string{"D-Bus Specification: Authentication Protocol"},
			probe:  of(func(e *systemd.Error) bool { return errors.Is(e, systemd.ErrRejected) }),
		},
		{
			ID: "systemd-unit-failed", Looks: "how systemd's job ended", On: []On{{asks, none}},
			Cause:  "systemd began the scope {unit}, and its job ended with \"{result}\"",
			Remedy: "journalctl --user -u '" + cgroupdelegate.Prefix + "*' has why (as root without --user), or " + off,
			See:    []string{"org.freedesktop.systemd1(5): JobRemoved", "systemd's src/core/job.c:job_result_table"},
			probe:  of(func(e *systemd.Error) bool { return e.Result != "" }),
		},
		{
			ID: "systemd-silent", Looks: "whether systemd answers", On: []On{{asks, none}},
			Cause:  "systemd has its socket at {socket}, and did not answer in time",
			Remedy: "systemctl --user is-system-running (as root without --user), or " + off,
			See:    []string{"org.freedesktop.systemd1(5)"},
			probe: func(l *look) values {
				if !errors.Is(l.Err, context.DeadlineExceeded) || !l.sys.exists(l.socket()) {
					return l.saw("it did, or is gone")
				}
				return values{"socket": l.socket()}
			},
		},
		{
			ID: "systemd-ended", Looks: "systemd's socket",
			On:     []On{{asks, []unix.Errno{unix.ECONNREFUSED, unix.ENOENT}}},
			Cause:  "{what}: no systemd is there to ask",
			Remedy: "log in again, which starts one, or " + off,
			See:    []string{"unix(7)", "connect(2): ECONNREFUSED"},
			probe: func(l *look) values {
				switch {
				case l.socket() == "":
					return l.saw("none is known")
				case !l.sys.exists(l.socket()):
					return values{"what": "there is no " + l.socket() + " any more"}
				case l.Errno == unix.ECONNREFUSED:
					return values{"what": "nobody listens on " + l.socket()}
				}
				return l.saw("it is there")
			},
		},
		{
			ID: "systemd-socket-denied", Looks: "whose systemd's socket is",
			On:     []On{{asks, refusals}},
			Cause:  "{socket} is not this account's to connect to",
			Remedy: "unset XDG_RUNTIME_DIR and DBUS_SESSION_BUS_ADDRESS, as after su, or " + off,
			See:    []string{"unix(7): Pathname socket ownership and permissions"},
			probe: func(l *look) values {
				if l.sys.Access == nil || sys.Errno(l.sys.Access(l.socket(), unix.W_OK)) != unix.EACCES {
					return l.saw("this account's")
				}
				return values{"socket": l.socket()}
			},
		},
		{
			ID: "scope-not-entered", Looks: "/proc/self/cgroup",
			On:     []On{{[]plan.Step{plan.OpenCgroup{}}, []unix.Errno{0, unix.ENOENT}}},
			Cause:  "systemd says that the scope {unit} is there, and procjail is in {own}",
			Remedy: off,
			See:    []string{"systemd.scope(5)", "cgroups(7): /proc/PID/cgroup"},
			probe: func(l *look) values {
				s := l.Step.(plan.OpenCgroup)
				own := l.sys.ownCgroup()
				if own == "" || path.Base(own) == s.Unit {
					return l.saw("%s", own)
				}
				return values{"unit": s.Unit, "own": own}
			},
		},
		{
			ID: "cgroup-not-shown", Looks: "the mount of cgroup2",
			On:     []On{{[]plan.Step{plan.OpenCgroup{}}, []unix.Errno{unix.ENOENT}}},
			Cause:  "procjail is in the cgroup {own}, which {mount} does not show",
			Remedy: "mount -t cgroup2 cgroup2 {mount} as root, or " + off,
			See:    []string{"cgroup_namespaces(7)", "cgroups(7)"},
			probe: func(l *look) values {
				s := l.Step.(plan.OpenCgroup)
				own := l.sys.ownCgroup()
				if own == "" || l.sys.exists(s.Mount+own) {
					return l.saw("it is there")
				}
				return values{"own": own, "mount": s.Mount}
			},
		},
	}
}

// placeEntries are why a host has no cgroup to give. A plan is made without one,
// and a note says so; --cgroup and --require make it a refusal.
func placeEntries() []Entry {
	entry := func(reason cgroupdelegate.Reason, looks, cause, remedy string, see ...string) Entry {
		return Entry{
			ID: string(reason), Looks: looks, Cause: cause, Remedy: remedy, See: append([]string{"cgroups(7)"}, see...),
			probe: func(l *look) values {
				if l.host == nil {
					return l.saw("nobody asked")
				}
				place, err := cgroupdelegate.Choose(cgroupdelegate.Auto, l.host.Cgroup)
				if reason == cgroupdelegate.NoSystemd { // which is asked for by --cgroup systemd only
					_, err = cgroupdelegate.Choose(cgroupdelegate.Systemd, l.host.Cgroup)
				}
				var e *cgroupdelegate.Error
				if errors.As(err, &e) {
					place.Reason = e.Reason
				}
				if place.Reason != reason {
					return l.saw("%s", l.host.Cgroup)
				}
				return values{
					"mount": l.host.Cgroup.Mount, "cgroup": l.host.Cgroup.Own.Path, "controllers": strings.Join(l.host.Cgroup.V1, ", "),
					"directory": l.host.Cgroup.Manager.Missing,
				}
			},
		}
	}
	return []Entry{
		entry(cgroupdelegate.ReadOnly, "how cgroup2 is mounted", "cgroup2 is mounted read-only at {mount}",
			"start the container with a cgroup namespace of its own and /sys/fs/cgroup writable", "cgroup_namespaces(7)"),
		entry(cgroupdelegate.V1Only, "/proc/self/cgroup", "this host has cgroup v1 only ({controllers})",
			"systemd.unified_cgroup_hierarchy=1 on the kernel's command line", "systemd(1)"),
		entry(cgroupdelegate.NotMounted, "/sys/fs/cgroup", "no cgroup2 is mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup as root"),
		entry(cgroupdelegate.NotDelegated, "whose the cgroup is", "the cgroup {cgroup} is not yours to make children in, or systemd's to arrange: not marked as delegated",
			"as root make one that is: mkdir it below cgroup2, chown it, its cgroup.procs and its cgroup.subtree_control, and start procjail in it",
			"systemd's CGROUP_DELEGATION.md"),
		entry(cgroupdelegate.NoSystemd, "/run/systemd/system", "systemd does not run this host",
			"--cgroup delegated in a cgroup that you may write, or --cgroup off", "sd_booted(3)"),
		entry(cgroupdelegate.NoSocket, "the sockets of the system's manager", "systemd has no socket in {directory}",
			"systemctl is-system-running, or --cgroup off", "systemd(1)"),
		entry(cgroupdelegate.NoUserSystemd, "the sockets of the caller's manager",
			"no systemd of yours runs: there is no {directory}, as after su, in cron and under ssh without a session",
			"loginctl enable-linger $USER as root starts one for good; logging in starts one for the session", "loginctl(1)", "user@.service(5)"),
	}
}

// tried are the errors of systemd in err: one, or those of each address.
func tried(err error) []*systemd.Error {
	var dial *systemd.DialError
	if errors.As(err, &dial) {
		return dial.Tried
	}
	var e *systemd.Error
	if errors.As(err, &e) {
		return []*systemd.Error{e}
	}
	return nil
}

// socket is where systemd is reached.
func (l *look) socket() string {
	switch s := l.Step.(type) {
	case plan.StartScope:
		return s.Socket
	case plan.AwaitScope:
		return s.Socket
	}
	return ""
}
