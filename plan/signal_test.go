package plan_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
)

// TestIgnored: what was ignored when procjail was started stays ignored, for
// init too, and is not passed on. SIGCHLD and SIGPIPE never are.
func TestIgnored(t *testing.T) {
	bit := func(list ...unix.Signal) (mask uint64) {
		for _, sig := range list {
			mask |= 1 << (sig - 1)
		}
		return mask
	}
	for _, tt := range []struct {
		name    string
		forward bool
		ignored uint64
		want    []unix.Signal
	}{
		{"none", true, 0, nil},
		{"nohup", true, bit(unix.SIGHUP), []unix.Signal{unix.SIGHUP}},
		{"a job in the background", true, bit(unix.SIGINT, unix.SIGQUIT), []unix.Signal{unix.SIGINT, unix.SIGQUIT}},
		{"one in real time", true, bit(64), []unix.Signal{64}},
		{"what is never passed on", true, bit(unix.SIGCHLD, unix.SIGPIPE, unix.SIGURG), nil},
		{"the Go API", false, bit(unix.SIGHUP), nil},
	} {
		spec, host := strict(), plantest.Ordinary()
		spec.Forward, host.Ignored = tt.forward, tt.ignored
		var ignored, passed []unix.Signal
		cloned := false
		for _, e := range compile(t, spec, host).Entries {
			switch s := e.Step.(type) {
			case plan.Clone3:
				cloned = true
			case plan.Ignore:
				ignored = append(ignored, s.Signal)
				if cloned || e.Stage != plan.Supervisor {
					t.Errorf("%s: init does not inherit that %v is ignored", tt.name, s.Signal)
				}
			case plan.Forward:
				passed = s.Signals
			}
		}
		if !slices.Equal(ignored, tt.want) {
			t.Errorf("%s: %v are ignored, want %v", tt.name, ignored, tt.want)
		}
		for _, sig := range tt.want {
			if slices.Contains(passed, sig) {
				t.Errorf("%s: %v is passed on", tt.name, sig)
			}
		}
		if tt.forward && len(passed)+len(ignored) != 46 {
			t.Errorf("%s: %d signals are passed on and %d ignored, want 46 in all", tt.name, len(passed), len(ignored))
		}
	}
	host := plantest.Ordinary()
	host.Ignored = bit(unix.SIGHUP, unix.SIGCHLD)
	spec := strict()
	plantest.Look(spec, host)
	if text := string(render(spec, host)); !strings.Contains(text, "host: ignored when procjail was started: SIGHUP|SIGCHLD\n") {
		t.Errorf("the dry run does not say it:\n%.800s", text)
	}
}
