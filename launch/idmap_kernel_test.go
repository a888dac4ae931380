package launch

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/userns"
)

// TestKernelHelpers puts programs that do not do as they should in place of
// newuidmap(1) and newgidmap(1). A start then fails in time, with the step, and
// leaves none of them.
func TestKernelHelpers(t *testing.T) {
	kerneltest.Begin(t, kerneltest.SubordinateIDs, kerneltest.NewIDMap)
	bound := 300 * time.Millisecond
	if testing.Short() { // an emulated machine's helpers take as long
		bound = 3 * time.Second
	}
	late := "killed, since it had not ended after " + bound.String()
	for _, tt := range []struct {
		name   string
		script string // of the first, or the second
		second bool
		want   string // what the error ends with
		least  time.Duration
	}{
		{"hangs", "exec sleep 600", false, late, bound},
		{"the second hangs", "exec sleep 600", true, late, bound},
		{"hangs, with its streams closed", "exec sleep 600 >&- 2>&-", false, late, bound},
		{"hangs, and ignores signals", "trap '' HUP INT QUIT TERM; while :; do :; done", false, late, bound},
		{"never stops talking", "exec yes", false, late, bound},
		{"says why", "echo no; echo such range >&2; exit 3", false, "exit status 3: no\nsuch range", 0},
		{"says much", "head -c 100000 /dev/zero | tr '\\0' x; exit 3", true, "exit status 3: " + strings.Repeat("x", 4096), 0},
		{"leaves somebody with its streams", "sleep 1 & exit 3", false, "exit status 3: ", 0},
		{"ends by a signal", "kill -SEGV $$", false, "killed by SIGSEGV: ", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, i := withHelper(t, tt.script, tt.second)
			prog, err := encode(p)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = start(p, prog, Options{helpers: bound})
			took := time.Since(began)
			var e *StepError
			if !errors.As(err, &e) || err.Error() != message(p, i, tt.want) {
				t.Errorf("Run says\n\t%v\nwant\n\t%s", err, message(p, i, tt.want))
			}
			if took < tt.least || took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			kerneltest.NobodyLeft(t)
		})
	}
}

// TestKernelHelperMeanwhile: while a helper takes its time, so does everything
// else: limits of time are kept, and the end of init is seen.
func TestKernelHelperMeanwhile(t *testing.T) {
	kerneltest.Begin(t, kerneltest.SubordinateIDs, kerneltest.NewIDMap)
	p, i := withHelper(t, "exec sleep 600", false)
	for name, tt := range map[string]struct {
		stopping Stopping
		kill     bool
		want     Reason
	}{
		"timeout":        {Stopping{Timeout: 100 * time.Millisecond}, false, Timeout},
		"init is killed": {Stopping{}, true, Signaled},
	} {
		t.Run(name, func(t *testing.T) {
			prog, err := encode(p)
			if err != nil {
				t.Fatal(err)
			}
			if tt.kill {
				go func() {
					awaitReached(p, prog, i)
					time.Sleep(100 * time.Millisecond)
					_ = unix.Kill(int(prog.board.outcomes[cloneOf(p)].result), unix.SIGKILL)
				}()
			}
			began := time.Now()
			res, err := start(p, prog, Options{Stopping: tt.stopping})
			if took := time.Since(began); err != nil || res.Reason != tt.want || took > 5*time.Second {
				t.Errorf("after %v: %v, %v; want %v", took, res.Reason, err, tt.want)
			}
			kerneltest.NobodyLeft(t)
		})
	}
}

// withHelper is a plan with a shell script in place of one of the two programs,
// and which entry that is. The other is the real one.
func withHelper(t *testing.T, script string, second bool) (*plan.Plan, int) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "helper")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := strict(t, []string{"/bin/true"}, func(s *plan.Spec) { s.ID = userns.SubID })
	i := slices.IndexFunc(p.Entries, isNewidmap)
	if second {
		i++
	}
	s, ok := p.Entries[i].Step.(plan.Newidmap)
	if !ok {
		t.Fatalf("entry %d is %s", i, plan.Spell(p.Entries[i].Step))
	}
	s.Program = name
	p.Entries[i].Step = s
	return p, i
}
