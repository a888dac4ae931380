package cause

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// namespaceEntries are limits on namespaces, and kernels without some.
func namespaceEntries() []Entry {
	full := []unix.Errno{unix.ENOSPC}
	makes := []plan.Step{plan.Clone3{}, plan.Unshare{}, plan.Fsmount{}, plan.OpenTree{}}
	return []Entry{
		{
			ID: "namespaces-off", stands: true, Looks: "user.max_*_namespaces",
			On:     []On{{makes, full}},
			Cause:  "user.max_{kind}_namespaces is 0",
			Remedy: "sysctl user.max_{kind}_namespaces=10000 as root",
			See:    []string{"namespaces(7): /proc/sys/user", "kernel/ucount.c:inc_ucount"},
			probe: func(l *look) values {
				for _, k := range l.kinds() {
					v, ok := l.sys.sysctl("user.max_" + k.word + "_namespaces")
					if ok && v == "0" {
						return values{"kind": k.word}
					}
				}
				return l.saw("none is 0")
			},
		},
		{
			ID: "pid-nesting", Looks: "the depth of pid namespaces",
			On:     []On{{makes, full}},
			Cause:  "pid namespaces are nested {depth} deep here, below the first one, and 32 is the most",
			Remedy: "start procjail further out",
			See:    []string{"pid_namespaces(7)", "proc(5): NSpid in /proc/PID/status", "include/linux/pid_namespace.h:MAX_PID_NS_LEVEL"},
			probe: func(l *look) values {
				v, _ := l.sys.status("NSpid") // one number for each, from that of this /proc inwards
				depth := len(strings.Fields(v)) - 1
				if namespaces(l.Step)&unix.CLONE_NEWPID == 0 || depth < 32 {
					return l.saw("%d seen", max(depth, 0))
				}
				return values{"depth": strconv.Itoa(depth)}
			},
		},
		{
			ID: "namespaces-full", Looks: "which kind of namespace is one too many",
			On:     []On{{makes, full}},
			Cause:  "uid {uid} has as many {kind} namespaces as it may: user.max_{kind}_namespaces is {limit}",
			Remedy: "end some of those that lsns lists, or sysctl user.max_{kind}_namespaces={more} as root",
			See:    []string{"namespaces(7): /proc/sys/user", "lsns(8)", "kernel/ucount.c:inc_ucount"},
			probe: func(l *look) values {
				k, ok := l.refused()
				if !ok {
					return nil
				}
				limit, known := l.sys.sysctl("user.max_" + k.word + "_namespaces")
				if !known || !l.sys.initialUser() {
					// Each user namespace above has a limit as well, and none of them can be seen.
					return l.saw("%s; the limit here is %s, and those of the user namespaces above cannot be seen, nor how deep these are nested (32 is the most)", k.word, limit)
				}
				n, _ := strconv.ParseUint(limit, 10, 32)
				return values{"uid": l.sys.euid(), "kind": k.word, "limit": limit, "more": strconv.FormatUint(n*2, 10)}
			},
		},
		{
			ID: "namespaces-full-above", Looks: "limits of user namespaces above",
			On:     []On{{makes, full}},
			Cause:  "no further {kind} namespace can be made: user.max_{kind}_namespaces of this user namespace, where it is {limit}, or of one above it is reached",
			Remedy: "end some of those that lsns lists, or sysctl user.max_{kind}_namespaces as root outside",
			See:    []string{"namespaces(7): /proc/sys/user", "kernel/ucount.c:inc_ucount"},
			probe: func(l *look) values {
				// For the other two kinds depth is a limit, too.
				k, ok := l.refused()
				if !ok || l.sys.initialUser() || k.flag == unix.CLONE_NEWUSER || k.flag == unix.CLONE_NEWPID {
					return nil
				}
				limit, _ := l.sys.sysctl("user.max_" + k.word + "_namespaces")
				return values{"kind": k.word, "limit": limit}
			},
		},
		{
			ID: "namespaces-missing", stands: true, Looks: "/proc/self/ns",
			On:     []On{{[]plan.Step{plan.Clone3{}, plan.Unshare{}, plan.Setns{}}, []unix.Errno{unix.EINVAL}}},
			Cause:  "this kernel ({release}) has no {kind} namespaces: there is no /proc/self/ns/{link}",
			Remedy: "a kernel that was built with CONFIG_{config}",
			See:    []string{"namespaces(7)", "kernel/nsproxy.c:create_new_namespaces"},
			probe: func(l *look) values {
				if !l.sys.exists("/proc/self/status") {
					return l.saw("there is no /proc")
				}
				for _, k := range l.kinds() {
					if l.sys.readlink("/proc/self/ns/"+k.link) == "" {
						return values{"release": l.release(), "kind": k.word, "link": k.link, "config": k.config}
					}
				}
				return l.saw("all are there")
			},
		},
	}
}

// kinds are those that the step is about.
func (l *look) kinds() []kind {
	var list []kind
	for _, k := range kinds {
		if namespaces(l.Step)&k.flag != 0 {
			list = append(list, k)
		}
	}
	return list
}

// refused makes processes in new namespaces, one kind after the other, and
// returns the kind with which the kernel gives the failure's errno. It is not
// ok where it gives none now.
func (l *look) refused() (k kind, ok bool) {
	if l.sys.Try == nil {
		l.saw("nobody asked")
		return k, false
	}
	first := uint64(unix.CLONE_NEWUSER)
	switch e := l.sys.Try(Trial{Flags: first}).Cloned; {
	case e == l.Errno && namespaces(l.Step)&first != 0:
		return kinds[0], true
	case e != 0:
		l.saw("no process in a user namespace of its own can be made now: %s", errnoName(e))
		return k, false
	}
	for _, k := range l.kinds() {
		if k.flag == unix.CLONE_NEWTIME { // of clone(2) only since 6.2 for who shares memory; unshare(2) is as good
			call := [7]uint64{unix.SYS_UNSHARE, unix.CLONE_NEWTIME}
			if got := l.sys.Try(Trial{Flags: first, Call: &call}); got.Made && -got.Result == int64(l.Errno) {
				return k, true
			}
			continue
		}
		if k.flag != first && l.sys.Try(Trial{Flags: first | k.flag}).Cloned == l.Errno {
			return k, true
		}
	}
	l.saw("none now")
	return k, false
}

// release is utsname.release.
func (l *look) release() string {
	if l.host == nil {
		return "?"
	}
	return l.host.Release
}

// euid is the effective uid, from proc(5).
func (s *System) euid() string {
	ids, _ := s.status("Uid")
	if f := strings.Fields(ids); len(f) > 1 {
		return f[1]
	}
	return "?"
}

// processEntries are limits on processes. kernel/fork.c:copy_process says EAGAIN
// for each of them.
func processEntries() []Entry {
	on := []On{
		{[]plan.Step{plan.Clone3{}, plan.Clone{}, plan.Newidmap{}}, []unix.Errno{unix.EAGAIN}},
	}
	nproc := append([]On{{[]plan.Step{plan.Execve{}}, []unix.Errno{unix.EAGAIN}}}, on...)
	return []Entry{
		{
			ID: "pids-jail", Looks: "the jail's own limit on processes",
			On:     on,
			Cause:  "the jail's limit is {limit} processes and threads, and a start needs {needed}: {who}",
			Remedy: "--pids {needed}, or more",
			See:    []string{"fork(2): EAGAIN", "kernel/cgroup/pids.c:pids_can_fork"},
			probe:  ownPids,
		},
		{
			ID: "nproc", Looks: "RLIMIT_NPROC",
			On:     nproc,
			Cause:  "uid {uid} has {count} processes and threads, those in its user namespaces among them, and may have {limit} (RLIMIT_NPROC)",
			Remedy: "end some, or ulimit -u {more}",
			See:    []string{"getrlimit(2): RLIMIT_NPROC", "fork(2): EAGAIN", "execve(2): EAGAIN", "kernel/ucount.c:inc_rlimit_ucounts"},
			probe:  nprocReached,
		},
		{
			ID: "pids-cgroup", Looks: "pids.max of the cgroups above",
			On:     on,
			Cause:  "the cgroup {cgroup} has {count} processes and threads, and may have {limit} (pids.max)",
			Remedy: "end some, or raise the limit where it is from: systemd TasksMax=, docker run --pids-limit, Kubernetes podPidsLimit",
			See:    []string{"fork(2): EAGAIN", "cgroups(7)", "kernel/cgroup/pids.c:pids_can_fork"},
			probe:  pidsReached,
		},
		{
			ID: "threads-max", Looks: "kernel.threads-max",
			On:     on,
			Cause:  "the system has {count} processes and threads, and may have {limit} (kernel.threads-max)",
			Remedy: "sysctl kernel.threads-max={more} as root",
			See:    []string{"fork(2): EAGAIN", "proc(5): /proc/sys/kernel/threads-max, /proc/loadavg", "kernel/fork.c:copy_process"},
			probe: func(l *look) values {
				text, _ := l.sys.read("/proc/loadavg") // the fourth field: running/all
				f := strings.Fields(text)
				if len(f) < 4 {
					return l.saw("/proc/loadavg cannot be read")
				}
				_, all, _ := strings.Cut(f[3], "/")
				count, err := strconv.ParseUint(all, 10, 64)
				count += l.gone()
				limit, ok := l.sys.number("kernel.threads-max")
				if err != nil || !ok || count < limit {
					return l.saw("there are %s", all)
				}
				return values{"count": strconv.FormatUint(count, 10), "limit": strconv.FormatUint(limit, 10), "more": strconv.FormatUint(limit*2, 10)}
			},
		},
		{
			ID: "pid-max", Looks: "kernel.pid_max",
			On:     on,
			Cause:  "{count} of the {limit} process ids from {first} to {last} are in use, and kernel.pid_max is {max}",
			Remedy: "end some, or sysctl kernel.pid_max={more} as root",
			See:    []string{"fork(2): EAGAIN", "proc(5): /proc/sys/kernel/pid_max", "kernel/pid.c:alloc_pid, RESERVED_PIDS"},
			probe:  pidsUsedUp,
		},
	}
}

// reservedPIDs is the first number that is given again once all have been given.
const reservedPIDs = 300

// pidsUsedUp counts the processes and threads by their numbers: each that is
// seen here has one that is valid here. Of a process group or a session that has
// outlived its leader it does not know.
func pidsUsedUp(l *look) values {
	most, ok := l.sys.number("kernel.pid_max")
	if !ok || most <= reservedPIDs {
		return l.saw("not known")
	}
	count := l.gone()
	for _, pid := range l.sys.pids() {
		for _, tid := range l.sys.threads(pid) {
			if n, err := strconv.ParseUint(tid, 10, 32); err == nil && n >= reservedPIDs {
				count++
			}
		}
	}
	limit := most - reservedPIDs
	if count < limit {
		return l.saw("%d of %d", count, limit)
	}
	text := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return values{"count": text(count), "limit": text(limit), "first": text(reservedPIDs), "last": text(most - 1), "max": text(most), "more": text(most * 2)}
}

// number is a sysctl that is one.
func (s *System) number(name string) (uint64, bool) {
	v, _ := s.sysctl(name)
	n, err := strconv.ParseUint(v, 10, 64)
	return n, err == nil
}

// gone is how many processes of the jail there were when the step failed: they
// have ended since.
func (l *look) gone() uint64 {
	n := uint64(0)
	if l.plan == nil || l.Stage == plan.Supervisor {
		return 0
	}
	for _, e := range l.plan.Entries[:min(l.Index, len(l.plan.Entries))] {
		switch e.Step.(type) {
		case plan.Clone3, plan.Clone:
			n++
		}
	}
	return n
}

// ownPids compares what the plan starts with the limit that the plan sets.
func ownPids(l *look) values {
	if l.plan == nil {
		return l.saw("none")
	}
	for _, limit := range l.plan.Limits {
		if limit.Name != "pids" || limit.By != "cgroup" {
			continue
		}
		needed, who := 0, ""
		for _, e := range l.plan.Entries {
			switch e.Step.(type) {
			case plan.Clone3:
				needed, who = needed+1, "PID 1"
			case plan.Clone:
				needed++
			}
		}
		switch needed {
		case 3:
			who += ", what makes the network, and the payload"
		case 2:
			who += " and the payload"
		}
		n, err := strconv.Atoi(limit.Value)
		if err == nil && n < needed {
			return values{"limit": limit.Value, "needed": strconv.Itoa(needed), "who": who}
		}
		return l.saw("%s, of which a start needs %d", limit.Value, needed)
	}
	return l.saw("none by a cgroup")
}

// nprocReached counts the processes and threads that are the real uid's. Others,
// in pid namespaces that are not seen from here, count as well.
func nprocReached(l *look) values {
	if l.sys.Limit == nil {
		return l.saw("nobody asked")
	}
	limit, err := l.sys.Limit(unix.RLIMIT_NPROC)
	if err != nil {
		return l.saw("%v", err)
	}
	if limit == unix.RLIM_INFINITY {
		return l.saw("unlimited")
	}
	uid, _ := l.sys.status("Uid")
	mine, _, _ := strings.Cut(uid, "\t")
	count := l.gone()
	for _, pid := range l.sys.pids() {
		text, err := l.sys.read("/proc/" + pid + "/status")
		if err != nil {
			continue
		}
		ids, _ := fieldOf(text, "Uid")
		threads, _ := fieldOf(text, "Threads")
		real, _, _ := strings.Cut(ids, "\t")
		n, _ := strconv.ParseUint(threads, 10, 32)
		if l.sys.charged(pid, real, mine) {
			count += n
		}
	}
	seen := fmt.Sprintf("%d of %d", count, limit)
	if l.sys.initialUser() && (mine == "0" || l.sys.capable(capSysAdmin) || l.sys.capable(capSysResource)) {
		return l.saw("%s, which is not for root, CAP_SYS_RESOURCE or CAP_SYS_ADMIN", seen)
	}
	if count < limit {
		return l.saw("%s", seen)
	}
	return values{
		"uid": mine, "count": strconv.FormatUint(count, 10), "limit": strconv.FormatUint(limit, 10),
		"more": strconv.FormatUint(count+64, 10),
	}
}

// pidsReached looks from this process's cgroup upwards, in v2 and in v1.
func pidsReached(l *look) values {
	seen := "none has one"
	for _, dir := range l.sys.cgroupsWith("pids") {
		limit, ok := l.sys.word(dir + "/pids.max")
		count, _ := l.sys.word(dir + "/pids.current")
		most, err1 := strconv.ParseUint(limit, 10, 64)
		have, err2 := strconv.ParseUint(count, 10, 64)
		if !ok || err1 != nil || err2 != nil {
			continue // none there, or "max"
		}
		if have += l.gone(); have >= most {
			return values{"cgroup": dir, "count": strconv.FormatUint(have, 10), "limit": limit}
		}
		seen = count + " of " + limit + " in " + dir
	}
	return l.saw("%s", seen)
}
