package cause

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
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

// procEntries are about /proc: the one that is there, and the jail's own.
func procEntries() []Entry {
	see := []string{"fs/namespace.c:mount_too_revealing", "mount_namespaces(7)"}
	on := []On{{[]plan.Step{plan.Fsmount{}}, []unix.Errno{unix.EPERM}}}
	return []Entry{
		{
			ID: "proc-missing", stands: true, Looks: "/proc",
			On:     []On{{opens, []unix.Errno{unix.ENOENT}}, {[]plan.Step{plan.WriteMap{}}, []unix.Errno{unix.ENOENT}}},
			Cause:  "there is no /proc here",
			Remedy: "mount -t proc proc /proc as root",
			See:    []string{"proc(5)"},
			probe: func(l *look) values {
				if p := l.hostPath(); !strings.HasPrefix(p, "/proc/") {
					return l.saw("not what is asked for")
				}
				if l.sys.exists("/proc/self/status") {
					return l.saw("it is there")
				}
				return confirmed
			},
		},
		{
			ID: "proc-readonly", stands: true, Looks: "how /proc is mounted",
			On:     []On{{opens, []unix.Errno{unix.EROFS}}, {[]plan.Step{plan.WriteMap{}}, []unix.Errno{unix.EROFS}}, {[]plan.Step{plan.Newidmap{}}, []unix.Errno{0}}},
			Cause:  "/proc is mounted read-only",
			Remedy: "start what is around procjail with a /proc that can be written",
			See:    []string{"proc(5)", "user_namespaces(7): /proc/PID/uid_map"},
			probe: func(l *look) values {
				p := l.hostPath()
				if !strings.HasPrefix(p, "/proc/") || l.sys.Space == nil {
					return l.saw("not what is asked for")
				}
				s, err := l.sys.Space(p)
				if err != nil {
					return l.saw("%v", err)
				}
				if s.Flags&unix.ST_RDONLY == 0 {
					return l.saw("it can be written")
				}
				return confirmed
			},
		},
		{
			ID: "undumpable", stands: true, Looks: "whether procjail's own /proc/self is its own",
			On:     []On{{opens, []unix.Errno{unix.EACCES}}, {[]plan.Step{plan.WriteMap{}}, []unix.Errno{unix.EACCES}}},
			Cause:  "procjail's file {exe} may not be read by whoever runs it, so that the files of its processes in /proc belong to root",
			Remedy: "chmod a+r {exe}",
			See:    []string{"proc(5): /proc/PID", "PR_SET_DUMPABLE(2const), prctl(2)", "fs/exec.c:would_dump"},
			probe: func(l *look) values {
				exe := l.sys.executable()
				switch {
				case !strings.HasPrefix(l.hostPath(), "/proc/"), l.sys.Access == nil:
					return l.saw("not what is asked for")
				case sys.Errno(l.sys.Access(exe, unix.R_OK)) != unix.EACCES:
					return l.saw("%s can be read, or is not here", exe)
				}
				return values{"exe": exe}
			},
		},
		{
			ID: plan.ProcMasked, stands: true, Looks: "what covers /proc", On: on,
			Cause:  "this /proc is covered at {covered}, and the kernel gives no new proc to whoever cannot see all of the old one (mount_too_revealing)",
			Remedy: "start the container around procjail with an unmasked /proc: docker run --security-opt systempaths=unconfined, Kubernetes procMount: Unmasked",
			See:    see,
			probe: func(l *look) values {
				if l.newProc() == nil {
					return l.saw("no proc is asked for")
				}
				whole, covered := l.sys.procs()
				if len(whole) > 0 || len(covered) == 0 {
					return l.saw("nothing that counts")
				}
				return values{"covered": strings.Join(covered, ", ")}
			},
		},
		{
			ID: "proc-none-whole", stands: true, Looks: "where proc is mounted", On: on,
			Cause:  "no proc is mounted here as a whole, and the kernel gives a new one only to who sees one already (mount_too_revealing)",
			Remedy: "mount -t proc proc /proc as root",
			See:    see,
			probe: func(l *look) values {
				if l.newProc() == nil {
					return l.saw("no proc is asked for")
				}
				whole, covered := l.sys.procs()
				if len(whole) > 0 || len(covered) > 0 || len(l.sys.mounts()) == 0 {
					return l.saw("it is")
				}
				return confirmed
			},
		},
		{
			ID: "proc-only-readonly", stands: true, Looks: "whether one of them can be written", On: on,
			Cause:  "each proc that is mounted here is read-only ({places}), and the kernel gives no writable one to whoever cannot see one (mount_too_revealing)",
			Remedy: "readonly = true for the profile's mount of proc, or start what is around procjail with a /proc that can be written",
			See:    see,
			probe: func(l *look) values {
				s := l.newProc()
				whole, _ := l.sys.procs()
				if s == nil || s.Attrs&unix.MOUNT_ATTR_RDONLY != 0 || len(whole) == 0 {
					return l.saw("not asked for")
				}
				var places []string
				for _, m := range whole {
					if !slices.Contains(strings.Split(m.options+","+m.super, ","), "ro") {
						return l.saw("%s can", m.at)
					}
					places = append(places, m.at)
				}
				return values{"places": strings.Join(places, ", ")}
			},
		},
	}
}

// newProc is the step, if it mounts a proc.
func (l *look) newProc() *plan.Fsmount {
	if s, ok := l.Step.(plan.Fsmount); ok && l.fileSystem(s.FD) == "proc" {
		return &s
	}
	return nil
}

// emptyDirs are directories that the kernel keeps for mounting: a mount there
// covers nothing (fs/proc/generic.c:proc_create_mount_point).
var emptyDirs = []string{"/sys/fs/binfmt_misc", "/fs/nfsd", "/openprom"}

// procs are the mounts of a whole proc that nothing covers, and what covers the
// others.
func (s *System) procs() (whole []mount, covered []string) {
	list := s.mounts()
	for _, m := range list {
		if m.kind != "proc" || m.root != "/" {
			continue
		}
		n := len(covered)
		for _, child := range list {
			rest, ok := strings.CutPrefix(child.at, m.at+"/")
			if ok && child.parent == m.id && !slices.Contains(emptyDirs, "/"+rest) {
				covered = append(covered, child.at)
			}
		}
		if len(covered) == n {
			whole = append(whole, m)
		}
	}
	return whole, covered
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

// pathEntries look a path of the host's up again. It was there when the plan was
// made, or the plan would have been refused.
func pathEntries() []Entry {
	steps := append([]plan.Step{plan.Mkdirat{}}, opens...)
	see := []string{"path_resolution(7)"}
	on := func(errno unix.Errno) []On { return []On{{steps, []unix.Errno{errno}}} }
	again := func(errno unix.Errno) func(*look) values {
		return func(l *look) values {
			p := l.hostPath()
			if p == "" || l.cgroupOf() != "" { // whose leaf is gone by now
				return l.saw("not of the host's files")
			}
			at, err := l.sys.walk(p, l)
			if err != errno {
				return l.saw("%s is as it should be now", p)
			}
			return values{"path": p, "at": at}
		}
	}
	return []Entry{
		{
			ID: "path-missing", Looks: "the path, again", On: on(unix.ENOENT),
			Cause: "there is no {at} on the host", See: see, probe: again(unix.ENOENT),
		},
		{
			ID: "path-not-directory", Looks: "the path, again", On: on(unix.ENOTDIR),
			Cause: "{at} on the host is no directory", See: see, probe: again(unix.ENOTDIR),
		},
		{
			ID: "path-loop", Looks: "the path, again", On: on(unix.ELOOP),
			Cause: "the symbolic links of {path} lead back to themselves", Remedy: "mend them", See: see, probe: again(unix.ELOOP),
		},
		{
			ID: "path-search", Looks: "the directories on the way", On: on(unix.EACCES),
			Cause:  "your account may not pass through {at}",
			Remedy: "name a path that it may reach, or chmod a+x {at}",
			See:    see, probe: again(unix.EACCES),
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
