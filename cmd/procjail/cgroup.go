package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/internal/units"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
)

// manager is a connection to systemd that is made while the plan is. Nothing
// is asked of it before the plan says so.
type manager struct {
	wanted cgroupdelegate.Source
	off    bool
	get    func() (*systemd.Manager, error)
}

// dialTime is how long systemd may take to answer at all.
const dialTime = 3 * time.Second

// connect begins, if the plan will want it.
func (m *manager) connect(f cgroupdelegate.Facts) {
	place, err := cgroupdelegate.Choose(m.wanted, f)
	if m.off || err != nil || place.Source != cgroupdelegate.Systemd {
		return
	}
	m.get = sync.OnceValues(func() (*systemd.Manager, error) {
		ctx, cancel := context.WithTimeout(context.Background(), dialTime)
		defer cancel()
		return systemd.Dial(ctx, host.Managers(f.Manager))
	})
	go func() { _, _ = m.get() }()
}

// close drops a connection that no plan has used.
func (m *manager) close() {
	if m.get == nil {
		return
	}
	if c, err := m.get(); err == nil {
		c.Close()
	}
}

// withoutCgroup changes spec for a second start without a cgroup, where systemd
// was what failed and no cgroup was asked for by name.
func withoutCgroup(spec *plan.Spec, err error) bool {
	var e *launch.StepError
	if spec.Cgroup != cgroupdelegate.Auto || !errors.As(err, &e) || e.Err == nil {
		return false
	}
	switch e.Entry.Step.(type) {
	case plan.StartScope, plan.AwaitScope, plan.OpenCgroup:
		spec.Cgroup, spec.CgroupNote = cgroupdelegate.Off, "systemd gives none: "+e.Err.Error()
		return true
	}
	return false
}

// sayCgroup prints what the limits of the jail did to the payload.
func sayCgroup(spec *plan.Spec, res launch.Result) {
	u := res.Cgroup
	switch res.Reason {
	case launch.OOM:
		text := "killed for memory"
		if u.MemoryPeak != 0 {
			text += ": it had " + megabytes(u.MemoryPeak)
		}
		text += " of " + units.Text(spec.Limits.Memory)
		var list []string
		for _, p := range res.Largest {
			list = append(list, fmt.Sprintf("%s (pid %d) %s", p.Name, p.Pid, megabytes(p.Memory)))
		}
		if len(list) > 0 {
			text += "; largest: " + strings.Join(list, ", ")
		}
		say("oom", text)
		say("remedy", "--memory SIZE allows more")
	case launch.Pids:
		say("pids", fmt.Sprintf("%d forks were refused at the limit of %d processes and threads", u.PidsDenied, spec.Limits.Pids))
		say("remedy", "--pids COUNT allows more")
	}
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1fM", float64(n)/(1<<20)) }
