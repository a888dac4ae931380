package cause

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// controllers are those that a limit may want, and whose files begin with their
// name.
var controllers = []string{"cpu", "cpuset", "io", "memory", "pids"}

// cgroupEntries are about the directories and files of cgroup2.
func cgroupEntries() []Entry {
	const off = "--cgroup off"
	see := func(more string) []string {
		return []string{"cgroups(7)", "Documentation/admin-guide/cgroup-v2.rst: " + more}
	}
	return []Entry{
		{
			ID: "cgroup-count", Looks: "cgroup.max.descendants and cgroup.max.depth",
			On:     []On{{[]plan.Step{plan.Mkdirat{}}, []unix.Errno{unix.EAGAIN}}},
			Cause:  "{cgroup} may have no further cgroup below it: {file} is {limit}",
			Remedy: "raise that, or " + off,
			See:    see("cgroup.max.descendants"),
			probe: func(l *look) values {
				for dir := l.cgroupOf(); dir != "" && l.sys.exists(dir+"/cgroup.procs"); dir = path.Dir(dir) {
					stat, _ := l.sys.read(dir + "/cgroup.stat") // "nr_descendants 3"
					for line := range strings.Lines(stat) {
						key, count, _ := strings.Cut(strings.TrimSpace(line), " ")
						limit, _ := l.sys.word(dir + "/cgroup.max.descendants")
						n, err1 := strconv.ParseUint(count, 10, 64)
						most, err2 := strconv.ParseUint(limit, 10, 64)
						if key == "nr_descendants" && err1 == nil && err2 == nil && n >= most {
							return values{"cgroup": dir, "file": "cgroup.max.descendants", "limit": limit}
						}
					}
				}
				depth := uint64(1)
				for dir := l.cgroupOf(); dir != "" && l.sys.exists(dir+"/cgroup.procs"); dir = path.Dir(dir) {
					limit, _ := l.sys.word(dir + "/cgroup.max.depth")
					if most, err := strconv.ParseUint(limit, 10, 64); err == nil && depth > most {
						return values{"cgroup": dir, "file": "cgroup.max.depth", "limit": limit}
					}
					depth++
				}
				return l.saw("neither is reached")
			},
		},
		{
			ID: "cgroup-unwritable", Looks: "whose the cgroup is",
			On: []On{{
				[]plan.Step{plan.Mkdirat{}, plan.Openat{}, plan.OpenCgroup{}, plan.MoveProcesses{}, plan.MoveProcess{}, plan.Write{}, plan.Clone3{}},
				[]unix.Errno{unix.EACCES, unix.EPERM},
			}},
			Cause:  "{file} is not yours to write",
			Remedy: "--cgroup systemd or off",
			See:    see("Delegation Containment"),
			probe: func(l *look) values {
				dir := l.cgroupOf()
				if dir == "" || l.sys.Access == nil {
					return l.saw("no cgroup is asked for")
				}
				files := []string{dir, dir + "/cgroup.procs", dir + "/cgroup.subtree_control"}
				switch s := l.Step.(type) {
				case plan.Openat:
					files = []string{path.Join(dir, s.Path)}
				case plan.MoveProcesses:
					files = append(files, dir+"/"+s.To+"/cgroup.procs")
				case plan.Clone3, plan.MoveProcess: // and of the one above both, which is the leaf's
					files = append(files, path.Dir(dir)+"/cgroup.procs")
				}
				for _, f := range files {
					if e := sys.Errno(l.sys.Access(f, unix.W_OK)); e == unix.EACCES || e == unix.EPERM {
						return values{"file": f}
					}
				}
				return l.saw("yours")
			},
		},
		{
			ID: "cgroup-readonly", Looks: "how cgroup2 is mounted",
			On:     []On{{[]plan.Step{plan.Mkdirat{}, plan.Openat{}, plan.MoveProcesses{}, plan.MoveProcess{}}, []unix.Errno{unix.EROFS}}},
			Cause:  "cgroup2 is mounted read-only at {mount}",
			Remedy: "start the container with a cgroup namespace of its own and /sys/fs/cgroup writable, or " + off,
			See:    see("Mounting"),
			probe: func(l *look) values {
				dir := l.cgroupOf()
				if dir == "" || l.sys.Space == nil {
					return l.saw("no cgroup is asked for")
				}
				s, err := l.sys.Space(dir)
				if err != nil || s.Flags&unix.ST_RDONLY == 0 {
					return l.saw("it can be written")
				}
				return values{"mount": l.mountPoint()}
			},
		},
		{
			ID: "cgroup-threaded", Looks: "cgroup.type",
			On: []On{{
				[]plan.Step{plan.Clone3{}, plan.Write{}, plan.MoveProcesses{}, plan.MoveProcess{}}, []unix.Errno{unix.EOPNOTSUPP},
			}},
			Cause:  "{cgroup} is in a threaded tree: its cgroup.type is \"{type}\", and takes no process and no domain controller",
			Remedy: off,
			See:    see("Threads"),
			probe: func(l *look) values {
				for _, dir := range []string{l.cgroupOf(), l.leafOf()} {
					if v, ok := l.sys.word(dir + "/cgroup.type"); ok && dir != "" && v != "domain" {
						return values{"cgroup": dir, "type": v}
					}
				}
				return l.saw("domain")
			},
		},
		{
			ID: "cgroup-internal", Looks: "cgroup.subtree_control of where a process is to go",
			On: []On{{
				[]plan.Step{plan.Clone3{}, plan.MoveProcesses{}, plan.MoveProcess{}}, []unix.Errno{unix.EBUSY},
			}},
			Cause:  "{cgroup} enables {controllers} for its children, and so takes no process of its own",
			Remedy: "--cgroup systemd or off",
			See:    see("No Internal Process Constraint"),
			probe: func(l *look) values {
				dir := l.leafOf()
				v, ok := l.sys.word(dir + "/cgroup.subtree_control")
				if dir == "" || !ok || v == "" {
					return l.saw("it enables nothing")
				}
				return values{"cgroup": dir, "controllers": v}
			},
		},
		{
			ID: "controller-missing", Looks: "cgroup.controllers",
			On:     []On{{[]plan.Step{plan.Write{}}, []unix.Errno{unix.ENOENT, unix.EINVAL}}},
			Cause:  "{cgroup} does not have {controllers}: its cgroup.controllers is \"{have}\"",
			Remedy: "fewer limits, or " + off,
			See:    see("Top-down Constraint"),
			probe: func(l *look) values {
				s := l.Step.(plan.Write)
				have, ok := l.sys.word(l.cgroupOf() + "/cgroup.controllers")
				if l.cgroupFile() != "cgroup.subtree_control" || !ok {
					return l.saw("no controller is asked for")
				}
				var missing []string
				for _, c := range strings.Fields(string(s.Data)) {
					if !slices.Contains(strings.Fields(have), strings.TrimLeft(c, "+-")) {
						missing = append(missing, strings.TrimLeft(c, "+-"))
					}
				}
				if len(missing) == 0 {
					return l.saw("%s", have)
				}
				return values{"cgroup": l.cgroupOf(), "controllers": strings.Join(missing, " and "), "have": have}
			},
		},
		{
			ID: "cgroup-has-processes", Looks: "cgroup.procs",
			On:     []On{{[]plan.Step{plan.Write{}}, []unix.Errno{unix.EBUSY}}},
			Cause:  "{cgroup} has processes of its own ({pids}), and enables no controller while it has",
			Remedy: "try again, or --cgroup systemd",
			See:    see("No Internal Process Constraint"),
			probe: func(l *look) values {
				v, _ := l.sys.read(l.cgroupOf() + "/cgroup.procs")
				pids := strings.Fields(v)
				if l.cgroupFile() != "cgroup.subtree_control" || len(pids) == 0 {
					return l.saw("none")
				}
				return values{"cgroup": l.cgroupOf(), "pids": strings.Join(pids[:min(len(pids), 4)], " ")}
			},
		},
		{
			ID: "controller-off", Looks: "the controllers of the cgroup",
			On:     []On{{[]plan.Step{plan.Openat{}}, []unix.Errno{unix.ENOENT}}},
			Cause:  "{cgroup} has no {file}: its cgroup.controllers is \"{have}\"",
			Remedy: "fewer limits, or " + off,
			See:    see("Controllers"),
			probe: func(l *look) values {
				s := l.Step.(plan.Openat)
				dir := l.cgroupOf()
				if !l.sys.exists(dir) { // the leaf has been removed by now; it had what is above it
					dir = path.Dir(dir)
				}
				have, ok := l.sys.word(dir + "/cgroup.controllers")
				controller, _, _ := strings.Cut(s.Path, ".")
				if l.cgroupOf() == "" || !ok || !slices.Contains(controllers, controller) || slices.Contains(strings.Fields(have), controller) {
					return l.saw("no file of a controller that is missing")
				}
				return values{"cgroup": dir, "file": s.Path, "have": have}
			},
		},
		{
			ID: "limit-disk", Looks: "the disk of the limit",
			On:     []On{{[]plan.Step{plan.Write{}}, []unix.Errno{unix.ENODEV}}},
			Cause:  "there is no disk {disk}, of which {file} is to have \"{value}\"",
			Remedy: "another path for --io-max",
			See:    see("IO Interface Files"),
			probe: func(l *look) values {
				s := l.Step.(plan.Write)
				disk, _, _ := strings.Cut(string(s.Data), " ")
				if !strings.HasPrefix(l.cgroupFile(), "io.") || l.sys.exists("/sys/dev/block/"+disk) {
					return l.saw("it is there")
				}
				return values{"disk": disk, "file": l.cgroupFile(), "value": string(s.Data)}
			},
		},
		{
			ID: "limit-refused", Looks: "the file of the limit",
			On:     []On{{[]plan.Step{plan.Write{}}, []unix.Errno{unix.EINVAL, unix.ERANGE}}},
			Cause:  "the kernel takes no \"{value}\" for {file}",
			Remedy: "another value for that limit",
			See:    see("Interface Files"),
			probe: func(l *look) values {
				s := l.Step.(plan.Write)
				file := l.cgroupFile() // which the step before has opened
				if file == "" || strings.HasPrefix(file, "cgroup.") {
					return l.saw("no limit is written")
				}
				return values{"value": string(s.Data), "file": file}
			},
		},
		{
			ID: "cgroup-locked", Looks: "/proc/locks",
			On:     []On{{[]plan.Step{plan.Flock{}}, []unix.Errno{unix.EWOULDBLOCK}}},
			Cause:  "process {pid} holds a lock on {cgroup} for itself",
			Remedy: "wait until another procjail has given the cgroup back, or --cgroup systemd or off",
			See:    []string{"flock(2): EWOULDBLOCK", "proc(5): /proc/locks"},
			probe: func(l *look) values {
				dir := l.behind(l.Step.(plan.Flock).FD)
				st, err := l.sys.stat(dir)
				if err != nil {
					return l.saw("%v", err)
				}
				text, _ := l.sys.read("/proc/locks")
				for line := range strings.Lines(text) { // "1: FLOCK ADVISORY WRITE 708 00:1a:1234 0 EOF"
					f := strings.Fields(line)
					if len(f) < 6 || f[1] != "FLOCK" || f[3] != "WRITE" {
						continue
					}
					if _, ino, _ := strings.Cut(f[5][strings.Index(f[5], ":")+1:], ":"); ino == strconv.FormatUint(st.Ino, 10) {
						return values{"pid": f[4], "cgroup": dir}
					}
				}
				return l.saw("nobody holds one now")
			},
		},
	}
}

// cgroupOf is the directory of cgroup2 that the step is about; empty: none.
func (l *look) cgroupOf() string {
	dir := ""
	switch s := l.Step.(type) {
	case plan.Mkdirat:
		dir = l.behind(s.Dir)
	case plan.Openat:
		dir = l.behind(s.Dir)
		if dir == "" {
			dir = s.Path
		}
	case plan.OpenCgroup:
		dir = s.Mount + l.sys.ownCgroup()
	case plan.MoveProcesses:
		dir = l.behind(s.From)
	case plan.MoveProcess:
		dir = l.behind(s.To)
	case plan.Clone3:
		dir = l.behind(s.Cgroup)
	case plan.Write:
		if file := l.behind(s.FD); file != "" {
			dir = path.Dir(file)
		}
	}
	if m := l.mountPoint(); m == "" || !below(dir, m) {
		return ""
	}
	return dir
}

// leafOf is the cgroup that a process is to go to.
func (l *look) leafOf() string {
	if s, ok := l.Step.(plan.MoveProcesses); ok {
		if dir := l.cgroupOf(); dir != "" {
			return path.Join(dir, s.To)
		}
		return ""
	}
	return l.cgroupOf()
}

// cgroupFile is the file of a cgroup that the step writes; empty: it is none.
func (l *look) cgroupFile() string {
	s, ok := l.Step.(plan.Write)
	if !ok || l.cgroupOf() == "" {
		return ""
	}
	return path.Base(l.behind(s.FD))
}

// mountPoint is where cgroup2 is.
func (l *look) mountPoint() string {
	if l.host == nil {
		return ""
	}
	return l.host.Cgroup.Mount
}
