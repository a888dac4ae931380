package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/report"
)

// reported runs f and writes what became of it to --report's file.
func (o *options) reported(f func() int) int {
	if o.reportFile == "" {
		return f()
	}
	file, err := report.Create(o.reportFile)
	if err != nil {
		return fail(fmt.Errorf("--report: %w", err))
	}
	o.report = report.Report{
		Version: report.Version, Procjail: version, Command: o.argv, Profile: o.profile, Reason: "setup-failed",
		Degraded: []report.Note{}, Limits: []report.Limit{}, Left: []string{},
	}
	o.report.ExitCode = f()
	if err := file.Write(&o.report); err != nil {
		return fail(fmt.Errorf("--report: %w", err))
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
func (o *options) ran(res launch.Result) {
	r := &o.report
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
	for _, err := range res.Left {
		r.Left = append(r.Left, err.Error())
	}
	u, c := res.Usage, res.Cgroup
	r.Usage = &report.Usage{
		Wall: u.Wall.Seconds(), User: u.User.Seconds(), System: u.System.Seconds(), MaxRSS: u.MaxRSS,
		Voluntary: u.Voluntary, Involuntary: u.Involuntary, By: "rusage",
	}
	if res.HasCgroup {
		r.Usage.By = "cgroup"
		r.Usage.User, r.Usage.System, r.Usage.Throttled = c.User.Seconds(), c.System.Seconds(), c.Throttled.Seconds()
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
