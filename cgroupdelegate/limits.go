package cgroupdelegate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/units"
)

// Unlimited stands for no limit.
const Unlimited = units.Unlimited

// Limits are what a cgroup may use.
type Limits struct {
	Memory uint64 // bytes
	Swap   uint64 // bytes, beside Memory
	// MemorySwap is docker's --memory-swap: memory and swap together. Unlike 0
	// it counts instead of Swap.
	MemorySwap uint64
	Pids       uint64  // processes and threads
	CPUs       float64 // processors; 0: no limit
	Period     uint64  // in which CPUs is kept, microseconds; 0: 100000

	IO   []IOMax
	More []Setting // by systemd's name (ParseProperty)
}

// Setting is one write to a file of a cgroup.
type Setting struct {
	Controller string // that must be enabled; empty: a file that every cgroup has
	File       string
	Value      string
	Share      float64 // memory.*: of the machine's memory; pids.max: of its pid_max; 0: Value counts
	Name       string  // what asked for it, for people: "memory 512M"
}

// IOMax limits what is read from and written to one disk. Zero is no limit.
type IOMax struct {
	Path                     string // a device, or any file or directory on it
	Rbps, Wbps, Riops, Wiops uint64 // bytes and operations each second
}

// Machine is what shares and disks are resolved by.
type Machine struct {
	Memory uint64          // bytes
	Pids   uint64          // kernel.pid_max
	Disks  map[string]Disk // by IOMax.Path
}

// Disk is what a path of IOMax leads to.
type Disk struct {
	Number  string     // "MAJOR:MINOR" of the whole disk; empty: not known
	Err     unix.Errno // of stat(2) on the path
	Unnamed bool       // stat(2) gives its file system the major number 0, which no block device has
}

// Settings are the writes that put l in force, in an order that the kernel
// takes. memory.oom.group comes with a limit on memory: a jail that lost one
// process to it is no whole program any more.
func (l Limits) Settings(m Machine) []Setting {
	var list []Setting
	add := func(controller, file, value, name string) {
		list = append(list, Setting{Controller: controller, File: file, Value: value, Name: name})
	}
	if l.Memory != Unlimited {
		add("memory", "memory.max", strconv.FormatUint(l.Memory, 10), "memory "+units.Text(l.Memory))
	}
	if swap := l.swap(); swap != Unlimited {
		add("memory", "memory.swap.max", strconv.FormatUint(swap, 10), "swap "+units.Text(swap))
	}
	if l.CPUs != 0 {
		period := l.Period
		if period == 0 {
			period = 100000
		}
		// Below 1 ms the kernel refuses a quota (kernel/sched/core.c), so a
		// period that is too short for it becomes longer.
		quota := uint64(math.Round(l.CPUs * float64(period)))
		if quota < 1000 {
			quota, period = 1000, min(uint64(math.Ceil(1000/l.CPUs)), 1000000)
		}
		add("cpu", "cpu.max", strconv.FormatUint(quota, 10)+" "+strconv.FormatUint(period, 10), "cpus "+strconv.FormatFloat(l.CPUs, 'g', -1, 64))
	}
	if l.Pids != Unlimited {
		add("pids", "pids.max", strconv.FormatUint(l.Pids, 10), "pids "+strconv.FormatUint(l.Pids, 10))
	}
	for _, d := range l.IO {
		add("io", "io.max", m.Disks[d.Path].Number+d.values(), "io-max "+d.Path)
	}
	for _, s := range l.More {
		if s.Share != 0 {
			whole := m.Memory
			if s.Controller == "pids" {
				whole = m.Pids
			}
			s.Value, s.Share = strconv.FormatUint(uint64(s.Share*float64(whole)), 10), 0
		}
		list = append(list, s)
	}
	if slices.ContainsFunc(list, func(s Setting) bool { return s.File == "memory.max" }) {
		add("memory", "memory.oom.group", "1", "")
	}
	return list
}

// swap is what MemorySwap leaves beside Memory.
func (l Limits) swap() uint64 {
	switch {
	case l.MemorySwap == 0:
		return l.Swap
	case l.MemorySwap == Unlimited || l.Memory == Unlimited:
		return Unlimited
	}
	return l.MemorySwap - min(l.MemorySwap, l.Memory)
}

// SetMemory puts n in place of whatever limited the memory before.
func (l *Limits) SetMemory(n uint64) {
	l.drop("memory.max")
	l.Memory = n
}

// SetPids puts n in place of whatever limited the processes before.
func (l *Limits) SetPids(n uint64) {
	l.drop("pids.max")
	l.Pids = n
}

// Check says what is wrong with l as a whole, which no option shows by itself.
func (l Limits) Check() error {
	if l.MemorySwap != 0 && l.MemorySwap < l.Memory && l.Memory != Unlimited {
		return fmt.Errorf("--memory-swap %s is memory and swap together, and less than the memory of %s", units.Text(l.MemorySwap), units.Text(l.Memory))
	}
	return nil
}

// DiskPaths are the paths whose disks Settings needs.
func (l Limits) DiskPaths() []string {
	var paths []string
	for _, d := range l.IO {
		paths = append(paths, d.Path)
	}
	return paths
}

func (d IOMax) values() string {
	var b strings.Builder
	for _, v := range []struct {
		key string
		n   uint64
	}{{"rbps", d.Rbps}, {"wbps", d.Wbps}, {"riops", d.Riops}, {"wiops", d.Wiops}} {
		switch v.n {
		case 0:
		case Unlimited:
			b.WriteString(" " + v.key + "=max")
		default:
			b.WriteString(" " + v.key + "=" + strconv.FormatUint(v.n, 10))
		}
	}
	return b.String()
}

// ParseIOMax reads PATH:KEY=RATE[,KEY=RATE...] with the keys of io.max.
func ParseIOMax(s string) (IOMax, error) {
	const want = "want PATH:KEY=RATE,... with rbps, wbps, riops or wiops, such as /dev/sda:wbps=10M,riops=500"
	i := strings.LastIndexByte(s, ':')
	if i <= 0 || strings.ContainsRune(s, 0) {
		return IOMax{}, fmt.Errorf("%q: %s", s, want)
	}
	d := IOMax{Path: s[:i]}
	if !strings.HasPrefix(d.Path, "/") {
		return IOMax{}, fmt.Errorf("%q: the path is not absolute: %s", s, want)
	}
	for field := range strings.SplitSeq(s[i+1:], ",") {
		key, value, _ := strings.Cut(field, "=")
		to := map[string]*uint64{"rbps": &d.Rbps, "wbps": &d.Wbps, "riops": &d.Riops, "wiops": &d.Wiops}[key]
		if to == nil {
			return IOMax{}, fmt.Errorf("%q: %s", s, want)
		}
		n, err := units.Rate(value)
		if err != nil {
			return IOMax{}, err
		}
		*to = n
	}
	return d, nil
}

// ParseMemory reads a limit on memory. A jail needs more than what its own
// start takes.
func ParseMemory(s string) (uint64, error) {
	n, err := units.Size(s)
	if err == nil && n < 1<<20 {
		err = fmt.Errorf("size %q: want at least 1M, or infinity", s)
	}
	return n, err
}

// ParseMemorySwap reads docker's --memory-swap: memory and swap together, or -1
// for as much swap as the host has. It is turned into swap alone by memory.
func ParseMemorySwap(s string) (uint64, error) {
	if s == "-1" {
		return Unlimited, nil
	}
	n, err := units.Size(s)
	if err != nil {
		err = fmt.Errorf("%w (memory and swap together), or -1", err)
	}
	return n, err
}

// ParseCPUs reads a number of processors, as docker does: "1.5". At least a
// hundredth, as for docker and for the kernel, whose shortest quota is 1 ms.
func ParseCPUs(s string) (float64, error) {
	if units.Infinite(s) {
		return 0, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0.01 && f <= 1<<16) || strings.ContainsAny(s, "xXeEpP_") {
		return 0, fmt.Errorf("%q: want a number of processors from 0.01 up, such as 0.5 or 2, or infinity", s)
	}
	return f, nil
}

// ParsePids reads a number of processes.
func ParsePids(s string) (uint64, error) {
	if units.Infinite(s) {
		return Unlimited, nil
	}
	n, err := strconv.ParseUint(s, 10, 22) // PID_MAX_LIMIT is 2^22
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q: want a number of processes from 1 up to 4194303, or infinity", s)
	}
	return n, nil
}
