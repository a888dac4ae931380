package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/internal/sys"
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
		const enough = 8 // the runtime's two, the socket, and what else is open meanwhile
		if err := sys.SpareDescriptors(enough); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), dialTime)
		defer cancel()
		return systemd.Dial(ctx, host.Managers(f.Manager))
	})
	sys.Widen()
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
		limit := limitOf(spec, spec.Limits.Memory, units.Text(spec.Limits.Memory), "memory.max")
		switch {
		case limit != "" && u.MemoryMax > 0:
			text += " of " + limit
		case limit != "":
			text += ", less than its limit of " + limit + ": the machine, or a cgroup above, had no more"
		default:
			text += " and no limit of its own: the machine, or a cgroup above, had no more"
		}
		var list []string
		for _, p := range res.Largest {
			list = append(list, fmt.Sprintf("%s (pid %d) %s", p.Name, p.Pid, megabytes(p.Memory)))
		}
		if len(list) > 0 {
			text += "; largest: " + strings.Join(list, ", ")
		}
		if res.Shmem > u.MemoryPeak/4 && res.Shmem > 1<<20 {
			text += "; " + megabytes(res.Shmem) + " of it in files in memory (tmpfs, shared memory)"
		}
		say("oom", text)
		if u.MemoryMax > 0 {
			say("remedy", "--memory SIZE allows more")
		}
	case launch.Pids:
		limit := limitOf(spec, spec.Limits.Pids, strconv.FormatUint(spec.Limits.Pids, 10)+" processes and threads", "pids.max")
		if limit == "" {
			limit = "a cgroup above"
		}
		say("pids", fmt.Sprintf("%d forks were refused at the limit of %s", u.PidsDenied, limit))
		say("remedy", "--pids COUNT allows more")
	}
}

// throttledTime is how long the threads of a payload must have been kept from running
// for that to be told. The times in which something has to happen are seconds.
const throttledTime = time.Second

// throttled reports whether a payload was kept from running in most periods of cpu.max,
// where no other limit ended it.
func throttled(res launch.Result) bool {
	switch res.Reason {
	case launch.Exited, launch.Signaled, launch.Timeout:
		u := res.Cgroup
		return u.Throttled >= throttledTime && u.ThrottledIn*2 >= u.Periods
	}
	return false
}

// sayThrottled tells of a payload that failed, or whose time was over, and was throttled.
func sayThrottled(spec *plan.Spec, res launch.Result) {
	if !throttled(res) {
		return
	}
	u := res.Cgroup
	limit := "--cpus " + strconv.FormatFloat(spec.Limits.CPUs, 'g', -1, 64)
	for _, s := range spec.Limits.More {
		if s.File == "cpu.max" {
			limit = s.Name
		}
	}
	say("cpus", fmt.Sprintf("in %d of %d periods its processor time was used up before their end (cpu.max, %s), and its threads waited for %s in all", u.ThrottledIn, u.Periods, limit, short(u.Throttled)))
	say("remedy", "--cpus COUNT allows more")
}

// limitOf is the limit for a file of the cgroup, in the words that asked for it;
// empty: it has none.
func limitOf(spec *plan.Spec, n uint64, text, file string) string {
	for _, s := range spec.Limits.More {
		if s.File == file {
			return s.Name
		}
	}
	if n == cgroupdelegate.Unlimited {
		return ""
	}
	return text
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1fM", float64(n)/(1<<20)) }
