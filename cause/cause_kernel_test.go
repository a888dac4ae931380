package cause

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/seccomp"
	"github.com/Emmanuel326/procjail/userns"
)

// live is the running system, as cmd/procjail asks it.
func live() *System {
	s := Live()
	s.Try = func(t Trial) Tried {
		got := launch.Try(launch.Trial{Flags: t.Flags, Entries: t.Entries, Call: t.Call, Meanwhile: t.Meanwhile}, t.Results)
		return Tried{Cloned: got.Cloned, Made: got.Made, Result: got.Result, Killed: got.Killed, Results: got.Results, Read: got.Read}
	}
	return s
}

// TestKernelQuestions makes every question for every step of several plans: the
// kernel must give the answer that the question expects of it.
func TestKernelQuestions(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	s := live()
	asked, without := map[string]bool{}, map[string]bool{}
	for _, c := range plans(t) {
		for i, e := range c.plan.Entries {
			call, q, ok := questionFor(e.Step)
			name := callName(e.Step)
			if p, is := e.Step.(plan.Prctl); is {
				name += " " + p.Option.Name
			}
			if !ok {
				without[typeName(e.Step)] = true
				continue
			}
			if asked[name+e.Stage.String()] {
				continue
			}
			asked[name+e.Stage.String()] = true
			l := &look{Failure: Failure{Step: e.Step, Stage: e.Stage, Index: i, Errno: unix.EPERM}, host: c.host, plan: c.plan, sys: s}
			if e.Stage == plan.Supervisor && q.privileged {
				l.Stage = plan.Init
			}
			if got := l.ask(); got != byKernel {
				t.Errorf("%s: %v answers %v: %d, want one of %v", plan.Spell(e.Step), call, unix.Errno(l.answer(spaces, call)), got, q.answers)
			}
		}
	}
	t.Logf("%d questions; none for %v", len(asked), without)
	if len(asked) < 60 {
		t.Errorf("only %d questions were asked", len(asked))
	}
}

// TestKernelHealthy: on this host, where jails can be made, no step's errno has a
// known cause.
func TestKernelHealthy(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	s := live()
	state := filepath.Join(t.TempDir(), "state")
	for _, dir := range []string{"upper", "work"} {
		if err := os.MkdirAll(filepath.Join(state, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(*plan.Spec){
		"self": func(spec *plan.Spec) {
			spec.ID = userns.Self
			spec.Mounts = append(spec.Mounts,
				profiles.Mount{Kind: profiles.Overlay, Source: "/usr/share", Dest: "/mnt", Upper: state, From: "--overlay"},
				profiles.Mount{Kind: profiles.OverlayTmp, Source: "/usr/share", Dest: "/srv", From: "--overlay-tmp"})
		},
		"auto": func(*plan.Spec) {},
	} {
		p, h := compileLive(t, change)
		seen := map[string]bool{}
		asked := 0
		for i, e := range p.Entries {
			kind := typeName(e.Step) + e.Stage.String()
			if _, ok := e.Step.(plan.Openat); !ok && seen[kind] {
				continue
			}
			seen[kind] = true
			if e.Skip[0] == plan.Errno(unix.EEXIST) {
				continue // a directory above, which may be root's
			}
			for errno := unix.Errno(1); errno < 134; errno++ {
				if len(For(e.Step, errno)) == 0 {
					continue
				}
				asked++
				if found := s.Find(Failure{Step: e.Step, Stage: e.Stage, Index: i, Errno: errno, Want: e.Want}, h, p); found.ID != Unknown {
					t.Errorf("%s: %s %s: %s: %s", name, plan.Spell(e.Step), errnoName(errno), found.ID, found.Cause)
				}
			}
		}
		t.Logf("%s: %d steps with an errno", name, asked)
	}
}

// compileLive makes a plan for this host.
func compileLive(t *testing.T, change func(*plan.Spec)) (*plan.Plan, *plan.Host) {
	t.Helper()
	profile, _ := profiles.Builtin("strict")
	filter, ok := seccomp.Builtin(profile.Seccomp)
	if !ok {
		t.Fatal("no built-in filter")
	}
	spec := &plan.Spec{
		Profile: *profile, Argv: []string{"/bin/true"}, InitImage: launch.InitImage(), Forward: true, Cgroup: cgroupdelegate.Off,
		Filter: plan.Filter{Name: filter.Name, Program: filter.Program, Flags: filter.Flags},
	}
	change(spec)
	h, err := host.Probe(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Compile(spec, h)
	if err == nil {
		err = plan.Check(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p, h
}
