package cause

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

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
