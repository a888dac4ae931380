package plan_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
)

// violations break one rule each, in a plan that is otherwise good.
var violations = []struct {
	rule string
	host func() *plan.Host
	harm func([]plan.Entry) []plan.Entry
}{
	{"no_new_privs before seccomp", plantest.Ordinary, without(prctl("PR_SET_NO_NEW_PRIVS"))},
	{"no_new_privs before seccomp", plantest.Ordinary, without(is[plan.SetFilter])},
	{"no_new_privs before seccomp", plantest.Ordinary, func(list []plan.Entry) []plan.Entry {
		nnp := slices.IndexFunc(list, prctl("PR_SET_NO_NEW_PRIVS"))
		filter := slices.IndexFunc(list, is[plan.SetFilter])
		list[nnp], list[filter] = list[filter], list[nnp]
		return list
	}},
	{"deny in setgroups before gid_map", plantest.NoSubordinate, without(func(e plan.Entry) bool {
		w, ok := e.Step.(plan.Write)
		return ok && string(w.Data) == "deny"
	})},
	{"nothing that needs CAP_SYS_ADMIN after capset", plantest.Ordinary, without(is[plan.Capset])},
	{"nothing that needs CAP_SYS_ADMIN after capset", plantest.Ordinary, after(is[plan.Capset], plan.Init, plan.Sethostname{Name: "late"})},
	{"nothing that needs CAP_SYS_ADMIN after capset", plantest.Ordinary, after(is[plan.Capset], plan.Init, plan.Setresuid{UID: 1})},
	{"old root detached before the payload", plantest.Ordinary, without(is[plan.Detach])},
	{"old root detached before the payload", plantest.Ordinary, after(is[plan.PivotRoot], plan.Init, plan.Umask{})},
	{"bounding set dropped before capset", plantest.Ordinary, without(prctl("PR_CAPBSET_DROP"))},
	{"nothing between the filter and execve", plantest.Ordinary, after(is[plan.SetFilter], plan.Payload, plan.Umask{})},
	{"nothing between the filter and execve", plantest.Ordinary, after(is[plan.Execve], plan.Payload, plan.Umask{})},
	{"nothing between the filter and execve", plantest.Ordinary, after(is[plan.SendFD], plan.Payload, plan.Umask{})},
	{"nothing between the filter and execve", plantest.Ordinary, without(is[plan.SendFD])},
	{"nothing between the filter and execve", plantest.Ordinary, func(list []plan.Entry) []plan.Entry { // some other descriptor
		i := slices.IndexFunc(list, is[plan.SendFD])
		send := list[i].Step.(plan.SendFD)
		send.FD = send.Socket
		list[i].Step = send
		return list
	}},
	{"descriptors closed on exec before the payload", plantest.Ordinary, without(is[plan.CloseRange])},
	{"parent death signal after the last change of uid", plantest.Ordinary, func(list []plan.Entry) []plan.Entry {
		setuid := slices.IndexFunc(list, is[plan.Setresuid])
		return slices.Delete(list, setuid+1, setuid+2)
	}},
	{"parent death signal after the last change of uid", plantest.Ordinary, func(list []plan.Entry) []plan.Entry {
		setuid := slices.IndexFunc(list, is[plan.Setresuid])
		return slices.Delete(list, setuid+2, setuid+3) // the look whether the parent lives
	}},
	{"undumpable before the payload", plantest.Ordinary, without(prctl("PR_SET_DUMPABLE"))},
	{"limits before the payload", plantest.Ordinary, without(is[plan.Clone3])},
	{"limits before the payload", plantest.Ordinary, without(is[plan.MoveProcess])},
	{"limits before the payload", plantest.Ordinary, func(list []plan.Entry) []plan.Entry { // init does not wait
		last := 0
		for i, e := range list {
			if _, ok := e.Step.(plan.Read); ok && e.Stage == plan.Init {
				last = i
			}
		}
		return slices.Delete(list, last, last+1)
	}},
	{"limits before the payload", delegated, func(list []plan.Entry) []plan.Entry {
		clone := slices.IndexFunc(list, is[plan.Clone3])
		limit := slices.IndexFunc(list, func(e plan.Entry) bool { s, ok := e.Step.(plan.Openat); return ok && s.Path == "memory.max" })
		list[clone], list[limit] = list[limit], list[clone]
		return list
	}},
	{"limits before the payload", delegated, func(list []plan.Entry) []plan.Entry {
		clone := slices.IndexFunc(list, is[plan.Clone3])
		s := list[clone].Step.(plan.Clone3)
		s.Cgroup = 0
		list[clone].Step = s
		return list
	}},
	{"init is its own program before the payload", plantest.Ordinary, without(func(e plan.Entry) bool {
		return is[plan.Read](e) && e.Stage == plan.Payload
	})},
	{"init is its own program before the payload", plantest.Ordinary, func(list []plan.Entry) []plan.Entry {
		exec := slices.IndexFunc(list, is[plan.ExecFD])
		return slices.Delete(list, exec-1, exec)
	}},
	{"every processor before the payload", plantest.Ordinary, without(func(e plan.Entry) bool {
		return is[plan.SchedSetaffinity](e) && e.Stage == plan.Init
	})},
	{"every processor before the payload", plantest.Ordinary, func(list []plan.Entry) []plan.Entry { // the supervisor's
		clone := slices.IndexFunc(list, is[plan.Clone3])
		return slices.Delete(list, clone+1, clone+2)
	}},
	{"every processor before the payload", plantest.Ordinary, func(list []plan.Entry) []plan.Entry { // with that of the network
		network := slices.IndexFunc(list, is[plan.Clone])
		list[network-1], list[network] = list[network], list[network-1]
		list[network].Stage = plan.Network
		return list
	}},
	{"every processor before the payload", plantest.Ordinary, func(list []plan.Entry) []plan.Entry { // init's is of one
		tie := slices.IndexFunc(list, is[plan.SchedSetaffinity])
		free := slices.IndexFunc(list, func(e plan.Entry) bool { return is[plan.SchedSetaffinity](e) && e.Stage == plan.Init })
		list[free].Step = list[tie].Step
		return list
	}},
	{"every processor before the payload", plantest.Ordinary, func(list []plan.Entry) []plan.Entry { // a second one, later
		tie := slices.IndexFunc(list, is[plan.SchedSetaffinity])
		return after(is[plan.Chdir], plan.Payload, list[tie].Step)(list)
	}},
	{"every processor before the payload", plantest.Ordinary, func(list []plan.Entry) []plan.Entry { // init's, before it is there
		list = slices.DeleteFunc(list, func(e plan.Entry) bool { return is[plan.SchedSetaffinity](e) && e.Stage == plan.Init })
		list[slices.IndexFunc(list, is[plan.SchedSetaffinity])].Stage = plan.Init
		return list
	}},
	{"a result before its use", plantest.Ordinary, without(is[plan.Fsmount])},
	{"a result before its use", plantest.Ordinary, without(is[plan.PidfdOpen])},
	{"a result before its use", plantest.Ordinary, func(list []plan.Entry) []plan.Entry {
		tree := slices.IndexFunc(list, is[plan.OpenTree])
		list[tree], list[tree+1] = list[tree+1], list[tree]
		return list
	}},
}

func delegated() *plan.Host {
	h := plantest.Ordinary()
	h.Cgroup = plantest.DelegatedTo("/", "cpu", "io", "memory", "pids")
	return h
}

func TestCheck(t *testing.T) {
	broken := map[string]bool{}
	for _, v := range violations {
		broken[v.rule] = true
		t.Run(v.rule, func(t *testing.T) {
			p := compile(t, commandLine(), v.host())
			if err := plan.Check(p); err != nil {
				t.Fatalf("the plan is bad before it is harmed: %v", err)
			}
			p.Entries = v.harm(slices.Clone(p.Entries))
			err := plan.Check(p)
			var e *plan.OrderError
			if !errors.As(err, &e) || e.Rule != v.rule {
				t.Errorf("Check = %v, want the rule %q", err, v.rule)
			}
		})
	}
	for _, name := range plan.RuleNames() {
		if !broken[name] {
			t.Errorf("no plan here breaks the rule %q", name)
		}
	}
}

// TestCheckNeverPanics takes out every entry in turn, and cuts the plan short
// everywhere.
func TestCheckNeverPanics(t *testing.T) {
	p := compile(t, commandLine(), plantest.Ordinary())
	whole := p.Entries
	for i := range whole {
		p.Entries = slices.Delete(slices.Clone(whole), i, i+1)
		_ = plan.Check(p)
		p.Entries = whole[:i]
		if plan.Check(p) == nil && i <= slices.IndexFunc(whole, is[plan.Execve]) {
			t.Fatalf("Check takes the first %d entries for a plan", i)
		}
	}
}

func compile(t testing.TB, spec *plan.Spec, host *plan.Host) *plan.Plan {
	t.Helper()
	plantest.Look(spec, host)
	p, err := plan.Compile(spec, host)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func is[S plan.Step](e plan.Entry) bool { _, ok := e.Step.(S); return ok }

func prctl(option string) func(plan.Entry) bool {
	return func(e plan.Entry) bool { p, ok := e.Step.(plan.Prctl); return ok && p.Option.Name == option }
}

func without(f func(plan.Entry) bool) func([]plan.Entry) []plan.Entry {
	return func(list []plan.Entry) []plan.Entry { return slices.DeleteFunc(list, f) }
}

func after(f func(plan.Entry) bool, stage plan.Stage, s plan.Step) func([]plan.Entry) []plan.Entry {
	return func(list []plan.Entry) []plan.Entry {
		return slices.Insert(list, slices.IndexFunc(list, f)+1, plan.Entry{Stage: stage, Step: s, Want: plan.Any})
	}
}
