// Command procjail runs a program that nobody trusts, from an ordinary
// account, and shows every kernel call that it makes for it.
package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

// version is set by the Makefile.
var version = "devel"

func main() {
	os.Exit(procjail(os.Args[1:]))
}

// procjail runs the command line and returns the exit status. Its messages go
// to standard error, each line after "procjail: "; standard output is the
// payload's, or that of a subcommand that was asked for it.
func procjail(args []string) int {
	for _, sub := range subcommands {
		if len(args) > 0 && args[0] == sub.name {
			return sub.run(args[1:])
		}
	}
	opt, err := parseOptions(args)
	if err != nil {
		return fail(err)
	}
	if opt.done {
		return 0
	}
	return opt.reported(func() int { return run(opt) })
}

// run is the whole of a start: the profile, the host, the plan, the check, the
// launch.
func run(opt *options) int {
	// The runtime's handler does nothing, for a hundredth of a start's processor time.
	sys.DefaultAction(unix.SIGCHLD)
	spec, err := opt.spec()
	if err != nil {
		return opt.failed(err)
	}
	systemd := &manager{wanted: spec.Cgroup, off: opt.dryRun}
	defer systemd.close()
	facts, err := host.Probe(spec, systemd.connect)
	if err != nil {
		return opt.failed(err)
	}
	if opt.dryRun {
		facts.ProcCovered, facts.Caller.Login = host.ProcCovered(), host.Login()
	}
	return opt.start(spec, facts, systemd)
}

func (opt *options) start(spec *plan.Spec, facts *plan.Host, systemd *manager) int {
	p, err := plan.Compile(spec, facts)
	if err != nil {
		return opt.failed(err)
	}
	if err := plan.Check(p); err != nil {
		return opt.failed(err)
	}
	if opt.dryRun {
		return dryRun(facts, p)
	}
	if code := opt.degraded(p); code != 0 {
		return code
	}
	opt.planned(spec, p)
	if n := spec.Limits.CPUTime; n != profiles.Unlimited {
		opt.stopping.CPUTime = time.Duration(n) * time.Second
	}
	planned := time.Since(began)
	tell, told := opt.denied(spec.Filter.Name)
	met := opt.met(spec, p)
	res, err := launch.Run(p, launch.Options{
		Progress: opt.progress(p), Steps: opt.verbose || opt.reportFile != "", Manager: systemd.get, Stopping: opt.stopping,
		Denied: tell, Before: opt.before(), Trace: opt.trace, Failed: met.failed, UserNamespaces: spec.Limits.UserNS,
	})
	told()
	opt.steps(p, res.Steps)
	if err != nil {
		if withoutCgroup(spec, err) {
			opt.left(res)
			return opt.start(spec, facts, systemd)
		}
		code := opt.failedStep(err, facts, p)
		opt.left(res)
		return code
	}
	opt.left(res)
	opt.ran(spec, p, res)
	opt.report.Failures = met.report(res)
	opt.sayTimes(p, res, planned)
	opt.sayUsage(spec, res)
	opt.ended(spec, p, res, met)
	if res.Reason == launch.Timeout || res.Reason == launch.CPUTime {
		return 124
	}
	return exitStatus(res.Status)
}

// exitStatus is the status as a shell says it: 128+n for signal n.
func exitStatus(s unix.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
