package cgroupdelegate

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// none is what a profile that says nothing has.
var none = Limits{Memory: Unlimited, Swap: Unlimited, Pids: Unlimited}

func TestSettings(t *testing.T) {
	machine := Machine{Memory: 16 << 30, Pids: 4194304, Disks: map[string]Disk{"/dev/sda": {Number: "8:0"}, "/srv": {Number: "259:1"}}}
	for _, tt := range []struct {
		name   string
		change func(l *Limits)
		want   []Setting
	}{
		{"nothing", func(*Limits) {}, nil},
		{"strict", func(l *Limits) { l.Memory, l.Swap, l.Pids, l.CPUs = 512<<20, 0, 128, 1 }, []Setting{
			{"memory", "memory.max", "536870912", 0, "memory 512M"},
			{"memory", "memory.swap.max", "0", 0, "swap 0"},
			{"cpu", "cpu.max", "100000 100000", 0, "cpus 1"},
			{"pids", "pids.max", "128", 0, "pids 128"},
			{"memory", "memory.oom.group", "1", 0, ""},
		}},
		{"a part of a processor", func(l *Limits) { l.CPUs = 0.333 }, []Setting{{"cpu", "cpu.max", "33300 100000", 0, "cpus 0.333"}}},
		{"many processors", func(l *Limits) { l.CPUs = 64 }, []Setting{{"cpu", "cpu.max", "6400000 100000", 0, "cpus 64"}}},
		{"a long period", func(l *Limits) { l.CPUs, l.Period = 0.5, 1000000 }, []Setting{{"cpu", "cpu.max", "500000 1000000", 0, "cpus 0.5"}}},
		// The kernel's shortest quota is 1 ms, which would be the whole period.
		{"a short period", func(l *Limits) { l.CPUs, l.Period = 0.01, 1000 }, []Setting{{"cpu", "cpu.max", "1000 100000", 0, "cpus 0.01"}}},
		{"a period by itself", func(l *Limits) { l.Period = 1000 }, nil},
		{"swap alone", func(l *Limits) { l.Swap = 1 << 30 }, []Setting{{"memory", "memory.swap.max", "1073741824", 0, "swap 1G"}}},
		{"disks", func(l *Limits) {
			l.IO = []IOMax{{Path: "/dev/sda", Rbps: 1e6, Wiops: Unlimited}, {Path: "/srv", Wbps: 2e6, Riops: 30}}
		}, []Setting{
			{"io", "io.max", "8:0 rbps=1000000 wiops=max", 0, "io-max /dev/sda"},
			{"io", "io.max", "259:1 wbps=2000000 riops=30", 0, "io-max /srv"},
		}},
		{"shares of the machine", func(l *Limits) {
			l.More = []Setting{
				{Controller: "memory", File: "memory.max", Share: 0.25, Name: "MemoryMax=25%"},
				{Controller: "pids", File: "pids.max", Share: 0.01, Name: "TasksMax=1%"},
				{Controller: "cpu", File: "cpu.weight", Value: "50", Name: "CPUWeight=50"},
			}
		}, []Setting{
			{"memory", "memory.max", "4294967296", 0, "MemoryMax=25%"},
			{"pids", "pids.max", "41943", 0, "TasksMax=1%"},
			{"cpu", "cpu.weight", "50", 0, "CPUWeight=50"},
			{"memory", "memory.oom.group", "1", 0, ""},
		}},
	} {
		l := none
		tt.change(&l)
		more := slices.Clone(l.More)
		if diff := cmp.Diff(tt.want, l.Settings(machine)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(more, l.More); diff != "" {
			t.Errorf("%s: Settings changed the limits: %s", tt.name, diff)
		}
	}
}

// TestSwap: docker's --memory-swap is memory and swap together.
func TestSwap(t *testing.T) {
	for _, tt := range []struct {
		memory, swap, both uint64
		want               uint64
		err                string
	}{
		{512 << 20, 0, 0, 0, ""},
		{512 << 20, 64 << 20, 0, 64 << 20, ""},
		{512 << 20, 0, 1 << 30, 512 << 20, ""},
		{512 << 20, 64 << 20, 512 << 20, 0, ""},
		{512 << 20, 0, Unlimited, Unlimited, ""},
		{Unlimited, 0, 1 << 30, Unlimited, ""},
		{Unlimited, 0, 0, 0, ""},
		{512 << 20, 0, 256 << 20, 0, "--memory-swap 256M is memory and swap together, and less than the memory of 512M"},
	} {
		l := Limits{Memory: tt.memory, Swap: tt.swap, MemorySwap: tt.both}
		if got := l.swap(); got != tt.want {
			t.Errorf("%+v: swap %d, want %d", l, got, tt.want)
		}
		if err := l.Check(); (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%+v: Check() = %v, want %s", l, err, tt.err)
		}
	}
}

// TestSet: the last word counts, whichever way it was said.
func TestSet(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(l *Limits)
		want   []Setting
	}{
		{"a share, then a size", func(l *Limits) { put(t, l, "MemoryMax=10%"); l.SetMemory(1 << 30) }, []Setting{
			{"memory", "memory.max", "1073741824", 0, "memory 1G"}, {"memory", "memory.oom.group", "1", 0, ""},
		}},
		{"a size, then a share", func(l *Limits) { l.SetMemory(1 << 30); put(t, l, "MemoryMax=10%") }, []Setting{
			{"memory", "memory.max", "1000", 0, "MemoryMax=10%"}, {"memory", "memory.oom.group", "1", 0, ""},
		}},
		{"a share, then a number", func(l *Limits) { put(t, l, "TasksMax=10%"); l.SetPids(7) }, []Setting{{"pids", "pids.max", "7", 0, "pids 7"}}},
		{"a number, then a share", func(l *Limits) { l.SetPids(7); put(t, l, "TasksMax=10%") }, []Setting{{"pids", "pids.max", "1000", 0, "TasksMax=10%"}}},
		{"both swaps, then one", func(l *Limits) { l.MemorySwap = 1 << 30; put(t, l, "MemorySwapMax=5M") }, []Setting{{"memory", "memory.swap.max", "5242880", 0, "swap 5M"}}},
		{"both swaps, then a share", func(l *Limits) { l.MemorySwap = 1 << 30; put(t, l, "MemorySwapMax=5%") }, []Setting{{"memory", "memory.swap.max", "500", 0, "MemorySwapMax=5%"}}},
		{"no limit after all", func(l *Limits) { put(t, l, "MemoryMax=10%"); put(t, l, "MemoryMax=infinity") }, nil},
	} {
		l := none
		tt.change(&l)
		if diff := cmp.Diff(tt.want, l.Settings(Machine{Memory: 10000, Pids: 10000})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}

func put(t *testing.T, l *Limits, list ...string) {
	t.Helper()
	for _, p := range list {
		if err := l.Property(p); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDiskPaths(t *testing.T) {
	l := Limits{IO: []IOMax{{Path: "/a"}, {Path: "/b"}, {Path: "/a"}}}
	if diff := cmp.Diff([]string{"/a", "/b", "/a"}, l.DiskPaths()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseIOMax(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want IOMax
	}{
		{"/dev/sda:rbps=1M", IOMax{Path: "/dev/sda", Rbps: 1e6}},
		{"/dev/sda:wbps=10M,riops=500", IOMax{Path: "/dev/sda", Wbps: 10e6, Riops: 500}},
		{"/:rbps=1,wbps=2,riops=3,wiops=4", IOMax{"/", 1, 2, 3, 4}},
		{"/a:b:wiops=infinity", IOMax{Path: "/a:b", Wiops: Unlimited}},
		{"/a b:rbps=1MiB", IOMax{Path: "/a b", Rbps: 1 << 20}},
		{"/a:rbps=1,rbps=2", IOMax{Path: "/a", Rbps: 2}},
	} {
		if got, err := ParseIOMax(tt.in); got != tt.want || err != nil {
			t.Errorf("ParseIOMax(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
	const want = ": want PATH:KEY=RATE,... with rbps, wbps, riops or wiops, such as /dev/sda:wbps=10M,riops=500"
	for _, tt := range []struct{ in, want string }{
		{"", `""` + want},
		{"/dev/sda", `"/dev/sda"` + want},
		{":rbps=1", `":rbps=1"` + want},
		{"/dev/sda:", `"/dev/sda:"` + want},
		{"/dev/sda:rbps=1,", `"/dev/sda:rbps=1,"` + want},
		{"/dev/sda:bps=1", `"/dev/sda:bps=1"` + want},
		{"/dev/sda:RBPS=1", `"/dev/sda:RBPS=1"` + want},
		{"sda:rbps=1", `"sda:rbps=1": the path is not absolute` + want},
		{"/dev/sda:rbps", `rate "": want a number each second such as 4096, 10M, 1.5G, or infinity`},
		{"/dev/sda:rbps=0", `rate "0": want a number each second such as 4096, 10M, 1.5G, or infinity`},
		{"/dev/sda:rbps=-1", `rate "-1": want a number each second such as 4096, 10M, 1.5G, or infinity`},
		{"/dev/sda:rbps=1 wbps=1", `rate "1 wbps=1": want a number each second such as 4096, 10M, 1.5G, or infinity`},
	} {
		if got, err := ParseIOMax(tt.in); got != (IOMax{}) || err == nil || err.Error() != tt.want {
			t.Errorf("ParseIOMax(%q) = %+v, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

func TestParseMemory(t *testing.T) {
	const size = ": want a number of bytes such as 65536, 64K, 512M, 1.5G, or infinity"
	for _, tt := range []struct {
		in   string
		want uint64
		err  string
	}{
		{"1M", 1 << 20, ""},
		{"1.5G", 3 << 29, ""},
		{"infinity", Unlimited, ""},
		{"0", 0, `size "0": want at least 1M, or infinity`},
		{"1048575", 0, `size "1048575": want at least 1M, or infinity`},
		{"", 0, `size ""` + size},
		{"-1", 0, `size "-1"` + size},
		{"512", 0, `size "512": want at least 1M, or infinity`},
	} {
		got, err := ParseMemory(tt.in)
		check(t, "ParseMemory", tt.in, got, tt.want, err, tt.err)
	}
	for _, tt := range []struct {
		in   string
		want uint64
		err  string
	}{
		{"-1", Unlimited, ""},
		{"1G", 1 << 30, ""},
		{"0", 0, ""}, // docker's word for unset
		{"infinity", Unlimited, ""},
		{"-2", 0, `size "-2"` + size + " (memory and swap together), or -1"},
		{"", 0, `size ""` + size + " (memory and swap together), or -1"},
	} {
		got, err := ParseMemorySwap(tt.in)
		check(t, "ParseMemorySwap", tt.in, got, tt.want, err, tt.err)
	}
}

func TestParseCPUs(t *testing.T) {
	const want = ": want a number of processors from 0.01 up, such as 0.5 or 2, or infinity"
	for _, tt := range []struct {
		in   string
		want float64
		err  string
	}{
		{"1", 1, ""},
		{"0.01", 0.01, ""},
		{"1.5", 1.5, ""},
		{"65536", 65536, ""},
		{"infinity", 0, ""},
		{"0", 0, `"0"` + want},
		{"0.009", 0, `"0.009"` + want},
		{"65537", 0, `"65537"` + want},
		{"-1", 0, `"-1"` + want},
		{"1e3", 0, `"1e3"` + want},
		{"0x1p3", 0, `"0x1p3"` + want},
		{"NaN", 0, `"NaN"` + want},
		{"Inf", 0, `"Inf"` + want},
		{"two", 0, `"two"` + want},
		{"50%", 0, `"50%"` + want},
		{"1,5", 0, `"1,5"` + want},
		{" 1", 0, `" 1"` + want},
		{"", 0, `""` + want},
	} {
		got, err := ParseCPUs(tt.in)
		check(t, "ParseCPUs", tt.in, got, tt.want, err, tt.err)
	}
}

func TestParsePids(t *testing.T) {
	const want = ": want a number of processes from 1 up to 4194303, or infinity"
	for _, tt := range []struct {
		in   string
		want uint64
		err  string
	}{
		{"1", 1, ""},
		{"4194303", 4194303, ""},
		{"unlimited", Unlimited, ""},
		{"0", 0, `"0"` + want},
		{"4194304", 0, `"4194304"` + want},
		{"-1", 0, `"-1"` + want},
		{"1.5", 0, `"1.5"` + want},
		{"1K", 0, `"1K"` + want},
		{"0x10", 0, `"0x10"` + want},
		{"", 0, `""` + want},
	} {
		got, err := ParsePids(tt.in)
		check(t, "ParsePids", tt.in, got, tt.want, err, tt.err)
	}
}

// check holds a result against what is wanted: a value or an error's text. The
// value beside an error does not count.
func check[T comparable](t *testing.T, parser, in string, got, want T, err error, text string) {
	t.Helper()
	switch {
	case text == "" && (err != nil || got != want):
		t.Errorf("%s(%q) = %v, %v, want %v", parser, in, got, err, want)
	case text != "" && (err == nil || err.Error() != text):
		t.Errorf("%s(%q) = %v, %v, want %s", parser, in, got, err, text)
	}
}
