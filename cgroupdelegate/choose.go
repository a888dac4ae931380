package cgroupdelegate

import (
	"fmt"
	"path"
	"strings"
)

// Source is where the cgroup of a jail is to come from.
type Source uint8

// The sources. With Auto the facts decide, and a host that has none to give is
// no error.
const (
	Auto Source = iota
	Systemd
	Delegated
	Off
)

func (s Source) String() string {
	return [...]string{"auto", "systemd", "delegated", "off"}[s]
}

// ParseSource reads the name of a source.
func ParseSource(s string) (Source, error) {
	for src := Auto; src <= Off; src++ {
		if src.String() == s {
			return src, nil
		}
	}
	return 0, fmt.Errorf("%q: want auto, systemd, delegated or off", s)
}

// Place is where the cgroup of a jail will be.
type Place struct {
	Source      Source   // Systemd, Delegated or Off
	Top         string   // Delegated: the cgroup, below the mount, to make it in
	Empty       bool     // Delegated: the processes of Top leave it for Callers, until the last jail ends
	Controllers []string // what can be enabled there
	Enabled     []string // what is, for children

	// Off although a cgroup was asked for: why, and what would mend it.
	Why, Remedy string
	Reason      Reason
}

// Reason is why a host has no cgroup to give, as a word that stays the same.
type Reason string

// The reasons.
const (
	ReadOnly      Reason = "cgroup-mount-readonly" // cgroup2 is mounted, and nobody may write to it here
	V1Only        Reason = "cgroup-v1"             // the controllers are bound to cgroup v1
	NotMounted    Reason = "cgroup-not-mounted"
	NotDelegated  Reason = "cgroup-not-delegated" // the cgroup is somebody else's, or systemd's to arrange
	NoSystemd     Reason = "systemd-none"         // this host is not run by systemd
	NoSocket      Reason = "systemd-no-socket"    // the system's manager is not to be reached
	NoUserSystemd Reason = "systemd-no-session"   // no manager of the caller's runs
)

// Reasons are all of them.
var Reasons = [...]Reason{ReadOnly, V1Only, NotMounted, NotDelegated, NoSystemd, NoSocket, NoUserSystemd}

// Callers is the child of a delegated cgroup that takes the processes found in
// it for as long as a jail stands beside them: one that has processes of its
// own can enable no controller for its children ("no internal processes").
const Callers = "procjail.callers"

// Prefix begins the name of every scope and cgroup that is procjail's.
const Prefix = "procjail-"

// Error is a source that was asked for by name and cannot be had.
type Error struct {
	Source      Source
	Why, Remedy string
	Reason      Reason
}

func (e *Error) Error() string { return e.Why }

// Choose returns the place that src becomes on this host. The error is an
// *Error; Auto has none, but a Place that is Off, with the reason.
func Choose(src Source, f Facts) (Place, error) {
	if src == Off {
		return Place{Source: Off}, nil
	}
	delegated, noneDelegated := f.delegated(src == Delegated)
	systemd, noSystemd := f.systemd()
	switch {
	case f.Mount == "" || f.ReadOnly:
		p := f.noMount()
		if src == Auto {
			return p, nil
		}
		return Place{}, &Error{src, p.Why, p.Remedy, p.Reason}
	case src == Delegated:
		if noneDelegated != nil {
			return Place{}, noneDelegated
		}
		return delegated, nil
	case src == Systemd:
		if noSystemd != nil {
			return Place{}, noSystemd
		}
		return systemd, nil
	case noneDelegated == nil:
		return delegated, nil
	case noSystemd == nil:
		return systemd, nil
	case f.Systemd:
		return Place{Source: Off, Why: noSystemd.Why, Remedy: noSystemd.Remedy, Reason: noSystemd.Reason}, nil
	}
	return Place{Source: Off, Why: noneDelegated.Why, Remedy: noneDelegated.Remedy, Reason: noneDelegated.Reason}, nil
}

// delegated finds a cgroup that the caller may make children in and that nobody
// else arranges. Where systemd runs, that is one that it has marked: what it
// gives to a user's services is writable too, but not the user's to change
// (https://systemd.io/CGROUP_DELEGATION, the single-writer rule). Who asks for it
// by name knows better.
func (f Facts) delegated(asked bool) (Place, *Error) {
	free := func(c Cgroup) bool {
		return c.Path != "" && c.Writable && (c.Delegated || c.Inside || !f.Systemd || asked)
	}
	switch {
	// A second jail of the first one's caller. The first may end, and the callers
	// go back, before this one is there: so it sees to them as the first did.
	case free(f.Parent) && path.Base(f.Own.Path) == Callers:
		return Place{Source: Delegated, Top: f.Parent.Path, Empty: true, Controllers: f.Parent.Controllers}, nil
	// A leaf beside others, as DelegateSubgroup= makes: nobody has to move.
	case free(f.Parent) && !f.Own.Delegated && !f.Parent.Busy && (f.Parent.Delegated || len(f.Parent.Children) > 0):
		return Place{Source: Delegated, Top: f.Parent.Path, Controllers: f.Parent.Controllers, Enabled: f.Parent.Children}, nil
	case free(f.Own):
		return Place{Source: Delegated, Top: f.Own.Path, Empty: !f.Own.Root, Controllers: f.Own.Controllers}, nil
	}
	why := "the cgroup " + f.Own.Path + " is not yours to make children in"
	if f.Own.Writable {
		why = "the cgroup " + f.Own.Path + " is systemd's to arrange: it is not marked as delegated"
	}
	remedy := "systemd-run --user --scope -p Delegate=yes procjail ..., or --cgroup systemd"
	if !f.Systemd {
		remedy = "as root make one that is: mkdir it below cgroup2, chown it, its cgroup.procs and its cgroup.subtree_control, and start procjail in it"
	}
	return Place{}, &Error{Delegated, why, remedy, NotDelegated}
}

func (f Facts) systemd() (Place, *Error) {
	m := f.Manager
	switch {
	case m.Socket != "":
		return Place{Source: Systemd, Controllers: m.Controllers}, nil
	case !f.Systemd:
		return Place{}, &Error{Systemd, "systemd does not run this host", "--cgroup delegated in a cgroup that you may write, or --cgroup off", NoSystemd}
	case !m.User:
		return Place{}, &Error{Systemd, "systemd has no socket in " + m.Missing, "systemctl is-system-running, or --cgroup off", NoSocket}
	}
	return Place{}, &Error{
		Systemd, "no systemd of yours runs: there is no " + m.Missing + ", as after su, in cron and under ssh without a session",
		"loginctl enable-linger $USER as root starts one for good; logging in starts one for the session", NoUserSystemd,
	}
}

// noMount is for a host with no cgroup2 to write to. systemd would make a scope
// also where it is read-only, but nobody could put a limit into it.
func (f Facts) noMount() Place {
	if f.ReadOnly {
		return Place{
			Source: Off, Why: "cgroup2 is mounted read-only at " + f.Mount,
			Remedy: "start the container with a cgroup namespace of its own and /sys/fs/cgroup writable", Reason: ReadOnly,
		}
	}
	if len(f.V1) > 0 {
		return Place{
			Source: Off, Why: "this host has cgroup v1 only (" + strings.Join(f.V1, ", ") + ")",
			Remedy: "systemd.unified_cgroup_hierarchy=1 on the kernel's command line", Reason: V1Only,
		}
	}
	return Place{Source: Off, Why: "no cgroup2 is mounted", Remedy: "mount -t cgroup2 cgroup2 /sys/fs/cgroup as root", Reason: NotMounted}
}

// Lacks says why a place has no controller for a limit, and what would give it
// one.
func (f Facts) Lacks(p Place, controller string) (why, remedy string) {
	for _, c := range f.V1 {
		if c == controller {
			return "the " + controller + " controller is bound to cgroup v1", "systemd.unified_cgroup_hierarchy=1 on the kernel's command line"
		}
	}
	if p.Source == Systemd && f.Manager.User {
		return "the " + controller + " controller is not delegated to you", DropIn(append(p.Controllers[:len(p.Controllers):len(p.Controllers)], controller))
	}
	return "the " + controller + " controller is not in cgroup.controllers of " + p.where(), "a Delegate= of the unit around it that has " + controller
}

func (p Place) where() string {
	if p.Source == Delegated {
		return p.Top
	}
	return "the system's scopes"
}

// DropIn is the line that makes systemd delegate these controllers to the
// managers of users.
func DropIn(controllers []string) string {
	return "as root: mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=" + strings.Join(controllers, " ") +
		"\\n' > /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload; then log in again"
}
