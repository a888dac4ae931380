package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// Check is one line of what doctor finds.
type Check struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, degraded, impossible
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"`
}

// The states of a Check.
const (
	works      = "ok"
	degraded   = "degraded"
	impossible = "impossible"
)

// doctor says what this host allows. It makes jails to find out, as procjail
// does, and changes nothing; with --fix it removes what jails have left.
func doctor(args []string) int {
	fs := pflag.NewFlagSet("doctor", pflag.ContinueOnError)
	fs.Usage = func() {}
	fs.SetOutput(discard{})
	asJSON, fix := fs.Bool("json", false, ""), fs.Bool("fix", false, "")
	if err := fs.Parse(args); err != nil || fs.NArg() > 0 {
		return fail(&usageError{errors.New("procjail doctor [--json] [--fix]")})
	}
	checks := examine()
	code := 0
	for _, c := range checks {
		if c.State != works {
			code = 1
		}
	}
	if *asJSON {
		text, err := json.MarshalIndent(map[string]any{"whole": code == 0, "checks": checks}, "", "  ")
		if err != nil {
			return fail(err)
		}
		fmt.Println(string(text))
	} else {
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, c := range checks {
			fmt.Fprintf(w, "%s\t%s\t%s\n", c.State, c.Name, printable(c.Found))
		}
		if err := w.Flush(); err != nil {
			return fail(err)
		}
		for _, c := range checks {
			if c.Remedy != "" {
				fmt.Printf("remedy for %s: %s\n", c.Name, printable(c.Remedy))
			}
		}
	}
	if n := leftovers(*fix); n != 0 {
		code = n
	}
	return code
}

// examine makes jails of the strict profile, from the least that it can be to
// the whole of it, and says of each how far it came.
func examine() []Check {
	var list []Check
	add := func(name, state, found, remedy string) { list = append(list, Check{name, state, found, remedy}) }
	try := func(name string, change func(*plan.Spec)) (*plan.Plan, *plan.Host) {
		o := &options{profile: "strict", argv: []string{"true"}, quiet: true}
		spec, err := o.spec()
		if err != nil {
			add(name, impossible, err.Error(), "")
			return nil, nil
		}
		spec.Forward, spec.TTY = false, plan.TTYNever
		change(spec)
		systemd := &manager{wanted: spec.Cgroup}
		defer systemd.close()
		h, err := host.Probe(spec, systemd.connect)
		var p *plan.Plan
		if err == nil {
			p, err = plan.Compile(spec, h)
		}
		if err == nil {
			err = plan.Check(p)
		}
		var res launch.Result
		if err == nil {
			res, err = launch.Run(p, launch.Options{Manager: systemd.get, Stopping: launch.Stopping{Timeout: 20 * time.Second}})
		}
		var step *launch.StepError
		var refused *plan.Refusal
		switch {
		case errors.As(err, &step):
			f := diagnose(step, h, p)
			add(name, impossible, plan.Spell(step.Entry.Step)+": "+f.Cause, f.Remedy)
		case errors.As(err, &refused):
			add(name, impossible, refused.Error(), refused.Remedy)
		case err != nil:
			add(name, impossible, err.Error(), "")
		case res.Status != 0:
			add(name, impossible, fmt.Sprintf("true(1) ended with status %d", exitStatus(res.Status)), "")
		default:
			return p, h
		}
		return nil, h
	}

	own := userns.Self
	if os.Geteuid() == 0 { // whose own id is not for a payload
		own = userns.Auto
	}
	least := func(s *plan.Spec) { s.ID, s.Cgroup, s.Landlock = own, cgroupdelegate.Off, false }
	p, h := try("jail", least)
	if h != nil && p != nil {
		add("jail", works, "linux "+h.Release+": eight namespaces, the view, capabilities, the filter", "")
	}
	if h != nil && p == nil {
		return list // nothing else can be had
	}
	if p, h := try("subordinate ids", func(s *plan.Spec) { least(s); s.ID = userns.SubID }); p != nil {
		add("subordinate ids", works, fmt.Sprintf("%v, %s", h.Caller.SubUIDs.Ranges, h.Caller.NewUIDMap.Path), "")
	} else if n := len(list) - 1; list[n].State == impossible {
		list[n].State = degraded // --id auto takes the caller's own
	}
	switch abi := h.Landlock; {
	case abi >= 2:
		if p, _ := try("landlock", func(s *plan.Spec) { least(s); s.Landlock = true }); p != nil {
			add("landlock", works, fmt.Sprintf("ABI %d", abi), "")
		}
	default:
		add("landlock", degraded, "the kernel has none, or it is not enabled", "lsm=...,landlock on the kernel's command line")
	}
	if p, h := try("cgroup", func(s *plan.Spec) { s.ID, s.Cgroup = own, cgroupdelegate.Auto }); p != nil {
		state, found, remedy := works, "", ""
		for _, n := range p.Notes {
			if n.Feature == plan.FeatureCgroup {
				state, found = degraded, n.Text
			}
		}
		if place, err := cgroupdelegate.Choose(cgroupdelegate.Auto, h.Cgroup); state == works && err == nil {
			found = place.Source.String() + ", with " + strings.Join(place.Controllers, " ")
		} else if err == nil {
			found, remedy = place.Why, place.Remedy
		}
		add("cgroup", state, found, remedy)
	} else if n := len(list) - 1; list[n].State == impossible {
		list[n].State = degraded
	}
	if p, _ := try("overlay", func(s *plan.Spec) {
		least(s)
		s.Mounts = append(s.Mounts, profiles.Mount{Kind: profiles.OverlayTmp, Source: "/usr/bin", Dest: "/overlay", From: "--overlay-tmp", Mode: 0o755})
	}); p != nil {
		add("overlay", works, "overlayfs in a user namespace", "")
	} else if n := len(list) - 1; list[n].State == impossible {
		list[n].State = degraded // only --overlay needs it
	}
	return list
}

// leftovers lists what jails have left, and removes it if that is asked for.
func leftovers(fix bool) int {
	f := host.Cgroups()
	left := launch.Leftovers(f)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var m *systemd.Manager
	if fix && len(left) > 0 && f.Manager.Socket != "" {
		if c, err := systemd.Dial(ctx, host.Managers(f.Manager)); err == nil {
			m = c
			defer m.Close()
		}
	}
	code := 0
	for _, l := range left {
		what := "empty"
		if l.Alive {
			what = "alive"
		}
		fmt.Printf("left by a jail: %s (%s)", l.Path, what)
		if fix {
			if err := l.Remove(ctx, m); err != nil {
				fmt.Printf(": not removed: %v\n", err)
				code = 1
				continue
			}
			fmt.Println(": removed")
			continue
		}
		fmt.Println("; procjail doctor --fix removes it")
		code = 1
	}
	return code
}
