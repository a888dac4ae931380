package plan_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

// TestTerminalCovered: the payload's pseudo-terminal is of the jail's devpts, so
// nothing may cover that.
func TestTerminalCovered(t *testing.T) {
	const (
		none = "a terminal for the payload: the profile mounts no /dev of the jail's own"
		at   = ", where its pseudo-terminal would be"
	)
	hide := func(dest string) profiles.Mount {
		return profiles.Mount{Kind: profiles.Hide, Dest: dest, From: "--hide"}
	}
	show := func(src, dest string) profiles.Mount {
		return profiles.Mount{Kind: profiles.ReadOnly, Source: src, Dest: dest, From: "--ro"}
	}
	dev := func(dest string) profiles.Mount {
		return profiles.Mount{Kind: profiles.Dev, Dest: dest, From: "profile x"}
	}
	pts := profiles.Mount{Kind: profiles.Link, Source: "/dev/pts", Dest: "/pts", From: "link"}
	for _, tt := range []struct {
		name   string
		mounts []profiles.Mount
		want   string
	}{
		{"nothing", nil, ""},
		{"beside it", []profiles.Mount{hide("/dev/shm"), hide("/dev/null")}, ""},
		{"--hide /dev/pts", []profiles.Mount{hide("/dev/pts")}, "a terminal for the payload: --hide covers /dev/pts" + at},
		{"--hide through a link", []profiles.Mount{pts, hide("/pts")}, "a terminal for the payload: --hide covers /dev/pts" + at},
		{"--hide /dev", []profiles.Mount{hide("/dev")}, "a terminal for the payload: --hide covers /dev" + at},
		{"--tmpfs /dev", []profiles.Mount{{Kind: profiles.Tmpfs, Dest: "/dev", From: "--tmpfs"}}, "a terminal for the payload: --tmpfs covers /dev" + at},
		{"--ro on /dev/pts", []profiles.Mount{show("/srv/shared", "/dev/pts")}, "a terminal for the payload: --ro covers /dev/pts" + at},
		{"--ro on /dev/pts/ptmx", []profiles.Mount{show("/srv/data.txt", "/dev/pts/ptmx")}, "a terminal for the payload: --ro covers /dev/pts/ptmx" + at},
		{"covered, and mounted again", []profiles.Mount{hide("/dev"), {Kind: profiles.Tmpfs, Dest: "/dev", From: "--tmpfs"}, dev("/dev")}, ""},
	} {
		for _, tty := range []plan.TTY{plan.TTYAlways, plan.TTYNever} {
			spec, host := strict(), plantest.Ordinary()
			spec.TTY = tty
			spec.Mounts = append(slices.Clone(spec.Mounts), tt.mounts...)
			plantest.Look(spec, host)
			checkRefusal(t, tt.name, spec, host, map[plan.TTY]string{plan.TTYAlways: tt.want}[tty])
		}
	}
	for name, at := range map[string]string{"no dev": "", "dev elsewhere": "/mydev"} {
		spec, host := strict(), plantest.Ordinary()
		spec.TTY = plan.TTYAlways
		spec.Mounts = slices.DeleteFunc(slices.Clone(spec.Mounts), func(m profiles.Mount) bool { return m.Kind == profiles.Dev })
		if at != "" {
			spec.Mounts = append(spec.Mounts, dev(at))
		}
		plantest.Look(spec, host)
		checkRefusal(t, name, spec, host, none)
	}
}

// checkRefusal compiles, and wants the refusal, or a plan where that is empty.
func checkRefusal(t *testing.T, name string, spec *plan.Spec, host *plan.Host, want string) {
	t.Helper()
	p, err := plan.Compile(spec, host)
	if err == nil {
		err = plan.Check(p)
	}
	var r *plan.Refusal
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case want != "" && (!errors.As(err, &r) || r.Error() != want || r.Remedy == "" || r.Exit != 125):
		t.Errorf("%s: %+v, want the refusal %q", name, err, want)
	}
}
