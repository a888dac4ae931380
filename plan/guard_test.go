package plan_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/bpftest"
	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

func TestKeepsToItself(t *testing.T) {
	for _, tt := range []struct {
		name    string
		keep    string
		host    func() *plan.Host
		refused bool
	}{
		{"an id of its own", "CAP_SETUID", plantest.Ordinary, true},
		{"an id of its own", "CAP_DAC_OVERRIDE", plantest.Ordinary, true},
		{"an id of its own", "CAP_NET_RAW", plantest.Ordinary, false},
		{"the caller's id", "CAP_SETUID", plantest.NoSubordinate, false},
		{"called by root", "CAP_SETUID", plantest.Root, true},
		{"called by root", "CAP_CHOWN", plantest.Root, true},
	} {
		spec, host := strict(), tt.host()
		spec.Keep = []string{tt.keep}
		plantest.Look(spec, host)
		_, err := plan.Compile(spec, host)
		var r *plan.Refusal
		if errors.As(err, &r) != tt.refused || err != nil && r == nil {
			t.Errorf("%s, %s: %v, want a refusal: %v", tt.keep, tt.name, err, tt.refused)
		}
	}
}

// TestWhoseID: a payload of root's has an id of its own without a range, and lacks
// nothing; one of alice's without a range has hers.
func TestWhoseID(t *testing.T) {
	for name, tt := range map[string]struct {
		host *plan.Host
		want plan.Note
	}{
		"root":  {plantest.Root(), plan.Note{Text: "the payload is host uid 1878982656: no subordinate user ids for root in /etc/subuid"}},
		"alice": {plantest.NoSubordinate(), plan.Note{Feature: plan.FeatureSubID, Text: "the payload runs under your own id: no subordinate user ids for alice in /etc/subuid"}},
	} {
		spec := strict()
		plantest.Look(spec, tt.host)
		p := compile(t, spec, tt.host)
		if !slices.Contains(p.Notes, tt.want) {
			t.Errorf("%s: notes %q, want %q", name, p.Notes, tt.want)
		}
	}
}

// TestSession: the payload is never in its caller's session, and never has its
// caller's terminal unless that was asked for.
func TestSession(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		for _, tty := range []plan.TTY{plan.TTYAuto, plan.TTYAlways, plan.TTYNever} {
			spec, host := strict(), plantest.Ordinary()
			spec.TTY = tty
			host.Stdio[2].Terminal = terminal
			host.Terminal = plan.Terminal{Rows: 25, Cols: 80, Termios: make([]byte, 36)}
			p := compile(t, spec, host)
			if !slices.ContainsFunc(p.Entries, is[plan.Setsid]) {
				t.Errorf("terminal %v, tty %v: no setsid", terminal, tty)
			}
			var replaced []plan.FD
			for _, e := range p.Entries {
				if d, ok := e.Step.(plan.Dup3); ok && e.Stage == plan.Payload {
					replaced = append(replaced, d.New)
				}
			}
			var want []plan.FD
			switch {
			case tty == plan.TTYAlways:
				want = []plan.FD{0, 1, 2}
			case tty == plan.TTYAuto && terminal:
				want = []plan.FD{2}
			}
			if !slices.Equal(replaced, want) {
				t.Errorf("terminal %v, tty %v: streams %v are a pseudo-terminal, want %v", terminal, tty, replaced, want)
			}
		}
	}
}

func TestPipesOneWay(t *testing.T) {
	host := plantest.Ordinary()
	host.Stdio = [3]plan.Stdio{{Open: true, Read: true, Pipe: true}, {Open: true, Write: true, Pipe: true}, {Open: true, Read: true, Write: true, Pipe: true}}
	var got []uint32
	for _, e := range compile(t, strict(), host).Entries {
		if s, ok := e.Step.(plan.Fchmod); ok && s.FD <= 2 {
			got = append(got, s.Mode)
		}
	}
	if want := []uint32{0o644, 0o622, 0o666}; !slices.Equal(got, want) {
		t.Errorf("modes %o, want %o", got, want)
	}
}

// TestTiedFilter runs the filter of a payload that is PID 1.
func TestTiedFilter(t *testing.T) {
	native, compat := uint32(unix.AUDIT_ARCH_X86_64), uint32(unix.AUDIT_ARCH_I386)
	if runtime.GOARCH == "arm64" {
		native, compat = unix.AUDIT_ARCH_AARCH64, unix.AUDIT_ARCH_ARM
	}
	spec, host := strict(), plantest.Ordinary()
	spec.Init, host.Arch = profiles.PID1Payload, runtime.GOARCH
	p := compile(t, spec, host)
	i := slices.IndexFunc(p.Entries, is[plan.SetFilter])
	text := p.Entries[i].Step.(plan.SetFilter).Program
	var raw []bpf.RawInstruction
	for ; len(text) > 0; text = text[8:] {
		raw = append(raw, bpf.RawInstruction{
			Op: binary.NativeEndian.Uint16(text), Jt: text[2], Jf: text[3], K: binary.NativeEndian.Uint32(text[4:]),
		})
	}
	vm := bpftest.New(t, raw)
	const kill, cont, name = uint32(unix.SIGKILL), uint32(unix.SIGCONT), uint32(unix.PR_SET_NAME)
	allow, refuse := uint32(unix.SECCOMP_RET_ALLOW), unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)
	for _, tt := range []struct {
		arch, nr, option, arg, want uint32
	}{
		{native, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0, refuse},
		{native, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, cont, refuse},
		{native, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, kill, allow},
		{native, unix.SYS_PRCTL | 1<<30, unix.PR_SET_PDEATHSIG, 0, refuse},
		{native, unix.SYS_PRCTL, name, 0, allow},
		{native, unix.SYS_PRCTL + 1, unix.PR_SET_PDEATHSIG, 0, allow},
		{native, 172, unix.PR_SET_PDEATHSIG, 0, allow},
		{compat, 172, unix.PR_SET_PDEATHSIG, 0, refuse},
		{compat, 172, unix.PR_SET_PDEATHSIG, kill, allow},
		{compat, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0, allow},
		{0, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0, allow},
	} {
		got := vm.Run(bpftest.Call(tt.arch, tt.nr, uint64(tt.option), uint64(tt.arg)))
		if got != tt.want {
			t.Errorf("arch %#x nr %d option %d arg %d: %#x, want %#x", tt.arch, tt.nr, tt.option, tt.arg, got, tt.want)
		}
	}
}
