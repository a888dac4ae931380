package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/report"
)

// reported runs f and writes what became of it to --report's file.
func (o *options) reported(f func() int) int {
	code := o.written(f)
	if o.status.wanted() {
		last := finished{ExitCode: code, Reason: o.report.Reason, Signal: o.report.Signal}
		if e := o.report.Error; e != nil {
			last.Error = e.Message
		}
		if last.Reason == "" {
			last.Reason = "setup-failed"
		}
		o.status.finished(last)
	}
	return code
}

// written runs f and writes --report's file.
func (o *options) written(f func() int) int {
	if o.reportFile == "" {
		return f()
	}
	file, err := report.Create(o.reportFile)
	if err != nil {
		return failReport(o.reportFile, err)
	}
	o.report = report.Report{
		Version: report.Version, Procjail: version, Command: o.argv, Profile: o.profile, Reason: "setup-failed",
		Source: profiles.From(o.profile), Plan: []report.Step{}, Degraded: []report.Note{}, Limits: []report.Limit{}, Left: []string{}, Denials: report.Denials{Calls: []report.Denial{}},
	}
	o.report.ExitCode = f()
	if err := file.Write(&o.report); err != nil {
		return failReport(o.reportFile, err)
	}
	return o.report.ExitCode
}

// failed notes an error for the report, and prints it.
func (o *options) failed(err error) int {
	o.report.Error = &report.Failure{Message: err.Error(), Cause: err.Error()}
	var r *plan.Refusal
	if errors.As(err, &r) {
		o.report.Error.CauseID, o.report.Error.Cause, o.report.Error.Remedy = r.ID, r.Cause, r.Remedy
	}
	return fail(err)
}

// failedStep does so for a step of the plan.
func (o *options) failedStep(err error, h *plan.Host, p *plan.Plan) int {
	var e *launch.StepError
	if !errors.As(err, &e) {
		return o.failed(err)
	}
	f, code := failStep(e, h, p)
	o.report.Error = &report.Failure{
		Message: e.Error(), Step: e.Index + 1, Steps: e.Total, Stage: e.Entry.Stage.String(), Call: plan.Spell(e.Entry.Step),
		CauseID: f.ID, Cause: f.Cause, Remedy: f.Remedy,
	}
	if e.Errno != 0 {
		o.report.Error.Errno = plan.Errno(e.Errno).String()
	}
	return code
}

// steps notes the plan, and what became of it.
func (o *options) steps(p *plan.Plan, list []launch.Step) {
	if o.reportFile == "" {
		return
	}
	o.report.Plan = make([]report.Step, len(p.Entries))
	before := make(map[plan.Stage]time.Duration)
	for i, e := range p.Entries {
		s := report.Step{Stage: e.Stage.String(), Call: withoutValues(e).String(), From: e.From}
		if i < len(list) && list[i].Reached {
			at, took := list[i].At.Seconds(), max(list[i].At-before[e.Stage], 0).Seconds()
			s.Result, s.At, s.Took = &list[i].Result, &at, &took
			before[e.Stage] = list[i].At
		}
		o.report.Plan[i] = s
	}
}

// withoutValues is an entry without the values of the environment: others may
// read a report.
func withoutValues(e plan.Entry) plan.Entry {
	if s, ok := e.Step.(plan.Execve); ok {
		s.Env = slices.Clone(s.Env)
		for i, kv := range s.Env {
			key, _, _ := strings.Cut(kv, "=")
			s.Env[i] = key + "=..."
		}
		e.Step = s
	}
	return e
}

// state notes what the kernel shows of the payload before its execve.
func (o *options) state(s launch.State) {
	o.report.State = &report.State{
		Pid: s.Pid, InitPid: s.InitPid, Namespaces: s.Namespaces, UIDMap: strings.Split(s.UIDMap, "\n"), GIDMap: strings.Split(s.GIDMap, "\n"),
		UIDs: s.UIDs, GIDs: s.GIDs, Groups: s.Groups, Caps: s.Caps, NoNewPrivs: s.NoNewPrivs,
		Seccomp: s.SeccompMode, Filters: s.SeccompFilters, Cgroup: s.Cgroup, Mounts: s.Mounts,
	}
}

// planned notes what the plan says of the jail.
func (o *options) planned(spec *plan.Spec, p *plan.Plan) {
	for _, n := range p.Notes {
		o.report.Degraded = append(o.report.Degraded, report.Note{Feature: string(n.Feature), Text: n.Text})
	}
	for _, l := range p.Limits {
		o.report.Limits = append(o.report.Limits, report.Limit(l))
	}
	o.report.PID1 = spec.Init.String()
}

// ran notes how a payload ended and what it used.
func (o *options) ran(spec *plan.Spec, p *plan.Plan, res launch.Result) {
	r := &o.report
	r.Denials = denials(spec, p, res)
	r.Reason, r.Killed = string(res.Reason), res.Killed
	if s := res.Status; s.Signaled() {
		r.Signal = unix.SignalName(s.Signal())
		if r.Signal == "" {
			r.Signal = strconv.Itoa(int(s.Signal()))
		}
	} else {
		code := s.ExitStatus()
		r.Status = &code
	}
	r.Others, r.Zombies = res.LeftRunning, res.Zombies
	if res.Deaf != 0 {
		r.Deaf = unix.SignalName(res.Deaf)
	}
	for _, f := range res.Full {
		r.Full = append(r.Full, f.Path)
	}
	u, c := res.Usage, res.Cgroup
	r.Usage = &report.Usage{
		Wall: u.Wall.Seconds(), User: u.User.Seconds(), System: u.System.Seconds(), MaxRSS: u.MaxRSS,
		Voluntary: u.Voluntary, Involuntary: u.Involuntary, By: "rusage",
	}
	if res.HasCgroup {
		r.Usage.By = "cgroup"
		r.Usage.User, r.Usage.System, r.Usage.Throttled = c.User.Seconds(), c.System.Seconds(), c.Throttled.Seconds()
		r.Usage.Periods, r.Usage.ThrottledIn = c.Periods, c.ThrottledIn
		r.Usage.MemoryPeak, r.Usage.SwapPeak, r.Usage.PidsPeak = c.MemoryPeak, c.SwapPeak, c.PidsPeak
		r.Usage.IORead, r.Usage.IOWritten = c.IORead, c.IOWritten
		r.Usage.OOMKills, r.Usage.PidsDenied = c.OOMKills, c.PidsDenied
	}
}

// sayUsage prints what the jail used, for --verbose.
func (o *options) sayUsage(spec *plan.Spec, res launch.Result) {
	if !o.verbose {
		return
	}
	u, c := res.Usage, res.Cgroup
	text := "wall " + short(u.Wall) + ", "
	if res.HasCgroup {
		text += "user " + short(c.User) + ", system " + short(c.System)
		if c.Throttled > 0 {
			text += ", throttled " + short(c.Throttled)
		}
		if c.MemoryPeak > 0 {
			text += ", memory " + megabytes(c.MemoryPeak)
		}
		if c.PidsPeak > 0 {
			text += ", " + strconv.FormatUint(c.PidsPeak, 10) + " processes and threads at once"
		}
	} else {
		text += "user " + short(u.User) + ", system " + short(u.System) + ", the largest process " + megabytes(uint64(u.MaxRSS))
	}
	text += fmt.Sprintf(", %d and %d context switches", u.Voluntary, u.Involuntary)
	say("usage", text)
	if spec.Init == profiles.PID1Payload {
		say("pid1", "the payload was PID 1: of signals it got those that it handles, and nothing reaped for it (pid_namespaces(7))")
	}
}

func short(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
