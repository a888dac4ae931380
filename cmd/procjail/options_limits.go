package main

import (
	"github.com/spf13/pflag"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/plan"
)

// limitFlags declares the options for what the jail may use.
func (o *options) limitFlags(fs *pflag.FlagSet) {
	limit := func(name, kind string, parse func(string) (func(*cgroupdelegate.Limits), error)) {
		fs.Var(o.change(kind, func(s string) (func(*plan.Spec), error) {
			f, err := parse(s)
			return func(spec *plan.Spec) { f(&spec.Limits.Limits) }, err
		}), name, "")
	}
	limit("memory", "size", func(s string) (func(*cgroupdelegate.Limits), error) {
		n, err := cgroupdelegate.ParseMemory(s)
		return func(l *cgroupdelegate.Limits) { l.SetMemory(n) }, err
	})
	limit("memory-swap", "size", func(s string) (func(*cgroupdelegate.Limits), error) {
		n, err := cgroupdelegate.ParseMemorySwap(s)
		return func(l *cgroupdelegate.Limits) { l.MemorySwap = n }, err
	})
	limit("cpus", "count", func(s string) (func(*cgroupdelegate.Limits), error) {
		n, err := cgroupdelegate.ParseCPUs(s)
		return func(l *cgroupdelegate.Limits) { l.CPUs = n }, err
	})
	limit("pids", "count", func(s string) (func(*cgroupdelegate.Limits), error) {
		n, err := cgroupdelegate.ParsePids(s)
		return func(l *cgroupdelegate.Limits) { l.SetPids(n) }, err
	})
	limit("io-max", "limits", func(s string) (func(*cgroupdelegate.Limits), error) {
		d, err := cgroupdelegate.ParseIOMax(s)
		return func(l *cgroupdelegate.Limits) { l.IO = append(l.IO, d) }, err
	})
	fs.VarP(o.change("property", func(s string) (func(*plan.Spec), error) {
		// What is wrong with it shows on any limits.
		err := new(cgroupdelegate.Limits).Property(s)
		return func(spec *plan.Spec) { _ = spec.Limits.Property(s) }, err
	}), "property", "P", "")
	fs.Var(o.change("cgroup", func(s string) (func(*plan.Spec), error) {
		source, err := cgroupdelegate.ParseSource(s)
		return func(spec *plan.Spec) { spec.Cgroup = source }, err
	}), "cgroup", "")
}
