package cause

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// mountEntries are about mounts.
func mountEntries() []Entry {
	return []Entry{
		{
			ID: "mount-kind", Looks: "what is to go where",
			On:     []On{{[]plan.Step{plan.MoveMount{}}, []unix.Errno{unix.EINVAL, unix.ENOTDIR}}},
			Cause:  "{source} is {is}, and {place} inside is {where}",
			Remedy: "name another destination",
			See:    []string{"mount(2)", "fs/namespace.c:do_move_mount"},
			probe:  wrongKind,
		},
		{
			ID: "mount-max", stands: true, Looks: "fs.mount-max",
			On:     []On{{[]plan.Step{plan.MoveMount{}}, []unix.Errno{unix.ENOSPC}}},
			Cause:  "a mount namespace may have {limit} mounts (fs.mount-max); there are {here} here, and the jail adds {more}",
			Remedy: "sysctl fs.mount-max={enough} as root",
			See:    []string{"proc(5): /proc/sys/fs/mount-max", "fs/namespace.c:count_mounts"},
			probe:  mountMax,
		},
		{
			ID: "mount-unbindable", Looks: "the propagation of the mount that it is on",
			On:     []On{{[]plan.Step{plan.OpenTree{}}, []unix.Errno{unix.EINVAL}}},
			Cause:  "{path} is on the mount {at}, which is unbindable: nobody may copy it",
			Remedy: "mount --make-private {at} as root",
			See:    []string{"mount_namespaces(7): MS_UNBINDABLE", "fs/namespace.c:__do_loopback"},
			probe: func(l *look) values {
				p := l.hostPath()
				if real, err := filepath.EvalSymlinks(p); err == nil && l.sys.Root == "" {
					p = real
				}
				m, ok := mountOf(l.sys.mounts(), p)
				if p == "" || !ok {
					return l.saw("not of the host's")
				}
				if !slices.Contains(m.tags, "unbindable") {
					return l.saw("%s can be copied", m.at)
				}
				if !l.again() { // since Linux 6.17 a new mount namespace forgets it
					return l.saw("%s is unbindable, and is copied all the same", m.at)
				}
				return values{"path": p, "at": m.at}
			},
		},
		{
			ID: "mount-unbindable-below", Looks: "the propagation of the mounts below it",
			On:     []On{{[]plan.Step{plan.OpenTree{}}, []unix.Errno{unix.EPERM}}},
			Cause:  "below {path} is the mount {at}, which is unbindable: nobody may copy it, nor copy {path} without it in another user namespace",
			Remedy: "mount --make-private {at} as root",
			See:    []string{"mount_namespaces(7): MS_UNBINDABLE, locked mounts", "fs/namespace.c:copy_tree"},
			probe: func(l *look) values {
				p := l.hostPath()
				if real, err := filepath.EvalSymlinks(p); err == nil && l.sys.Root == "" {
					p = real
				}
				if p == "" || !l.Step.(plan.OpenTree).Recursive {
					return l.saw("not of the host's, or without them")
				}
				for _, m := range l.sys.mounts() {
					if m.at == p || !below(m.at, p) || !slices.Contains(m.tags, "unbindable") {
						continue
					}
					if !l.again() {
						return l.saw("%s is unbindable, and %s is copied all the same", m.at, p)
					}
					return values{"path": p, "at": m.at}
				}
				return l.saw("all can be copied")
			},
		},
		{
			ID: "filesystem-missing", stands: true, Looks: "/proc/filesystems",
			On:     []On{{[]plan.Step{plan.Fsopen{}}, []unix.Errno{unix.ENODEV}}},
			Cause:  "this kernel ({release}) has no {type}: /proc/filesystems does not list it, and no module was found",
			Remedy: "modprobe {type} as root, or a kernel that has it",
			See:    []string{"filesystems(5)", "fs/fsopen.c"},
			probe: func(l *look) values {
				name := l.Step.(plan.Fsopen).Type
				text, err := l.sys.read("/proc/filesystems")
				if err != nil {
					return l.saw("%v", err)
				}
				if slices.Contains(strings.Fields(text), name) {
					return l.saw("%s is there", name)
				}
				return values{"release": l.release(), "type": name}
			},
		},
	}
}

// again makes the step once more, alone and in a process of its own, and reports
// whether the kernel gives the same errno.
func (l *look) again() bool {
	if l.sys.Try == nil || l.plan == nil || l.Index >= len(l.plan.Entries) {
		return false
	}
	got := l.sys.Try(Trial{Flags: spaces, Results: l.plan.Results, Entries: l.plan.Entries[l.Index : l.Index+1]})
	return len(got.Results) == 1 && got.Results[0] == -int64(l.Errno)
}

// wrongKind looks at what was to go where. A file on a directory is EINVAL, and
// so is the other way round.
func wrongKind(l *look) values {
	s := l.Step.(plan.MoveMount)
	if l.plan == nil {
		return l.saw("nobody asked")
	}
	var source, place string
	for _, e := range l.plan.Entries {
		switch made := e.Step.(type) {
		case plan.OpenTree:
			if e.Out == s.From {
				source = made.Path
			}
		case plan.OpenInRoot:
			if e.Out == s.To {
				place = "/" + made.Path
			}
		}
	}
	onHost, _ := l.plan.Shows(place)
	from, err1 := l.sys.stat(source)
	to, err2 := l.sys.stat(onHost)
	if source == "" || onHost == "" || err1 != nil || err2 != nil || from.IsDir() == to.IsDir() {
		return l.saw("both are of one kind")
	}
	is, where := "a directory", "a file"
	if to.IsDir() {
		is, where = where, is
	}
	return values{"source": source, "is": is, "place": place, "where": where}
}

// mountMax counts the mounts that there are, and those that the jail has added
// so far: copies with everything below them, and its own.
func mountMax(l *look) values {
	limit, ok := l.sys.number("fs.mount-max")
	list := l.sys.mounts()
	if !ok || l.plan == nil || len(list) == 0 {
		return l.saw("cannot be read")
	}
	trees := make(map[plan.FD]int)
	added := 0
	for i, e := range l.plan.Entries {
		switch s := e.Step.(type) {
		case plan.OpenTree:
			n := 1
			for _, m := range list {
				if s.Recursive && m.at != s.Path && below(m.at, s.Path) {
					n++
				}
			}
			trees[e.Out] = n
		case plan.MoveMount:
			if i <= l.Index {
				added += max(trees[s.From], 1)
			}
		}
	}
	// mountinfo does not show the one under the root, of which a namespace has at least
	// one (fs/namespace.c:init_mount_tree), and which counts.
	here := len(list) + 1
	if uint64(here+added) <= limit {
		return l.saw("%d; there are %d here, and the jail has added %d so far", limit, here, added)
	}
	return values{
		"limit": strconv.FormatUint(limit, 10), "here": strconv.Itoa(here), "more": strconv.Itoa(added), "enough": strconv.Itoa(2 * (here + added)),
	}
}
