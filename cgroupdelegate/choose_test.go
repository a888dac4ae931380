package cgroupdelegate

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	user    = "/user.slice/user-1000.slice/user@1000.service"
	mount   = "/sys/fs/cgroup"
	private = "/run/user/1000/systemd/private"
)

var (
	all         = []string{"cpuset", "cpu", "io", "memory", "pids"}
	three       = []string{"cpu", "memory", "pids"}
	userManager = Manager{Socket: private, Direct: true, Controllers: three, Missing: "/run/user/1000", User: true}
	noManager   = Manager{Missing: "/run/user/1000", User: true}
)

// hosts are the kinds of host that Choose tells apart.
var hosts = map[string]Facts{
	"login": { // a session of pam_systemd(8): root's, and so is what is above
		Mount: mount, Systemd: true, Manager: userManager,
		Own: Cgroup{Path: "/user.slice/user-1000.slice/session-1.scope"}, Parent: Cgroup{Path: "/user.slice/user-1000.slice"},
	},
	"su": { // or cron, or a manager that was stopped
		Mount: mount, Systemd: true, Manager: noManager,
		Own: Cgroup{Path: "/system.slice/cron.service"}, Parent: Cgroup{Path: "/system.slice"},
	},
	"root": {
		Mount: mount, Systemd: true, Manager: Manager{Socket: "/run/systemd/private", Direct: true, Controllers: all, Missing: "/run/systemd"},
		Own:    Cgroup{Path: "/user.slice/user-0.slice/session-3.scope", Writable: true, Busy: true, Controllers: three},
		Parent: Cgroup{Path: "/user.slice/user-0.slice", Writable: true, Controllers: all, Children: three},
	},
	"root without": { // systemd runs, and nothing answers for it
		Mount: mount, Systemd: true, Manager: Manager{Missing: "/run/systemd"},
		Own: Cgroup{Path: "/init.scope", Writable: true, Busy: true},
	},
	"container": { // a cgroup namespace, and nobody else to arrange it
		Mount: mount, Manager: noManager, Own: Cgroup{Path: "/", Writable: true, Busy: true, Controllers: all},
	},
	"container below": {
		Mount: mount, Manager: noManager,
		Own: Cgroup{Path: "/a", Writable: true, Busy: true}, Parent: Cgroup{Path: "/", Writable: true, Busy: true, Controllers: all},
	},
	"container read-only": {
		Mount: mount, ReadOnly: true, Manager: noManager, Own: Cgroup{Path: "/"},
	},
	"read-only, with systemd": { // a toolbox, with the host's runtime directory in it
		Mount: mount, ReadOnly: true, Systemd: true, Manager: userManager, Own: Cgroup{Path: user + "/app.slice/terminal.scope"},
	},
	"container not mine": {Mount: mount, Manager: noManager, Own: Cgroup{Path: "/"}},
	"above the namespace": {
		Mount: mount, Manager: noManager,
	},
	"no systemd, the machine's root": {
		Mount: mount, Own: Cgroup{Path: "/", Writable: true, Busy: true, Root: true, Controllers: all, Children: all},
	},
	"v1":   {V1: []string{"memory", "pids", "cpu"}, Systemd: true, Manager: userManager},
	"none": {Systemd: true, Manager: userManager},
	"hybrid": { // v2 is there for systemd's own use, and has no controller
		Mount: "/sys/fs/cgroup/unified", V1: []string{"memory", "pids", "cpu"}, Systemd: true,
		Manager: Manager{Socket: private, Direct: true, Missing: "/run/user/1000", User: true},
		Own:     Cgroup{Path: "/user.slice/user-1000.slice/session-1.scope"},
	},
	"service": { // Delegate=yes and User= of the system's manager
		Mount: mount, Systemd: true, Manager: noManager,
		Own:    Cgroup{Path: "/system.slice/runner.service", Writable: true, Delegated: true, Busy: true, Controllers: all},
		Parent: Cgroup{Path: "/system.slice"},
	},
	"scope": { // systemd-run --user --scope -p Delegate=yes
		Mount: mount, Systemd: true, Manager: userManager,
		Own:    Cgroup{Path: user + "/app.slice/run-1.scope", Writable: true, Delegated: true, Busy: true, Controllers: three},
		Parent: Cgroup{Path: user + "/app.slice", Writable: true, Controllers: three, Children: three},
	},
	"second jail": { // a jail's caller starts another
		Mount: mount, Systemd: true, Manager: userManager,
		Own:    Cgroup{Path: user + "/app.slice/run-1.scope/" + Callers, Writable: true, Inside: true, Busy: true, Controllers: []string{"pids"}},
		Parent: Cgroup{Path: user + "/app.slice/run-1.scope", Writable: true, Delegated: true, Controllers: three, Children: []string{"pids"}},
	},
	"second jail in a container": {
		Mount: mount, Manager: noManager,
		Own: Cgroup{Path: "/" + Callers, Writable: true, Busy: true}, Parent: Cgroup{Path: "/", Writable: true, Controllers: all},
	},
	"subgroup": { // DelegateSubgroup=
		Mount: mount, Systemd: true, Manager: userManager,
		Own:    Cgroup{Path: user + "/app.slice/x.service/main", Writable: true, Inside: true, Busy: true},
		Parent: Cgroup{Path: user + "/app.slice/x.service", Writable: true, Delegated: true, Controllers: three},
	},
	"leaf beside others": { // made by hand
		Mount: mount, Systemd: true, Manager: userManager,
		Own:    Cgroup{Path: user + "/app.slice/x.service/a/b", Writable: true, Inside: true, Busy: true, Controllers: three},
		Parent: Cgroup{Path: user + "/app.slice/x.service/a", Writable: true, Inside: true, Controllers: three, Children: three},
	},
	"busy above": { // no internal processes: nothing can be enabled beside
		Mount: mount, Systemd: true, Manager: userManager,
		Own:    Cgroup{Path: user + "/app.slice/x.service/main", Writable: true, Inside: true, Busy: true},
		Parent: Cgroup{Path: user + "/app.slice/x.service", Writable: true, Delegated: true, Busy: true, Controllers: three},
	},
	"user's own unit": { // writable, and the manager's to arrange
		Mount: mount, Systemd: true, Manager: userManager,
		Own:    Cgroup{Path: user + "/app.slice/terminal.scope", Writable: true, Busy: true, Controllers: three},
		Parent: Cgroup{Path: user + "/app.slice", Writable: true, Controllers: three, Children: three},
	},
	"user's own unit, manager gone": {
		Mount: mount, Systemd: true, Manager: noManager,
		Own:    Cgroup{Path: user + "/app.slice/terminal.scope", Writable: true, Busy: true, Controllers: three},
		Parent: Cgroup{Path: user + "/app.slice", Writable: true, Controllers: three, Children: three},
	},
}

func TestChoose(t *testing.T) {
	place := func(top string, empty bool, controllers []string) Place {
		return Place{Source: Delegated, Top: top, Empty: empty, Controllers: controllers}
	}
	scope := func(controllers []string) Place { return Place{Source: Systemd, Controllers: controllers} }
	off := func(why, remedy string) Place { return Place{Source: Off, Why: why, Remedy: remedy} }
	const (
		runScope  = "systemd-run --user --scope -p Delegate=yes procjail ..., or --cgroup systemd"
		byRoot    = "as root make one that is: mkdir it below cgroup2, chown it, its cgroup.procs and its cgroup.subtree_control, and start procjail in it"
		linger    = "loginctl enable-linger $USER as root starts one for good; logging in starts one for the session"
		noUser    = "no systemd of yours runs: there is no /run/user/1000, as after su, in cron and under ssh without a session"
		noSystemd = "systemd does not run this host"
		without   = "--cgroup delegated in a cgroup that you may write, or --cgroup off"
		unified   = "systemd.unified_cgroup_hierarchy=1 on the kernel's command line"
		readOnly  = "cgroup2 is mounted read-only at /sys/fs/cgroup"
		namespace = "start the container with a cgroup namespace of its own and /sys/fs/cgroup writable"
	)
	notMine := func(path string) string { return "the cgroup " + path + " is not yours to make children in" }
	session := "/user.slice/user-1000.slice/session-1.scope"
	for _, tt := range []struct {
		host                     string
		auto, systemd, delegated any // a Place, or why and remedy of an *Error
	}{
		{"login", scope(three), scope(three), [2]string{notMine(session), runScope}},
		{"su", off(noUser, linger), [2]string{noUser, linger}, [2]string{notMine("/system.slice/cron.service"), runScope}},
		{"root", scope(all), scope(all), place("/user.slice/user-0.slice", false, all)},
		{
			"root without", off("systemd has no socket in /run/systemd", "systemctl is-system-running, or --cgroup off"),
			[2]string{"systemd has no socket in /run/systemd", "systemctl is-system-running, or --cgroup off"},
			place("/init.scope", true, nil),
		},
		{"container", place("/", true, all), [2]string{noSystemd, without}, place("/", true, all)},
		{"container below", place("/a", true, nil), [2]string{noSystemd, without}, place("/a", true, nil)},
		{"container read-only", off(readOnly, namespace), [2]string{readOnly, namespace}, [2]string{readOnly, namespace}},
		{"read-only, with systemd", off(readOnly, namespace), [2]string{readOnly, namespace}, [2]string{readOnly, namespace}},
		{"container not mine", off(notMine("/"), byRoot), [2]string{noSystemd, without}, [2]string{notMine("/"), byRoot}},
		{"no systemd, the machine's root", place("/", false, all), [2]string{noSystemd, without}, place("/", false, all)},
		{
			"v1", off("this host has cgroup v1 only (memory, pids, cpu)", unified),
			[2]string{"this host has cgroup v1 only (memory, pids, cpu)", unified},
			[2]string{"this host has cgroup v1 only (memory, pids, cpu)", unified},
		},
		{
			"none", off("no cgroup2 is mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup as root"),
			[2]string{"no cgroup2 is mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup as root"},
			[2]string{"no cgroup2 is mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup as root"},
		},
		{"hybrid", scope(nil), scope(nil), [2]string{notMine(session), runScope}},
		{"service", place("/system.slice/runner.service", true, all), [2]string{noUser, linger}, place("/system.slice/runner.service", true, all)},
		{"scope", place(user+"/app.slice/run-1.scope", true, three), scope(three), place(user+"/app.slice/run-1.scope", true, three)},
		{"second jail", place(user+"/app.slice/run-1.scope", true, three), scope(three), place(user+"/app.slice/run-1.scope", true, three)},
		{"second jail in a container", place("/", true, all), [2]string{noSystemd, without}, place("/", true, all)},
		{"subgroup", place(user+"/app.slice/x.service", false, three), scope(three), place(user+"/app.slice/x.service", false, three)},
		{"leaf beside others", place(user+"/app.slice/x.service/a", false, three), scope(three), place(user+"/app.slice/x.service/a", false, three)},
		{"busy above", place(user+"/app.slice/x.service/main", true, nil), scope(three), place(user+"/app.slice/x.service/main", true, nil)},
		// Who asks for it by name knows better.
		{"user's own unit", scope(three), scope(three), place(user+"/app.slice", false, three)},
		{"user's own unit, manager gone", off(noUser, linger), [2]string{noUser, linger}, place(user+"/app.slice", false, three)},
	} {
		for src, want := range map[Source]any{Auto: tt.auto, Systemd: tt.systemd, Delegated: tt.delegated, Off: Place{Source: Off}} {
			t.Run(tt.host+"/"+src.String(), func(t *testing.T) {
				got, err := Choose(src, hosts[tt.host])
				if text, ok := want.([2]string); ok {
					var e *Error
					if !errors.As(err, &e) {
						t.Fatalf("Choose = %+v, %v, want an *Error", got, err)
					}
					if diff := cmp.Diff(&Error{src, text[0], text[1], e.Reason}, e); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
					if !slices.Contains(Reasons[:], e.Reason) {
						t.Errorf("the reason is %q, none of %v", e.Reason, Reasons)
					}
					if e.Error() != text[0] {
						t.Errorf("Error() = %q", e.Error())
					}
					want = Place{}
				} else if err != nil {
					t.Fatal(err)
				}
				// Of a leaf's parent it is known what its children have.
				above := hosts[tt.host].Parent
				if p, ok := want.(Place); ok && p.Source == Delegated && !p.Empty && p.Top == above.Path {
					p.Enabled = above.Children
					want = p
				}
				if p, ok := want.(Place); ok && p.Why != "" {
					if !slices.Contains(Reasons[:], got.Reason) {
						t.Errorf("the reason is %q, none of %v", got.Reason, Reasons)
					}
					p.Reason = got.Reason
					want = p
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

// TestChooseAuto: without a name there is no error, whatever the facts.
func TestChooseAuto(t *testing.T) {
	for name, f := range hosts {
		p, err := Choose(Auto, f)
		if err != nil || p.Source == Auto || (p.Source == Off) != (p.Why != "") || (p.Why == "") != (p.Remedy == "") || (p.Why == "") != (p.Reason == "") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestLacks(t *testing.T) {
	f := hosts["login"]
	p, _ := Choose(Auto, f)
	const dropIn = "as root: mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu memory pids io\\n' > " +
		"/etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload; then log in again"
	checkLacks(t, f, p, "io", "the io controller is not delegated to you", dropIn)
	if got := DropIn([]string{"cpu", "memory", "pids", "io"}); got != dropIn {
		t.Errorf("DropIn = %s", got)
	}
	if diff := cmp.Diff(three, p.Controllers); diff != "" {
		t.Errorf("Lacks changed the place: %s", diff)
	}

	f = hosts["scope"]
	p, _ = Choose(Auto, f)
	checkLacks(t, f, p, "io", "the io controller is not in cgroup.controllers of "+user+"/app.slice/run-1.scope", "a Delegate= of the unit around it that has io")

	f = hosts["root"]
	p, _ = Choose(Auto, f)
	checkLacks(t, f, p, "misc", "the misc controller is not in cgroup.controllers of the system's scopes", "a Delegate= of the unit around it that has misc")

	f = hosts["hybrid"]
	p, _ = Choose(Auto, f)
	checkLacks(t, f, p, "memory", "the memory controller is bound to cgroup v1", "systemd.unified_cgroup_hierarchy=1 on the kernel's command line")
}

func checkLacks(t *testing.T, f Facts, p Place, controller, why, remedy string) {
	t.Helper()
	gotWhy, gotRemedy := f.Lacks(p, controller)
	if diff := cmp.Diff([2]string{why, remedy}, [2]string{gotWhy, gotRemedy}); diff != "" {
		t.Errorf("%s: -want +got:\n%s", controller, diff)
	}
}

// TestFactsString: one line for each kind of host.
func TestFactsString(t *testing.T) {
	for host, want := range map[string]string{
		"login":               "/user.slice/user-1000.slice/session-1.scope in /sys/fs/cgroup",
		"container":           "/ in /sys/fs/cgroup, writable (cpuset cpu io memory pids)",
		"container read-only": "/ in /sys/fs/cgroup, read-only",
		"above the namespace": "above this namespace, in /sys/fs/cgroup",
		"v1":                  "v1 only: memory pids cpu",
		"none":                "not looked at, or none",
		"service":             "/system.slice/runner.service in /sys/fs/cgroup, delegated (cpuset cpu io memory pids)",
		"second jail":         user + "/app.slice/run-1.scope/" + Callers + " in /sys/fs/cgroup, delegated (pids)",
	} {
		if got := hosts[host].String(); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	if got := userManager.String(); got != private+" (cpu memory pids)" {
		t.Errorf("manager: %q", got)
	}
	if got := noManager.String(); got != "none" {
		t.Errorf("no manager: %q", got)
	}
}
