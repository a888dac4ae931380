package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

// TestKernelUndoStuck: a start that fails while init waits for a file system that does
// not answer ends nevertheless, and says what it leaves.
func TestKernelUndoStuck(t *testing.T) {
	kerneltest.Begin(t, kerneltest.UserNamespaces, kerneltest.FUSE)
	dir := t.TempDir()
	cmd := exec.Command("unshare", "--user", "--map-current-user", "--keep-caps", "--mount", os.Args[0], "-test.run=^TestUndoStuckInside$", "-test.v")
	cmd.Env = append(os.Environ(), "PROCJAIL_UNDO="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	kerneltest.NobodyLeft(t)
}

// TestUndoStuckInside serves that file system, and is who starts the jail.
func TestUndoStuckInside(t *testing.T) {
	dir := os.Getenv("PROCJAIL_UNDO")
	if dir == "" {
		t.Skip("run by TestKernelUndoStuck")
	}
	if os.Getenv("PROCJAIL_UNDO_HUNG") == "" {
		t.Setenv("PROCJAIL_UNDO_HUNG", "yes")
		if code := kerneltest.Hang(dir, []string{os.Args[0], "-test.run=^TestUndoStuckInside$", "-test.v"}); code != 0 {
			t.Errorf("exit %d", code)
		}
		return
	}
	helper := filepath.Join(t.TempDir(), "helper")
	if err := os.WriteFile(helper, []byte("#!/bin/sh\nsleep 0.5\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := strict(t, []string{"/bin/true"}, func(s *plan.Spec) {
		s.Mounts = append(s.Mounts, profiles.Mount{Kind: profiles.ReadOnly, Source: dir + "/late", Dest: "/late"})
	})
	i := cloneOf(p) + 1
	p.Entries = slices.Insert(p.Entries, i, plan.Entry{Stage: plan.Supervisor, Step: plan.Newidmap{Program: helper, Pid: p.Init}})
	p.End++
	began := time.Now()
	res, err := Run(p, Options{})
	var step *StepError
	if !errors.As(err, &step) || step.Index != i || time.Since(began) > 2*killedTime {
		t.Errorf("%v after %v, want a failure of step %d", err, time.Since(began), i+1)
	}
	var stuck *NotEndingError
	if len(res.Left) == 0 || !errors.As(res.Left[0], &stuck) {
		t.Errorf("left %v, want a jail that does not end", res.Left)
	}
}
