package cause

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// limitEntries are limits that any step may meet.
func limitEntries() []Entry {
	any := func(e unix.Errno) []On { return []On{{nil, []unix.Errno{e}}} }
	return []Entry{
		{
			ID: "nofile", Looks: "RLIMIT_NOFILE", On: any(unix.EMFILE),
			Cause:  "a process may have {limit} descriptors open (RLIMIT_NOFILE), and procjail needs more",
			Remedy: "ulimit -n 1024, or more",
			See:    []string{"getrlimit(2): RLIMIT_NOFILE", "open(2): EMFILE"},
			probe:  nofileReached,
		},
		{
			ID: "file-max", Looks: "fs.file-nr", On: any(unix.ENFILE),
			Cause:  "the system has {count} files open, and may have {limit} (fs.file-max)",
			Remedy: "sysctl fs.file-max={more} as root",
			See:    []string{"open(2): ENFILE", "proc(5): /proc/sys/fs/file-nr"},
			probe: func(l *look) values {
				v, _ := l.sys.sysctl("fs.file-nr") // open, free, the most
				f := strings.Fields(v)
				if len(f) != 3 {
					return l.saw("cannot be read")
				}
				count, err1 := strconv.ParseUint(f[0], 10, 64)
				limit, err2 := strconv.ParseUint(f[2], 10, 64)
				// procjail has closed its own since.
				const own = 64
				if err1 != nil || err2 != nil || count+own < limit {
					return l.saw("%s of %s", f[0], f[2])
				}
				return values{"count": f[0], "limit": f[2], "more": strconv.FormatUint(limit*2, 10)}
			},
		},
		{
			ID: "memory-cgroup", Looks: "memory.max of the cgroups above", On: any(unix.ENOMEM),
			Cause:  "the cgroup {cgroup} has {used} of memory, and may have {limit} ({file})",
			Remedy: "raise the limit where it is from: systemd MemoryMax=, docker run --memory, Kubernetes resources.limits.memory",
			See:    []string{"cgroups(7)", "Documentation/admin-guide/cgroup-v2.rst: memory.max"},
			probe: func(l *look) values {
				seen := "none has one"
				for _, dir := range l.sys.cgroupsWith("memory") {
					for _, f := range [][2]string{{"memory.max", "memory.current"}, {"memory.limit_in_bytes", "memory.usage_in_bytes"}} {
						limit, err1 := l.sys.amount(dir, f[0])
						used, err2 := l.sys.amount(dir, f[1])
						if err1 != nil || err2 != nil {
							continue // none there, or "max"
						}
						const nothing = 128 << 10 // what is charged at a time (mm/memcontrol.c:MEMCG_CHARGE_BATCH)
						if used+nothing >= limit {
							return values{"cgroup": dir, "used": size(used), "limit": size(limit), "file": f[0]}
						}
						if limit < 1<<62 {
							seen = size(used) + " of " + size(limit) + " in " + dir
						}
					}
				}
				return l.saw("%s", seen)
			},
		},
		{
			ID: "memory-commit", Looks: "vm.overcommit_memory", On: any(unix.ENOMEM),
			Cause:  "the system commits to no more memory than {limit}, and has to {used} (vm.overcommit_memory is 2)",
			Remedy: "sysctl vm.overcommit_memory=0 as root",
			See:    []string{"proc(5): /proc/sys/vm/overcommit_memory, /proc/meminfo"},
			probe: func(l *look) values {
				mode, _ := l.sys.sysctl("vm.overcommit_memory")
				limit, ok1 := l.sys.meminfo("CommitLimit")
				used, ok2 := l.sys.meminfo("Committed_AS")
				const little = 16 << 20
				if mode != "2" || !ok1 || !ok2 || used+little < limit {
					return l.saw("%s", mode)
				}
				return values{"limit": size(limit), "used": size(used)}
			},
		},
		{
			ID: "memory", Looks: "the machine's memory", On: any(unix.ENOMEM),
			Cause:  "the machine has {free} of its {all} of memory left, and {swap} of swap",
			Remedy: "end what uses it, or add swap",
			See:    []string{"proc(5): /proc/meminfo"},
			probe: func(l *look) values {
				all, ok1 := l.sys.meminfo("MemTotal")
				free, ok2 := l.sys.meminfo("MemAvailable")
				swap, _ := l.sys.meminfo("SwapFree")
				if !ok1 || !ok2 {
					return l.saw("/proc/meminfo cannot be read")
				}
				const little = 16 << 20
				if free+swap >= little {
					return l.saw("%s of %s are free", size(free), size(all))
				}
				return values{"free": size(free), "all": size(all), "swap": size(swap)}
			},
		},
	}
}

// amount is a file of a cgroup that is a number of bytes.
func (s *System) amount(dir, file string) (uint64, error) {
	v, _ := s.word(path.Join(dir, file))
	return strconv.ParseUint(v, 10, 64)
}

// meminfo is a field of /proc/meminfo in bytes.
func (s *System) meminfo(field string) (uint64, bool) {
	text, _ := s.read("/proc/meminfo")
	v, _ := fieldOf(text, field)
	n, err := strconv.ParseUint(strings.TrimSuffix(v, " kB"), 10, 64)
	return n << 10, err == nil
}

// nofileReached counts the descriptors that are open now, and those that the
// plan opens up to the step: init has the supervisor's as well.
func nofileReached(l *look) values {
	if l.sys.Limit == nil || l.plan == nil {
		return l.saw("nobody asked")
	}
	limit, err := l.sys.Limit(unix.RLIMIT_NOFILE)
	if err != nil {
		return l.saw("%v", err)
	}
	open, err := os.ReadDir(l.sys.at("/proc/self/fd"))
	if errors.Is(err, unix.EMFILE) { // there is no room for one
		return values{"limit": strconv.FormatUint(limit, 10)}
	}
	if err != nil {
		return l.saw("%v", err)
	}
	needed := len(open) // the directory's own stands for the one that was wanted
	for i, e := range l.plan.Entries {
		// Init begins with what the supervisor has before the clone, and what it
		// opens is in no other process's table but those of its children.
		before := e.Stage == plan.Supervisor && (l.Stage == plan.Supervisor || i < l.clone())
		if i >= l.Index || !before && (e.Stage == plan.Supervisor || l.Stage == plan.Supervisor) {
			continue
		}
		switch e.Step.(type) {
		case plan.Close:
			needed--
		case plan.Socketpair:
			needed += 2
		case plan.Clone3: // a pidfd; the result is a process id
			if l.Stage == plan.Supervisor {
				needed++
			}
		case plan.Clone:
		default:
			if e.Out != 0 {
				needed++
			}
		}
	}
	if _, ok := l.Step.(plan.Newidmap); ok {
		needed += 4 // to run a program: two pipes, and /dev/null
	}
	if uint64(needed) <= limit {
		return l.saw("%d, of which %d are needed up to here", limit, needed)
	}
	return values{"limit": strconv.FormatUint(limit, 10)}
}

// clone is the index of the plan's Clone3.
func (l *look) clone() int {
	for i, e := range l.plan.Entries {
		if _, ok := e.Step.(plan.Clone3); ok {
			return i
		}
	}
	return len(l.plan.Entries)
}
