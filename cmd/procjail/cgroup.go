package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

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

// explainCgroup looks at what became of the steps of a cgroup.
func explainCgroup(e *launch.StepError, h *plan.Host, p *plan.Plan) finding {
	f := h.Cgroup
	var d *systemd.Error
	switch s := e.Entry.Step.(type) {
	case plan.StartScope, plan.AwaitScope:
		switch {
		case errors.As(e.Err, &d) && d.Name == systemd.AccessDenied:
			return finding{cause: "systemd refuses a scope to this account", remedy: "--cgroup off"}
		case errors.As(e.Err, &d) && d.Result == "failed":
			return finding{cause: "systemd could not move procjail into the scope: journalctl --user -u '" + cgroupdelegate.Prefix + "*' has why", remedy: "--cgroup off"}
		case errors.Is(e.Err, context.DeadlineExceeded):
			return finding{cause: "systemd is there and does not answer", remedy: "systemctl --user is-system-running, or --cgroup off"}
		case errors.Is(e.Err, unix.ECONNREFUSED), errors.Is(e.Err, unix.ENOENT):
			return finding{cause: "nobody listens on " + f.Manager.Socket + ": systemd has ended", remedy: "log in again, or --cgroup off"}
		}
		return finding{cause: "systemd's own words are above", remedy: "--cgroup off"}
	case plan.Clone, plan.Clone3:
		for _, l := range p.Limits {
			if l.Name == "pids" && l.By == "cgroup" && errors.Is(e, unix.EAGAIN) {
				return finding{cause: "the jail's limit is " + l.Value + " processes and threads; PID 1, what makes the network, and the payload are three", remedy: "--pids 3, or more"}
			}
		}
	case plan.OpenCgroup:
		return finding{cause: "the cgroup that systemd made cannot be opened", remedy: "--cgroup off"}
	case plan.MoveProcesses:
		return finding{cause: "a process in this cgroup cannot be moved to its child", remedy: "--cgroup systemd or off"}
	case plan.Write:
		file := written(p, s.FD)
		switch {
		case file == "":
		case file == "cgroup.subtree_control" && errors.Is(e, unix.ENOENT):
			return finding{cause: "a controller of \"" + string(s.Data) + "\" is not in cgroup.controllers there, though systemd's manager has it", remedy: "--cgroup off, or fewer limits"}
		case file == "cgroup.subtree_control" && errors.Is(e, unix.EBUSY):
			return finding{cause: "a process has come to this cgroup meanwhile, and one with processes of its own enables no controller", remedy: "try again, or --cgroup systemd"}
		case errors.Is(e, unix.EINVAL), errors.Is(e, unix.ERANGE), errors.Is(e, unix.ENODEV):
			return finding{cause: "the kernel takes no \"" + string(s.Data) + "\" for " + file, remedy: "another value for that limit"}
		}
	}
	return finding{}
}

// written is the file of a cgroup behind a descriptor of the supervisor's.
func written(p *plan.Plan, fd plan.FD) string {
	for _, e := range p.Entries {
		if o, ok := e.Step.(plan.Openat); ok && e.Out == fd && e.Stage == plan.Supervisor && o.Dir != plan.AtFDCWD {
			return o.Path
		}
	}
	return ""
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

// sayThrottled tells of a payload that failed, or whose time was over, and that was kept
// from running in most periods of cpu.max.
func sayThrottled(spec *plan.Spec, res launch.Result) {
	u := res.Cgroup
	if u.ThrottledIn == 0 || u.ThrottledIn*2 < u.Periods {
		return
	}
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
