package main

import (
	"errors"
	"fmt"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/seccomp"
)

// spec is the profile with the changes of the command line, and its filter.
func (o *options) spec() (*plan.Spec, error) {
	p, err := profiles.Load(o.profile)
	if err != nil {
		return nil, err
	}
	s := &plan.Spec{Profile: *p, Argv: o.argv, InitImage: launch.InitImage(), Forward: true, Look: o.reportFile != "" || o.status.wanted()}
	for _, f := range o.changes {
		f(s)
	}
	if o.trace && s.Denials == plan.DenialsOff {
		return nil, &usageError{errors.New("--trace-denials, and --denials off: nobody listens to what it looks at")}
	}
	if o.trace {
		s.Denials = plan.DenialsTrace
	}
	for _, fd := range s.KeepFDs {
		if fd == o.status.info || fd == o.status.status {
			return nil, &usageError{fmt.Errorf("--keep-fd %d: it is the descriptor of --info-fd or --json-status-fd, and the payload's alone if it is kept", fd)}
		}
	}
	if o.rootfs != "" {
		if s.Rootfs, err = hostPath(o.rootfs); err != nil {
			return nil, &usageError{fmt.Errorf("--rootfs: %w", err)}
		}
	}
	if o.seccomp != "" {
		s.Seccomp = o.seccomp
	}
	kept, err := caps.ParseList(s.Keep)
	if err != nil {
		return nil, plan.UnknownCapability(err)
	}
	var names []string
	for _, c := range kept.Caps() {
		names = append(names, c.String())
	}
	f, err := seccomp.Load(s.Seccomp, seccomp.Options{Capabilities: names})
	if err != nil {
		return nil, err
	}
	s.Filter = plan.Filter{Name: f.Name, Program: f.Program, Flags: f.Flags}
	return s, nil
}
