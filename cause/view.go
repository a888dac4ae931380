package cause

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// opens are the steps that look a path of the host's up.
var opens = []plan.Step{plan.OpenTree{}, plan.Openat{}}

// viewEntries are what keeps the file system of a jail from being built.
func viewEntries() []Entry {
	return slices.Concat(procEntries(), pathEntries(), mountEntries())
}

// hostPath is the path of the step, where it is one of the host's.
func (l *look) hostPath() string {
	if l.Stage != plan.Supervisor && l.after(plan.PivotRoot{}) {
		return ""
	}
	var dir plan.FD
	var name string
	switch s := l.Step.(type) {
	case plan.OpenTree:
		dir, name = s.Dir, s.Path
	case plan.Openat:
		dir, name = s.Dir, s.Path
	case plan.Mkdirat:
		dir, name = s.Dir, s.Path
	case plan.Rmdir:
		dir, name = s.Dir, s.Path
	case plan.WriteMap:
		return "/proc/self/" + s.File // as that of init
	case plan.Newidmap:
		return "/proc/self/" + strings.TrimPrefix(filepath.Base(s.Program), "new")[:1] + "id_map"
	case plan.OpenCgroup:
		return s.Mount + l.sys.ownCgroup()
	default:
		return ""
	}
	return l.path(dir, name)
}

// after reports whether a step of a type comes before the failed one.
func (l *look) after(of plan.Step) bool {
	if l.plan == nil {
		return false
	}
	for _, e := range l.plan.Entries[:min(l.Index, len(l.plan.Entries))] {
		if typeName(e.Step) == typeName(of) {
			return true
		}
	}
	return false
}

// pathAgain finds the place at which walking the host's path gives that errno.
func pathAgain(errno unix.Errno) func(*look) values {
	return func(l *look) values {
		p := l.hostPath()
		if p == "" || l.cgroupOf() != "" { // whose leaf is gone by now
			return l.saw("not of the host's files")
		}
		at, err := l.sys.walk(p, l)
		if _, makes := l.Step.(plan.Mkdirat); err != errno || makes && err == unix.ENOENT && at == p {
			return l.saw("%s is as it should be now", p)
		}
		return values{"path": p, "at": at}
	}
}

// pathEntries look a path of the host's up again. It was there when the plan was
// made, or the plan would have been refused.
func pathEntries() []Entry {
	steps := append([]plan.Step{plan.Mkdirat{}}, opens...)
	see := []string{"path_resolution(7)"}
	on := func(errno unix.Errno) []On { return []On{{steps, []unix.Errno{errno}}} }
	return []Entry{
		{
			ID: "path-missing", Looks: "the path, again", On: on(unix.ENOENT),
			Cause:  "there is no {at} on the host",
			Remedy: "make it, or name another path", See: see, probe: pathAgain(unix.ENOENT),
		},
		{
			ID: "path-not-directory", Looks: "the path, again", On: []On{{opens, []unix.Errno{unix.ENOTDIR}}},
			Cause:  "{at} on the host is no directory",
			Remedy: "name another path", See: see, probe: pathAgain(unix.ENOTDIR),
		},
		{
			ID: "path-loop", Looks: "the path, again", On: on(unix.ELOOP),
			Cause: "the symbolic links of {path} lead back to themselves", Remedy: "mend them", See: see, probe: pathAgain(unix.ELOOP),
		},
		{
			ID: "path-search", Looks: "the directories on the way", On: on(unix.EACCES),
			Cause:  "your account may not pass through {at}",
			Remedy: "name a path that it may reach, or chmod a+x {at}",
			See:    see, probe: pathAgain(unix.EACCES),
		},
		{
			ID: "path-long", Looks: "the length of the path", On: on(unix.ENAMETOOLONG),
			Cause: "{path} is longer than the kernel takes: 255 bytes for a name, 4095 for a path",
			See:   see,
			probe: func(l *look) values {
				p := l.hostPath()
				if len(p) <= 4095 && !slices.ContainsFunc(strings.Split(p, "/"), func(s string) bool { return len(s) > 255 }) {
					return l.saw("%d bytes", len(p))
				}
				return values{"path": p}
			},
		},
		{
			ID: "inside-missing", Looks: "the destination on the host",
			On:     []On{{[]plan.Step{plan.OpenInRoot{}}, []unix.Errno{unix.ENOENT, unix.ENOTDIR}}},
			Cause:  "there is no {place} inside, and procjail makes no mount point in a directory of the host's",
			Remedy: "create it on the host, or name a destination of its own, as in SOURCE:/mnt",
			See:    []string{"openat2(2): RESOLVE_IN_ROOT"},
			probe: func(l *look) values {
				place, onHost := l.inside()
				if onHost != "" && l.sys.exists(onHost) {
					return l.saw("%s is there", onHost)
				}
				return values{"place": place}
			},
		},
		{
			ID: "inside-search", Looks: "the directories on the way to the destination on the host",
			On:     []On{{[]plan.Step{plan.OpenInRoot{}}, []unix.Errno{unix.EACCES}}},
			Cause:  "the way to {place} inside goes through {at} of the host's, which your account may not pass",
			Remedy: "name a destination of its own, as in SOURCE:/mnt",
			See:    []string{"openat2(2): EACCES", "path_resolution(7)"},
			probe: func(l *look) values {
				place, onHost := l.inside()
				if onHost == "" {
					return l.saw("the jail's own")
				}
				at, errno := l.sys.walk(onHost, l)
				if errno != unix.EACCES {
					return l.saw("%s can be reached", onHost)
				}
				return values{"place": place, "at": at}
			},
		},
		{
			ID: "inside-link", Looks: "symbolic links in the destination",
			On:     []On{{[]plan.Step{plan.OpenInRoot{}}, []unix.Errno{unix.ELOOP}}},
			Cause:  "{place} inside goes through a symbolic link of the host's, and a destination follows none",
			Remedy: "name what it leads to: {real}",
			See:    []string{"openat2(2): RESOLVE_NO_SYMLINKS", "symlink(7)"},
			probe: func(l *look) values {
				place, onHost := l.inside()
				real, err := filepath.EvalSymlinks(l.sys.at(onHost))
				if onHost == "" || err != nil || real == l.sys.at(onHost) {
					return l.saw("none is known")
				}
				return values{"place": place, "real": real}
			},
		},
		{
			ID: "workdir-missing", Looks: "the working directory",
			On:     []On{{[]plan.Step{plan.Chdir{}}, []unix.Errno{unix.ENOENT, unix.ENOTDIR}}},
			Cause:  "there is no directory {path} inside",
			Remedy: "show it with --ro or --rw, or name another with --workdir",
			See:    []string{"chdir(2)"},
			probe: func(l *look) values {
				s := l.Step.(plan.Chdir)
				onHost, ok := "", false
				if l.plan != nil {
					onHost, ok = l.plan.Shows(s.Path)
				}
				if st, err := l.sys.stat(onHost); ok && (onHost == "" && !l.isFile(s.Path) || err == nil && st.IsDir()) {
					return l.saw("it is there")
				}
				return values{"path": s.Path}
			},
		},
		{
			ID: "workdir-search", Looks: "the modes on the way to the working directory",
			On:     []On{{[]plan.Step{plan.Chdir{}}, []unix.Errno{unix.EACCES}}},
			Cause:  "the payload, which is another user outside than you, may not pass through {at} (mode {mode})",
			Remedy: "name another with --workdir, or --id self",
			See:    []string{"chdir(2)", "path_resolution(7)"},
			probe: func(l *look) values {
				s := l.Step.(plan.Chdir)
				if l.plan == nil {
					return l.saw("nobody asked")
				}
				onHost, _ := l.plan.Shows(s.Path)
				for dir := onHost; dir != "" && dir != "/"; dir = filepath.Dir(dir) {
					if st, err := l.sys.stat(dir); err == nil && st.IsDir() && st.Mode&0o001 == 0 && l.ofOthers() {
						return values{"at": dir, "mode": fmt.Sprintf("%04o", st.Mode&0o7777)}
					}
				}
				return l.saw("nothing that keeps others out")
			},
		},
	}
}

// isFile reports whether the plan makes a file of its own at a path inside.
func (l *look) isFile(path string) bool {
	name := strings.TrimPrefix(path, "/")
	for _, e := range l.plan.Entries {
		switch s := e.Step.(type) {
		case plan.Openat:
			if s.Path == name && s.Flags&unix.O_CREAT != 0 {
				return true
			}
		case plan.Mknodat:
			if s.Path == name {
				return true
			}
		}
	}
	return false
}

// ofOthers reports whether the payload has another id outside than its caller.
func (l *look) ofOthers() bool {
	for _, e := range l.plan.Entries {
		switch e.Step.(type) {
		case plan.Newidmap, plan.WriteMap:
			return true
		}
	}
	return false
}

// inside is the place of an OpenInRoot, and the host's path that is shown there.
func (l *look) inside() (place, onHost string) {
	place = "/" + l.Step.(plan.OpenInRoot).Path
	if l.plan != nil {
		onHost, _ = l.plan.Shows(place)
	}
	return place, onHost
}

// walk looks a path up, one directory after the other, and returns the first
// place with an error. Init has the caller's id and none of root's privileges
// on files.
func (s *System) walk(path string, l *look) (at string, errno unix.Errno) {
	parts := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	at = "/"
	for i, name := range parts {
		if s.Access != nil {
			if err := s.Access(at, unix.X_OK); sys.Errno(err) == unix.EACCES || l.host != nil && l.host.Caller.UID == 0 && s.closed(at) {
				return at, unix.EACCES
			}
		}
		at = filepath.Join(at, name)
		st, err := s.stat(at)
		if err != nil {
			return at, sys.Errno(err)
		}
		if i < len(parts)-1 && !st.IsDir() {
			return at, unix.ENOTDIR
		}
	}
	return path, 0
}

// closed reports whether a directory of somebody else's may be searched by no
// others, so that root without CAP_DAC_OVERRIDE may not either.
func (s *System) closed(dir string) bool {
	st, err := s.stat(dir)
	return err == nil && st.UID != 0 && st.GID != 0 && st.Mode&0o001 == 0
}
