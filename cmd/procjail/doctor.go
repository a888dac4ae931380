package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/Emmanuel326/procjail/cause"
	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// Check is one line of what doctor finds.
type Check struct {
	Name    string `json:"name"`
	State   string `json:"state"` // ok, degraded, impossible
	Found   string `json:"found"`
	Remedy  string `json:"remedy,omitempty"`
	CauseID string `json:"cause_id,omitempty"` // in docs/failures.md
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
	e := &examination{}
	e.examine()
	left := leftovers(*fix)
	code := e.status()
	if code == 0 && left.remain() {
		code = 1
	}
	if err := printChecks(os.Stdout, e.checks, left, code == 0, *asJSON); err != nil {
		return fail(err)
	}
	return code
}

// printChecks prints a table and its remedies, or one JSON object.
func printChecks(w io.Writer, checks []Check, left leftList, whole, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(map[string]any{"whole": whole, "checks": checks, "left": left}, "", "  ")
		if err == nil {
			_, err = fmt.Fprintln(w, string(text))
		}
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range checks {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.State, c.Name, printable(c.Found))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, c := range checks {
		if c.Remedy != "" {
			fmt.Fprintf(w, "remedy for %s: %s\n", c.Name, printable(c.Remedy))
		}
	}
	for _, c := range checks {
		if c.CauseID != "" && c.CauseID != cause.Unknown {
			fmt.Fprintf(w, "more on %s: procjail explain %s\n", c.Name, c.CauseID)
		}
	}
	for _, l := range left {
		fmt.Fprintln(w, l.String())
	}
	return nil
}

// examination is what doctor finds, check by check.
type examination struct{ checks []Check }

// status is 0 if strict can run whole, 1 if it runs with less, 2 if no jail can
// be made.
func (e *examination) status() int {
	code := 0
	for _, c := range e.checks {
		switch c.State {
		case degraded:
			code = max(code, 1)
		case impossible:
			code = 2
		}
	}
	return code
}

func (e *examination) add(name, state, found, remedy, id string) {
	e.checks = append(e.checks, Check{name, state, found, remedy, id})
}

// examine makes jails of the strict profile, from the least that it can be to
// the whole of it, and says of each how far it came. Where there is not even the
// least, it says what else would be in the way, and of the rest what can be known
// without a jail.
func (e *examination) examine() {
	own := userns.Self
	if os.Geteuid() == 0 { // whose own id is not for a payload
		own = userns.Auto
	}
	least := func(s *plan.Spec) { s.ID, s.Cgroup, s.Landlock = own, cgroupdelegate.Off, false }
	p, h, ok := e.try("jail", impossible, least)
	if h == nil {
		return
	}
	if ok {
		e.add("jail", works, "linux "+h.Release+": eight namespaces, the view, capabilities, the filter", "", "")
	} else if p != nil {
		e.alsoInTheWay(h, p)
	}
	e.subordinateIDs(least, ok)
	e.landlock(h, least, ok)
	e.cgroup(own, ok)
	if ok {
		e.overlay(least)
	}
}

// try makes a jail. ok is whether it ran; otherwise a check says why not. p and h
// are nil where it did not come so far.
func (e *examination) try(name, state string, change func(*plan.Spec)) (p *plan.Plan, h *plan.Host, ok bool) {
	o := &options{profile: "strict", argv: []string{"true"}, quiet: true}
	spec, err := o.spec()
	if err != nil {
		e.add(name, state, err.Error(), "", "")
		return nil, nil, false
	}
	spec.Forward, spec.TTY = false, plan.TTYNever
	change(spec)
	systemd := &manager{wanted: spec.Cgroup}
	defer systemd.close()
	if h, err = host.Probe(spec, systemd.connect); err == nil {
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
		what := cause.Call(step.Entry.Step)
		switch {
		case step.Errno != 0:
			what += " " + plan.Errno(step.Errno).String()
		case step.Killed != 0:
			what += " killed"
		}
		e.add(name, state, what+": "+f.Cause, f.Remedy, f.ID)
	case errors.As(err, &refused):
		e.add(name, state, refused.Error(), refused.Remedy, refused.ID)
	case err != nil:
		e.add(name, state, err.Error(), "", "")
	case res.Status != 0:
		e.add(name, state, fmt.Sprintf("true(1) ended with status %d", exitStatus(res.Status)), "", "")
	default:
		ok = true
	}
	return p, h, ok
}

// alsoInTheWay lists what would end a start as well, once what ends it now is
// mended.
func (e *examination) alsoInTheWay(h *plan.Host, p *plan.Plan) {
	for _, f := range thisSystem().Standing(h, p) {
		if f.ID != e.checks[len(e.checks)-1].CauseID && f.ID != e.checks[0].CauseID {
			e.add("jail", impossible, f.Cause, f.Remedy, f.ID)
		}
	}
}

func (e *examination) subordinateIDs(least func(*plan.Spec), jails bool) {
	const name = "subordinate ids"
	subid := func(s *plan.Spec) { least(s); s.ID = userns.SubID }
	var h *plan.Host
	if jails {
		var ok bool
		if _, h, ok = e.try(name, degraded, subid); !ok { // --id auto takes the caller's own
			return
		}
	} else if h = e.compile(name, subid); h == nil {
		return
	}
	ids := "ids of root's choice"
	if len(h.Caller.SubUIDs.Ranges) > 0 {
		ids = fmt.Sprint(h.Caller.SubUIDs.Ranges)
	}
	switch {
	case len(h.Caller.SubUIDs.Overlaps) > 0:
		e.add(name, degraded, h.Caller.SubUIDs.Overlaps[0].String()+": jails of the two are not kept apart", "give each of them a range of its own in that file", "")
	case len(h.Caller.SubGIDs.Overlaps) > 0:
		e.add(name, degraded, h.Caller.SubGIDs.Overlaps[0].String()+": jails of the two are not kept apart", "give each of them a range of its own in that file", "")
	case h.Caller.Root:
		e.add(name, works, ids+", mapped by root itself", "", "")
	default:
		e.add(name, works, ids+", by "+h.Caller.NewUIDMap.Path, "", "")
	}
}

// compile only plans a jail; nil where even that is refused.
func (e *examination) compile(name string, change func(*plan.Spec)) *plan.Host {
	o := &options{profile: "strict", argv: []string{"true"}, quiet: true}
	spec, err := o.spec()
	var h *plan.Host
	if err == nil {
		change(spec)
		h, err = host.Probe(spec, nil)
	}
	if err == nil {
		_, err = plan.Compile(spec, h)
	}
	var refused *plan.Refusal
	switch {
	case errors.As(err, &refused):
		e.add(name, degraded, refused.Error(), refused.Remedy, refused.ID)
		return nil
	case err != nil:
		e.add(name, degraded, err.Error(), "", "")
		return nil
	}
	return h
}

func (e *examination) landlock(h *plan.Host, least func(*plan.Spec), jails bool) {
	const name = "landlock"
	switch {
	case h.Landlock == 0:
		entry, _ := cause.ByID(cause.LandlockOff)
		e.add(name, degraded, "the kernel has none, or it is not enabled", entry.Remedy, cause.LandlockOff)
	case h.Landlock < 2:
		e.add(name, degraded, "ABI 1, which refuses every rename between directories; 2 is the first of use", "Linux 5.19 or later", "")
	case jails:
		if _, _, ok := e.try(name, degraded, func(s *plan.Spec) { least(s); s.Landlock = true }); ok {
			e.add(name, works, fmt.Sprintf("ABI %d", h.Landlock), "", "")
		}
	default:
		e.add(name, works, fmt.Sprintf("ABI %d", h.Landlock), "", "")
	}
}

func (e *examination) cgroup(own userns.ID, jails bool) {
	const name = "cgroup"
	facts := host.Cgroups()
	place, err := cgroupdelegate.Choose(cgroupdelegate.Auto, facts)
	if err != nil {
		e.add(name, degraded, err.Error(), "", "")
		return
	}
	notes := []string{place.Why}
	if jails {
		p, _, ok := e.try(name, degraded, func(s *plan.Spec) { s.ID, s.Cgroup = own, cgroupdelegate.Auto })
		if !ok {
			return
		}
		notes = nil
		for _, n := range p.Notes {
			if n.Feature == plan.FeatureCgroup {
				notes = append(notes, n.Text)
			}
		}
	}
	switch {
	case place.Why != "":
		e.add(name, degraded, place.Why, place.Remedy, string(place.Reason))
	case len(notes) > 0 && notes[0] != "":
		e.add(name, degraded, strings.Join(notes, "; "), "", "")
	default:
		e.add(name, works, place.Source.String()+", with "+strings.Join(place.Controllers, " "), "", "")
	}
}

// overlay makes one of a directory that the payload may write: with an id of its
// own that is one for everybody.
func (e *examination) overlay(least func(*plan.Spec)) {
	source := "/usr/bin"
	if os.Geteuid() == 0 {
		source = "/var/tmp"
	}
	if _, _, ok := e.try("overlay", degraded, func(s *plan.Spec) { // only --overlay needs it
		least(s)
		s.Mounts = append(s.Mounts, profiles.Mount{Kind: profiles.OverlayTmp, Source: source, Dest: "/overlay", From: "--overlay-tmp", Mode: 0o755})
	}); ok {
		e.add("overlay", works, "overlayfs in a user namespace", "", "")
	}
}
