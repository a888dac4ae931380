package main

import (
	"fmt"
	"io"
)

// Target is what the project promises, as a ratio, and what was reached. One
// without figures on both sides was not measured, and is not met.
type Target struct {
	Name    string  `json:"name"`
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least,omitempty"`
	Reached float64 `json:"reached"`
	Known   bool    `json:"measured"`
}

func (t Target) met() bool {
	return t.Known && (t.AtLeast && t.Reached >= t.Limit || !t.AtLeast && t.Reached <= t.Limit)
}

func median(all []Series, name string) float64 {
	for _, s := range all {
		if s.Name == name {
			return s.Median
		}
	}
	return 0
}

func perSecond(all []Rate, name string, atOnce int) float64 {
	for _, r := range all {
		if r.Name == name && r.AtOnce == atOnce {
			return r.PerSecd
		}
	}
	return 0
}

func idle(all []Idle, name string) Idle {
	for _, i := range all {
		if i.Name == name {
			return i
		}
	}
	return Idle{}
}

func targets(r Results) []Target {
	ratio := func(name string, limit, a, b float64) Target {
		t := Target{Name: name, Limit: limit, Known: a > 0 && b > 0}
		if t.Known {
			t.Reached = a / b
		}
		return t
	}
	atLeast := func(t Target) Target {
		t.AtLeast = true
		return t
	}
	start := func(name string) float64 { return median(r.Start, name) }
	jails := idle(r.Idle, self)
	return []Target{
		ratio("start, to bubblewrap without a filter", 0.80, start(self), start(bubble)),
		ratio("start, to bubblewrap with docker's filter", 0.65, start(self), start(docker)),
		ratio("start, to the C program", 1.75, start(self), start(floor)),
		ratio("start with subordinate ids, to bubblewrap", 1.20, start(subid), start(bubble)),
		atLeast(ratio("jails per second, to bubblewrap", 1.5, perSecond(r.Rate, self, 1), perSecond(r.Rate, bubble, 1))),
		atLeast(ratio("jails per second, four at once", 1.5, perSecond(r.Rate, self, 4), perSecond(r.Rate, bubble, 4))),
		ratio("starting the idle jails, to bubblewrap", 1.0, jails.StartMS, idle(r.Idle, bubble).StartMS),
		{Name: "processes left after SIGKILL", Limit: 0, Reached: float64(jails.Survivors), Known: jails.Jails > 0},
		ratio("C compile, to outside", 1.02, median(r.Compile, inside), median(r.Compile, outside)),
	}
}

func (r Results) print(w io.Writer) {
	if len(r.Start) > 0 {
		fmt.Fprintf(w, "\n%-34s %8s %8s %8s  %7s %7s %8s %7s\n", "one start, ms", "median", "min", "max", "/bwrap", "/-masks", "/+filter", "/C")
		for _, s := range r.Start {
			fmt.Fprintf(w, "%-34s %8.2f %8.2f %8.2f  %7s %7s %8s %7s\n", s.Name, s.Median, s.Min, s.Max,
				over(s.Median, median(r.Start, bubble)), over(s.Median, median(r.Start, bare)), over(s.Median, median(r.Start, docker)), over(s.Median, median(r.Start, floor)))
		}
	}
	if len(r.Rate) > 0 {
		fmt.Fprintf(w, "\n%-34s %8s %8s\n", "jails per second", "1", "4 at once")
		for _, one := range r.Rate {
			if one.AtOnce == 1 {
				fmt.Fprintf(w, "%-34s %8.0f %8.0f\n", one.Name, one.PerSecd, perSecond(r.Rate, one.Name, 4))
			}
		}
	}
	if len(r.Idle) > 0 {
		fmt.Fprintf(w, "\n%-34s %8s %8s %8s %10s %12s %6s\n", fmt.Sprintf("%d idle jails", r.Idle[0].Jails), "start ms", "end ms", "procs", "private kB", "available kB", "left")
		for _, i := range r.Idle {
			fmt.Fprintf(w, "%-34s %8.0f %8.0f %8d %10.0f %12.0f %6d", i.Name, i.StartMS, i.EndMS, i.Processes, i.Private, i.Available, i.Survivors)
			if i.Unread > 0 {
				fmt.Fprintf(w, "  (%d processes not readable: run as root)", i.Unread)
			}
			fmt.Fprintln(w)
		}
	}
	if len(r.Compile) > 0 {
		fmt.Fprintf(w, "\n%-34s %8s %8s %8s\n", "cc -O2, ms", "median", "min", "max")
		for _, s := range r.Compile {
			fmt.Fprintf(w, "%-34s %8.0f %8.0f %8.0f\n", s.Name, s.Median, s.Min, s.Max)
		}
	}
	fmt.Fprintf(w, "\n%-44s %9s %9s\n", "targets", "promised", "reached")
	for _, t := range r.Targets {
		sign, reached, verdict := "<=", "-", "not measured"
		if t.AtLeast {
			sign = ">="
		}
		if t.Known {
			reached, verdict = fmt.Sprintf("%.2f", t.Reached), "missed"
		}
		if t.met() {
			verdict = "met"
		}
		fmt.Fprintf(w, "%-44s %9s %9s  %s\n", t.Name, fmt.Sprintf("%s %.2f", sign, t.Limit), reached, verdict)
	}
}

func over(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}
