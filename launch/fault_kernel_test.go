package launch

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// TestKernelFaults makes every single entry of several plans fail in turn. Each
// time the error must be that entry's, whole, and nothing of the jail may be
// left. The failure is the kernel's own: the call is exchanged for one that it
// always refuses.
func TestKernelFaults(t *testing.T) {
	kerneltest.Unprivileged(t)
	kerneltest.Require(t, kerneltest.UserNamespaces)
	signal.Ignore(unix.SIGHUP) // as under nohup(1)
	defer func() {
		// signal.Reset does not take it back.
		c := make(chan os.Signal, 1)
		signal.Notify(c, unix.SIGHUP)
		signal.Stop(c)
	}()
	seen, faults := map[string]bool{}, 0
	dir := t.TempDir()
	private := filepath.Join(dir, "private")
	if err := os.WriteFile(private, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		argv   []string
		needs  kerneltest.Feature
		change func(*plan.Spec)
	}{
		{"self", []string{"/bin/true"}, kerneltest.UserNamespaces, func(s *plan.Spec) { s.Forward = true }},
		{"subid", []string{private}, kerneltest.SubordinateIDs, func(s *plan.Spec) { s.ID = userns.SubID }},
		{"pid1", []string{"/bin/true"}, kerneltest.UserNamespaces, func(s *plan.Spec) {
			s.Init = profiles.PID1Payload
			s.Keep = []string{"CAP_NET_RAW"}
		}},
		{"view", []string{"/bin/true"}, kerneltest.UserNamespaces, func(s *plan.Spec) {
			s.Mounts = append(s.Mounts,
				profiles.Mount{Kind: profiles.OverlayTmp, Source: dir, Dest: "/mnt", From: "--overlay-tmp"},
				profiles.Mount{Kind: profiles.ReadOnly, Source: dir, Dest: "/usr/share", From: "--ro"},
				profiles.Mount{Kind: profiles.Hide, Dest: "/etc/passwd", From: "--hide"})
		}},
		{"terminal", []string{"/bin/true"}, kerneltest.UserNamespaces, func(s *plan.Spec) { s.TTY = plan.TTYAlways }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kerneltest.Require(t, tt.needs)
			kerneltest.Clean(t)
			p := strict(t, tt.argv, tt.change)
			for i := range p.Entries {
				seen[typeName(p.Entries[i].Step)] = true
				if testing.Short() && i%11 != len(tt.name) {
					continue
				}
				faultAt(t, p, i)
				faults++
			}
		})
	}
	t.Logf("%d faults", faults)
	if t.Failed() {
		return
	}
	for _, s := range stepTypes(t) {
		if !seen[s] && !neverFaulted[s] {
			t.Errorf("no fault was made in a %s", s)
		}
	}
}

// TestRootFaults makes the entries fail that are there for root as the caller only.
func TestRootFaults(t *testing.T) {
	kerneltest.BeginRoot(t)
	p := strict(t, []string{"/bin/true"}, func(s *plan.Spec) { s.ID = userns.SubID })
	n := 0
	for i, e := range p.Entries {
		if _, ok := e.Step.(plan.WriteMap); ok {
			faultAt(t, p, i)
			n++
		}
	}
	if n != 2 {
		t.Errorf("the plan writes %d maps, want 2", n)
	}
}

// neverFaulted are the steps that none of the plans above has.
var neverFaulted = map[string]bool{
	"WriteMap":        true, // a root supervisor's; TestRootFaults
	"PidfdSendSignal": true, // of the undo list
	"Fchmod":          true, // only where a standard stream is a pipe
	"KeepFD":          true, // only for --keep-fd

	// Only where there is a cgroup: test/limits.
	"StartScope": true, "AwaitScope": true, "OpenCgroup": true, "MoveProcesses": true, "MoveProcess": true,
	"AwaitEmpty": true, "AwaitEvent": true, "GiveBack": true, "Flock": true, "Rmdir": true,
}

// faultAt makes entry i fail and checks what Run says.
func faultAt(t *testing.T, p *plan.Plan, i int) {
	t.Helper()
	want := "EINVAL"
	broken := *p
	switch s := p.Entries[i].Step.(type) {
	case plan.SignalMask, plan.SchedSetaffinity:
		if p.Entries[i].Stage == plan.Supervisor {
			return // cloneAndRun's, of which neither can fail in a way that would matter
		}
	case plan.Socketpair:
		return // only for want of descriptors: test/life
	case plan.ReceiveFD:
		broken.Entries = append([]plan.Entry(nil), p.Entries...)
		s.Socket = -2
		broken.Entries[i].Step = s
		want = "EBADF"
	case plan.Clone3:
		broken.Entries = append([]plan.Entry(nil), p.Entries...)
		s.Flags |= unix.CLONE_THREAD // EINVAL without CLONE_SIGHAND
		broken.Entries[i].Step = s
	case plan.Newidmap:
		broken.Entries = append([]plan.Entry(nil), p.Entries...)
		s.Program = "/bin/false"
		broken.Entries[i].Step = s
		want = "exit status 1: "
	case plan.WriteMap:
		broken.Entries = append([]plan.Entry(nil), p.Entries...)
		s.Map = slices.Concat(s.Map, s.Map[:1]) // which overlaps itself
		broken.Entries[i].Step = s
	case plan.Forward:
		broken.Entries = append([]plan.Entry(nil), p.Entries...)
		s.Signals = []unix.Signal{unix.SIGKILL} // nobody may handle it
		broken.Entries[i].Step = s
	}
	prog, err := encode(&broken)
	if err != nil {
		t.Fatal(err)
	}
	switch p.Entries[i].Step.(type) {
	case plan.Clone3, plan.Newidmap, plan.WriteMap, plan.Forward, plan.ReceiveFD:
	default:
		prog.ops[i] = op{nr: unix.SYS_PRCTL, args: [6]uint64{^uint64(0)}, want: -1, jump: prog.ops[i].jump}
	}
	_, err = start(&broken, prog, Options{})
	var step *StepError
	if !errors.As(err, &step) {
		t.Errorf("%s: %v, want a *StepError", message(p, i, want), err)
		return
	}
	// Behind the filter it is the policy that refuses the call.
	got := step.Error()
	if step.Errno == unix.EPERM {
		got = strings.TrimSuffix(got, "EPERM") + "EINVAL"
	}
	if wanted := message(&broken, i, want); got != wanted {
		t.Errorf("Run says\n\t%s\nwant\n\t%s", got, wanted)
	}
	if n, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("%s: a child is left: %d, %v", message(p, i, want), n, err)
	}
}

// TestKernelShortResult is a call that returns less than the plan wants.
func TestKernelShortResult(t *testing.T) {
	kerneltest.Begin(t)
	p := strict(t, []string{"/bin/true"}, nil)
	for i, e := range p.Entries {
		if w, ok := e.Step.(plan.Write); ok && e.Stage == plan.Init {
			p.Entries[i].Want = int64(len(w.Data)) + 1
			_, err := Run(p, Options{})
			want := message(p, i, "")
			if err == nil || !strings.HasPrefix(err.Error(), want+"returned ") {
				t.Errorf("Run = %v, want %sreturned ...", err, want)
			}
			return
		}
	}
	t.Fatal("the plan writes nothing")
}
