package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

// endFlags declares the options for how and when a payload is made to end.
func (o *options) endFlags(fs *pflag.FlagSet) {
	o.stopping.Grace = 10 * time.Second
	duration := func(name string, least time.Duration, to *time.Duration) {
		fs.Var(o.change("time", func(s string) (func(*plan.Spec), error) {
			d, err := time.ParseDuration(s)
			if err != nil || d < least {
				return nil, fmt.Errorf("time %q: want one such as 500ms, 90s or 1h30m", s)
			}
			*to = d
			return func(*plan.Spec) {}, nil
		}), name, "")
	}
	duration("timeout", time.Millisecond, &o.stopping.Timeout)
	duration("stop-timeout", 0, &o.stopping.Grace)
	fs.Var(o.change("time", func(s string) (func(*plan.Spec), error) {
		n, err := profiles.ParseSeconds(s)
		return func(spec *plan.Spec) { spec.Limits.CPUTime = n }, err
	}), "cpu-time", "")
	fs.Var(o.change("signal", func(s string) (func(*plan.Spec), error) {
		sig, err := parseSignal(s)
		o.stopping.Signal = sig
		return func(spec *plan.Spec) { spec.StopSignal = sig }, err
	}), "stop-signal", "")
}

// parseSignal reads a signal's name, with or without SIG, or its number.
func parseSignal(s string) (unix.Signal, error) {
	if n, err := strconv.ParseUint(s, 10, 7); err == nil && n >= 1 && n <= 64 {
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if n, ok := strings.CutPrefix(name, "SIGRTMIN"); ok {
		plus, err := strconv.ParseUint("0"+strings.TrimPrefix(n, "+"), 10, 7)
		if err == nil && 34+plus <= 64 {
			return unix.Signal(34 + plus), nil
		}
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("%q: want a signal such as TERM, SIGINT, RTMIN+3 or 15", s)
}
