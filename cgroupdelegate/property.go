package cgroupdelegate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Emmanuel326/procjail/internal/units"
)

// property reads the value of one of systemd's settings into l.
type property func(l *Limits, value string) error

// properties are the names of systemd.resource-control(5) that are about one
// cgroup, each with the file of cgroup-v2.rst that it stands for.
func properties() map[string]property {
	return map[string]property{
		"MemoryMax":           memory("memory.max"),
		"MemoryHigh":          memory("memory.high"),
		"MemoryLow":           memory("memory.low"),
		"MemoryMin":           memory("memory.min"),
		"MemorySwapMax":       memory("memory.swap.max"),
		"MemoryZSwapMax":      memory("memory.zswap.max"),
		"TasksMax":            tasksMax,
		"CPUQuota":            cpuQuota,
		"CPUQuotaPeriodSec":   cpuPeriod,
		"CPUWeight":           weight("cpu", "cpu.weight"),
		"AllowedCPUs":         set("cpuset.cpus"),
		"AllowedMemoryNodes":  set("cpuset.mems"),
		"IOWeight":            weight("io", "io.weight"),
		"IOReadBandwidthMax":  disk("rbps"),
		"IOWriteBandwidthMax": disk("wbps"),
		"IOReadIOPSMax":       disk("riops"),
		"IOWriteIOPSMax":      disk("wiops"),
	}
}

// Property puts Name=value into l. The names are systemd's, and so are the
// forms of the values.
func (l *Limits) Property(s string) error {
	name, value, ok := strings.Cut(s, "=")
	known := properties()
	parse := known[name]
	switch {
	case !ok:
		return fmt.Errorf("%q: want NAME=VALUE, such as MemoryHigh=400M", s)
	case parse == nil:
		names := make([]string, 0, len(known))
		for n := range known {
			names = append(names, n)
		}
		slices.Sort(names)
		return fmt.Errorf("%q: no property of that name; there are %s", name, strings.Join(names, ", "))
	case value == "":
		return fmt.Errorf("%q: an empty value", s)
	}
	if err := parse(l, value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// more adds a setting in place of an earlier one for the same file.
func (l *Limits) more(s Setting, property, value string) {
	l.drop(s.File)
	s.Name = property + "=" + value
	l.More = append(l.More, s)
}

func (l *Limits) drop(file string) {
	l.More = slices.DeleteFunc(slices.Clone(l.More), func(s Setting) bool { return s.File == file })
}

// memory reads a size, a percentage of the machine's memory, or infinity.
func memory(file string) property {
	return func(l *Limits, value string) error {
		s := Setting{Controller: "memory", File: file}
		if strings.HasSuffix(value, "%") {
			share, err := part(value)
			if err != nil {
				return err
			}
			switch file {
			case "memory.max":
				l.Memory = Unlimited
			case "memory.swap.max":
				l.Swap, l.MemorySwap = Unlimited, 0
			}
			s.Share = share
			l.more(s, nameOf(file), value)
			return nil
		}
		n, err := units.Size(value)
		if err != nil {
			return fmt.Errorf("%w, or a percentage of the machine's memory", err)
		}
		switch file {
		case "memory.max":
			if n, err = ParseMemory(value); err != nil {
				return err
			}
			l.SetMemory(n)
			return nil
		case "memory.swap.max":
			l.drop(file)
			l.Swap, l.MemorySwap = n, 0
			return nil
		}
		s.Value = "max"
		if n != Unlimited {
			s.Value = strconv.FormatUint(n, 10)
		}
		l.more(s, nameOf(file), value)
		return nil
	}
}

// nameOf is systemd's name for a file of the memory controller.
func nameOf(file string) string {
	return map[string]string{
		"memory.max": "MemoryMax", "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
		"memory.swap.max": "MemorySwapMax", "memory.zswap.max": "MemoryZSwapMax",
	}[file]
}

// part reads a percentage of what the machine has. Less than a hundredth of it
// can round to nothing.
func part(value string) (float64, error) {
	share, err := units.Percent(value)
	if err == nil && !(share >= 0.01 && share <= 1) {
		err = fmt.Errorf("share %q: want 1%% to 100%%", value)
	}
	return share, err
}

func tasksMax(l *Limits, value string) error {
	if strings.HasSuffix(value, "%") {
		share, err := part(value)
		if err != nil {
			return err
		}
		l.Pids = Unlimited
		l.more(Setting{Controller: "pids", File: "pids.max", Share: share}, "TasksMax", value)
		return nil
	}
	n, err := ParsePids(value)
	if err != nil {
		return fmt.Errorf("%w, or a percentage of kernel.pid_max", err)
	}
	l.SetPids(n)
	return nil
}

func cpuQuota(l *Limits, value string) error {
	if units.Infinite(value) {
		l.CPUs = 0
		return nil
	}
	share, err := units.Percent(value)
	if err == nil && share < 0.01 {
		err = fmt.Errorf("share %q: want at least 1%% of one processor", value)
	}
	if err != nil {
		return fmt.Errorf("%w, or infinity", err)
	}
	l.CPUs = share
	return nil
}

// cpuPeriod takes what the kernel does: 1 ms to 1 s.
func cpuPeriod(l *Limits, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Millisecond || d > time.Second {
		return fmt.Errorf("time %q: want 1ms to 1s", value)
	}
	l.Period = uint64(d / time.Microsecond)
	return nil
}

func weight(controller, file string) property {
	return func(l *Limits, value string) error {
		// A weight and cpu.idle replace one another; the kernel takes no weight
		// of a group that is idle.
		if controller == "cpu" {
			l.drop("cpu.weight")
			l.drop("cpu.idle")
		}
		if value == "idle" && controller == "cpu" {
			l.more(Setting{Controller: "cpu", File: "cpu.idle", Value: "1"}, "CPUWeight", value)
			return nil
		}
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n < 1 || n > 10000 {
			return fmt.Errorf("weight %q: want 1 to 10000", value)
		}
		property, text := "CPUWeight", value
		if controller == "io" {
			property, text = "IOWeight", "default "+value
		}
		l.more(Setting{Controller: controller, File: file, Value: text}, property, value)
		return nil
	}
}

// set reads numbers and ranges, "0-3,7", with commas or blanks between them.
func set(file string) property {
	return func(l *Limits, value string) error {
		fields := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		for _, f := range fields {
			from, to, ranged := strings.Cut(f, "-")
			if !ranged {
				to = from
			}
			a, err1 := strconv.ParseUint(from, 10, 13)
			b, err2 := strconv.ParseUint(to, 10, 13)
			if err1 != nil || err2 != nil || a > b {
				return fmt.Errorf("set %q: want numbers and ranges such as 0-3,7", value)
			}
		}
		if len(fields) == 0 {
			return fmt.Errorf("set %q: want numbers and ranges such as 0-3,7", value)
		}
		name := "AllowedCPUs"
		if file == "cpuset.mems" {
			name = "AllowedMemoryNodes"
		}
		l.more(Setting{Controller: "cpuset", File: file, Value: strings.Join(fields, ",")}, name, value)
		return nil
	}
}

// disk reads "PATH RATE".
func disk(key string) property {
	return func(l *Limits, value string) error {
		path, rate, ok := strings.Cut(strings.TrimSpace(value), " ")
		if !ok || !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
			return fmt.Errorf("%q: want a path and a rate, such as \"/dev/sda 10M\"", value)
		}
		n, err := units.Rate(strings.TrimSpace(rate))
		if err != nil {
			return err
		}
		l.IO = slices.Clone(l.IO) // limits that were copied share it
		for i := range l.IO {
			if d := &l.IO[i]; d.Path == path {
				d.put(key, n)
				return nil
			}
		}
		d := IOMax{Path: path}
		d.put(key, n)
		l.IO = append(l.IO, d)
		return nil
	}
}

func (d *IOMax) put(key string, n uint64) {
	*map[string]*uint64{"rbps": &d.Rbps, "wbps": &d.Wbps, "riops": &d.Riops, "wiops": &d.Wiops}[key] = n
}
