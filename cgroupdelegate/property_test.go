package cgroupdelegate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestProperty gives each property to limits that have none.
func TestProperty(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want func(l *Limits)
	}{
		{"MemoryMax=512M", func(l *Limits) { l.Memory = 512 << 20 }},
		{"MemoryMax=infinity", func(*Limits) {}},
		{"MemoryMax=12.5%", more(Setting{"memory", "memory.max", "", 0.125, "MemoryMax=12.5%"})},
		{"MemoryHigh=400M", more(Setting{"memory", "memory.high", "419430400", 0, "MemoryHigh=400M"})},
		{"MemoryHigh=infinity", more(Setting{"memory", "memory.high", "max", 0, "MemoryHigh=infinity"})},
		{"MemoryHigh=50%", more(Setting{"memory", "memory.high", "", 0.5, "MemoryHigh=50%"})},
		{"MemoryLow=0", more(Setting{"memory", "memory.low", "0", 0, "MemoryLow=0"})},
		{"MemoryMin=64K", more(Setting{"memory", "memory.min", "65536", 0, "MemoryMin=64K"})},
		{"MemorySwapMax=1G", func(l *Limits) { l.Swap = 1 << 30 }},
		{"MemorySwapMax=0", func(l *Limits) { l.Swap = 0 }},
		{"MemorySwapMax=100%", more(Setting{"memory", "memory.swap.max", "", 1, "MemorySwapMax=100%"})},
		{"MemoryZSwapMax=0", more(Setting{"memory", "memory.zswap.max", "0", 0, "MemoryZSwapMax=0"})},
		{"TasksMax=100", func(l *Limits) { l.Pids = 100 }},
		{"TasksMax=infinity", func(*Limits) {}},
		{"TasksMax=1%", more(Setting{"pids", "pids.max", "", 0.01, "TasksMax=1%"})},
		{"CPUQuota=150%", func(l *Limits) { l.CPUs = 1.5 }},
		{"CPUQuota=infinity", func(l *Limits) { l.CPUs = 0 }},
		{"CPUQuotaPeriodSec=10ms", func(l *Limits) { l.Period = 10000 }},
		{"CPUQuotaPeriodSec=1s", func(l *Limits) { l.Period = 1000000 }},
		{"CPUWeight=10000", more(Setting{"cpu", "cpu.weight", "10000", 0, "CPUWeight=10000"})},
		{"CPUWeight=idle", more(Setting{"cpu", "cpu.idle", "1", 0, "CPUWeight=idle"})},
		{"AllowedCPUs=0-3,7", more(Setting{"cpuset", "cpuset.cpus", "0-3,7", 0, "AllowedCPUs=0-3,7"})},
		{"AllowedCPUs=0 2  4,", more(Setting{"cpuset", "cpuset.cpus", "0,2,4", 0, "AllowedCPUs=0 2  4,"})},
		{"AllowedMemoryNodes=0", more(Setting{"cpuset", "cpuset.mems", "0", 0, "AllowedMemoryNodes=0"})},
		{"IOWeight=50", more(Setting{"io", "io.weight", "default 50", 0, "IOWeight=50"})},
		{"IOReadBandwidthMax=/dev/sda 10M", func(l *Limits) { l.IO = []IOMax{{Path: "/dev/sda", Rbps: 10e6}} }},
		{"IOWriteBandwidthMax=/srv  1K", func(l *Limits) { l.IO = []IOMax{{Path: "/srv", Wbps: 1000}} }},
		{"IOReadIOPSMax=/ 100", func(l *Limits) { l.IO = []IOMax{{Path: "/", Riops: 100}} }},
		{"IOWriteIOPSMax= / infinity ", func(l *Limits) { l.IO = []IOMax{{Path: "/", Wiops: Unlimited}} }},
	} {
		got, want := none, none
		tt.want(&want)
		if err := got.Property(tt.in); err != nil {
			t.Errorf("Property(%q): %v", tt.in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Property(%q): -want +got:\n%s", tt.in, diff)
		}
	}
}

func more(s Setting) func(l *Limits) { return func(l *Limits) { l.More = []Setting{s} } }

// TestPropertyTwice: a later value replaces the one before, and one disk has one
// entry.
func TestPropertyTwice(t *testing.T) {
	for _, tt := range []struct {
		list []string
		want []Setting
	}{
		{[]string{"MemoryHigh=1M", "MemoryHigh=2M"}, []Setting{{"memory", "memory.high", "2097152", 0, "MemoryHigh=2M"}}},
		{[]string{"CPUWeight=5", "CPUWeight=idle"}, []Setting{{"cpu", "cpu.idle", "1", 0, "CPUWeight=idle"}}},
		{[]string{"CPUWeight=idle", "CPUWeight=5"}, []Setting{{"cpu", "cpu.weight", "5", 0, "CPUWeight=5"}}},
		{[]string{"IOReadIOPSMax=/d 1", "IOWriteIOPSMax=/d 2", "IOReadIOPSMax=/d 3"}, []Setting{{"io", "io.max", "8:0 riops=3 wiops=2", 0, "io-max /d"}}},
	} {
		l := none
		put(t, &l, tt.list...)
		if diff := cmp.Diff(tt.want, l.Settings(Machine{Disks: map[string]Disk{"/d": {Number: "8:0"}}})); diff != "" {
			t.Errorf("%q: -want +got:\n%s", tt.list, diff)
		}
	}
}

// TestPropertyCopies: limits that were copied do not share what is added later.
func TestPropertyCopies(t *testing.T) {
	a := none
	put(t, &a, "MemoryHigh=1M", "MemoryLow=1M", "IOReadIOPSMax=/d 1")
	b := a
	put(t, &b, "MemoryHigh=2M", "IOReadIOPSMax=/d 2")
	want := none
	put(t, &want, "MemoryHigh=1M", "MemoryLow=1M", "IOReadIOPSMax=/d 1")
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPropertyRefuses(t *testing.T) {
	const (
		size   = ": want a number of bytes such as 65536, 64K, 512M, 1.5G, or infinity, or a percentage of the machine's memory"
		part   = ": want 1% to 100%"
		weight = ": want 1 to 10000"
		sets   = ": want numbers and ranges such as 0-3,7"
		period = ": want 1ms to 1s"
		rate   = ": want a number each second such as 4096, 10M, 1.5G, or infinity"
		disk   = `: want a path and a rate, such as "/dev/sda 10M"`
		pids   = ": want a number of processes from 1 up to 4194303, or infinity, or a percentage of kernel.pid_max"
		names  = ": no property of that name; there are AllowedCPUs, AllowedMemoryNodes, CPUQuota, CPUQuotaPeriodSec, CPUWeight, " +
			"IOReadBandwidthMax, IOReadIOPSMax, IOWeight, IOWriteBandwidthMax, IOWriteIOPSMax, MemoryHigh, MemoryLow, MemoryMax, " +
			"MemoryMin, MemorySwapMax, MemoryZSwapMax, TasksMax"
	)
	for _, tt := range []struct{ in, want string }{
		{"", `"": want NAME=VALUE, such as MemoryHigh=400M`},
		{"MemoryMax", `"MemoryMax": want NAME=VALUE, such as MemoryHigh=400M`},
		{"=1", `""` + names},
		{"memorymax=1M", `"memorymax"` + names},
		{" MemoryMax=1M", `" MemoryMax"` + names},
		{"Delegate=yes", `"Delegate"` + names},
		{"MemoryMax=", `"MemoryMax=": an empty value`},
		{"MemoryMax=lots", `MemoryMax: size "lots"` + size},
		{"MemoryMax=4K", `MemoryMax: size "4K": want at least 1M, or infinity`},
		{"MemoryMax=0%", `MemoryMax: share "0%"` + part},
		{"MemoryMax=0.5%", `MemoryMax: share "0.5%"` + part},
		{"MemoryMax=101%", `MemoryMax: share "101%"` + part},
		{"MemoryMax=1e1%", `MemoryMax: share "1e1%": want a percentage such as 50%`},
		{"MemoryHigh=-1", `MemoryHigh: size "-1"` + size},
		{"MemoryLow=1X", `MemoryLow: size "1X"` + size},
		{"MemoryMin= 1M", `MemoryMin: size " 1M"` + size},
		{"MemorySwapMax=-1", `MemorySwapMax: size "-1"` + size},
		{"MemoryZSwapMax=max%", `MemoryZSwapMax: share "max%": want a percentage such as 50%`},
		{"TasksMax=0", `TasksMax: "0"` + pids},
		{"TasksMax=many", `TasksMax: "many"` + pids},
		{"TasksMax=200%", `TasksMax: share "200%"` + part},
		{"CPUQuota=2", `CPUQuota: share "2": want a percentage such as 50%, or infinity`},
		{"CPUQuota=0%", `CPUQuota: share "0%": want at least 1% of one processor, or infinity`},
		{"CPUQuotaPeriodSec=10", `CPUQuotaPeriodSec: time "10"` + period},
		{"CPUQuotaPeriodSec=2s", `CPUQuotaPeriodSec: time "2s"` + period},
		{"CPUQuotaPeriodSec=999us", `CPUQuotaPeriodSec: time "999us"` + period},
		{"CPUQuotaPeriodSec=-1s", `CPUQuotaPeriodSec: time "-1s"` + period},
		{"CPUWeight=0", `CPUWeight: weight "0"` + weight},
		{"CPUWeight=10001", `CPUWeight: weight "10001"` + weight},
		{"CPUWeight=IDLE", `CPUWeight: weight "IDLE"` + weight},
		{"IOWeight=idle", `IOWeight: weight "idle"` + weight},
		{"IOWeight=default 5", `IOWeight: weight "default 5"` + weight},
		{"AllowedCPUs=,", `AllowedCPUs: set ","` + sets},
		{"AllowedCPUs=3-1", `AllowedCPUs: set "3-1"` + sets},
		{"AllowedCPUs=0-", `AllowedCPUs: set "0-"` + sets},
		{"AllowedCPUs=0-3-5", `AllowedCPUs: set "0-3-5"` + sets},
		{"AllowedCPUs=8192", `AllowedCPUs: set "8192"` + sets},
		{"AllowedCPUs=0;1", `AllowedCPUs: set "0;1"` + sets},
		{"AllowedMemoryNodes=all", `AllowedMemoryNodes: set "all"` + sets},
		{"IOReadBandwidthMax=10M", `IOReadBandwidthMax: "10M"` + disk},
		{"IOReadBandwidthMax=sda 10M", `IOReadBandwidthMax: "sda 10M"` + disk},
		{"IOWriteBandwidthMax=/dev/sda", `IOWriteBandwidthMax: "/dev/sda"` + disk},
		{"IOReadIOPSMax=/dev/sda 0", `IOReadIOPSMax: rate "0"` + rate},
		{"IOWriteIOPSMax=/dev/sda 1 2", `IOWriteIOPSMax: rate "1 2"` + rate},
	} {
		got := none
		if err := got.Property(tt.in); err == nil || err.Error() != tt.want {
			t.Errorf("Property(%q) = %v\nwant %s", tt.in, err, tt.want)
		}
		if diff := cmp.Diff(none, got); diff != "" {
			t.Errorf("Property(%q) is refused and changes the limits:\n%s", tt.in, diff)
		}
	}
}

// TestEveryProperty: none takes a value that makes no sense for anything.
func TestEveryProperty(t *testing.T) {
	for name := range properties() {
		for _, value := range []string{"\x00", "\n", "=", "é", "%", "-", "1\n2", "/\x00 1"} {
			l := none
			if err := l.Property(name + "=" + value); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
				t.Errorf("%s takes %q: %v", name, value, err)
			}
		}
	}
}

// FuzzParsers: whatever is taken becomes settings that are one line, with a file
// that is a name.
func FuzzParsers(f *testing.F) {
	for _, s := range []string{
		"MemoryMax=1M", "MemoryHigh=5%", "TasksMax=10%", "CPUQuota=1%", "CPUQuotaPeriodSec=1ms", "AllowedCPUs=0-3,7", "IOWeight=5",
		"IOReadBandwidthMax=/dev/sda 10M", "/dev/sda:rbps=1M,wiops=3", "1.5", "4096", "-1", "infinity", "auto",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l := none
		if l.Property(s) != nil {
			l = none
		}
		if d, err := ParseIOMax(s); err == nil {
			if d.Path == "" || d.Path[0] != '/' || d.values() == "" {
				t.Errorf("ParseIOMax(%q) = %+v", s, d)
			}
			l.IO = append(l.IO, d)
		}
		if n, err := ParseMemory(s); err == nil {
			if n < 1<<20 || n > 1<<62 && n != Unlimited {
				t.Errorf("ParseMemory(%q) = %d", s, n)
			}
			l.SetMemory(n)
		}
		if n, err := ParseMemorySwap(s); err == nil {
			l.MemorySwap = n
		}
		if c, err := ParseCPUs(s); err == nil {
			if c != 0 && !(c >= 0.01 && c <= 65536) {
				t.Errorf("ParseCPUs(%q) = %v", s, c)
			}
			l.CPUs = c
		}
		if n, err := ParsePids(s); err == nil {
			if n == 0 || n >= 1<<22 && n != Unlimited {
				t.Errorf("ParsePids(%q) = %d", s, n)
			}
			l.SetPids(n)
		}
		_ = l.Check()
		disks := map[string]Disk{}
		for _, p := range l.DiskPaths() {
			disks[p] = Disk{Number: "8:0"}
		}
		files := map[string]bool{}
		for _, set := range l.Settings(Machine{Memory: 1 << 34, Pids: 1 << 22, Disks: disks}) {
			if set.Controller == "" || !strings.Contains(set.File, ".") || set.Value == "" || strings.ContainsAny(set.Value, "\n\x00") || set.Share != 0 {
				t.Errorf("%q: %+v", s, set)
			}
			if files[set.File] && set.File != "io.max" {
				t.Errorf("%q: %s is written twice", s, set.File)
			}
			files[set.File] = true
		}
		if src, err := ParseSource(s); err == nil && src.String() != s {
			t.Errorf("ParseSource(%q) = %v", s, src)
		}
	})
}

func TestParseSource(t *testing.T) {
	for want, in := range []string{"auto", "systemd", "delegated", "off"} {
		if got, err := ParseSource(in); got != Source(want) || err != nil || got.String() != in {
			t.Errorf("ParseSource(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "Auto", "none", "on", "auto "} {
		if _, err := ParseSource(in); err == nil || err.Error() != `"`+in+`": want auto, systemd, delegated or off` {
			t.Errorf("ParseSource(%q): %v", in, err)
		}
	}
}
