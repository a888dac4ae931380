package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
)

// finding is what a probe confirmed about a failure.
type finding struct {
	cause, remedy string
	exit          int // 0: 125
}

// failStep prints a step that the kernel refused, with the cause if a probe
// confirms one, and returns the exit status for it.
func failStep(e *launch.StepError, h *plan.Host, p *plan.Plan) (finding, int) {
	say("error", e.Error())
	f := diagnose(e, h, p)
	say("cause", f.cause)
	if f.remedy != "" {
		say("remedy", f.remedy)
	}
	if f.exit != 0 {
		return f, f.exit
	}
	return f, 125
}

// diagnose is what the probes confirm of a failure, or what they looked at.
func diagnose(e *launch.StepError, h *plan.Host, p *plan.Plan) finding {
	f := explain(e, h, p)
	if f.cause == "" {
		f = unknown(e, h, f)
	}
	return f
}

// unknown says what was looked at. A filter around procjail may answer for the
// kernel, and nothing tells which calls it denies; but all the calls of a plan
// are in Linux 5.14, so that ENOSYS is never the kernel's.
func unknown(e *launch.StepError, h *plan.Host, f finding) finding {
	state, filtered := seccompState()
	if filtered && (e.Errno == unix.EPERM || e.Errno == unix.EACCES || e.Errno == unix.ENOSYS) {
		f.cause = "unknown; " + state + ", which may deny this call"
		if e.Errno == unix.ENOSYS {
			f.cause = state + ", and this kernel (" + h.Release + ") is new enough for the call"
		}
		f.remedy = "start what is around procjail without that filter: docker run --security-opt seccomp=unconfined, Kubernetes seccompProfile: Unconfined"
		return f
	}
	f.cause = "unknown; looked at: " + state
	return f
}

// explain asks the probes that belong to the step and its errno.
func explain(e *launch.StepError, h *plan.Host, p *plan.Plan) finding {
	if f := explainCgroup(e, h, p); f.cause != "" {
		return f
	}
	switch s := e.Entry.Step.(type) {
	case plan.Execve:
		return explainExec(s, e.Errno, h, p)
	case plan.Clone3, plan.Unshare:
		if f := explainClone(s, e.Errno); f.cause != "" {
			return f
		}
	case plan.MoveMount:
		if f := explainMove(s, e.Errno, p); f.cause != "" {
			return f
		}
	case plan.OpenInRoot:
		if e.Errno == unix.ENOENT || e.Errno == unix.ENOTDIR {
			return finding{
				cause:  fmt.Sprintf("there is no /%s inside, and procjail makes no mount point in a directory of the host's", s.Path),
				remedy: "create it on the host, or name a destination of its own, as in SOURCE:/mnt",
			}
		}
		if e.Errno == unix.ELOOP {
			f := finding{cause: fmt.Sprintf("/%s inside goes through a symbolic link of the host's, and a destination follows none", s.Path)}
			if onHost, _ := p.Shows("/" + s.Path); onHost != "" {
				if real, err := filepath.EvalSymlinks(onHost); err == nil {
					f.remedy = "name what it leads to: " + real
				}
			}
			return f
		}
	case plan.OpenTree, plan.Openat:
		if e.Errno == unix.ENOENT || e.Errno == unix.EACCES {
			return explainOpen(s, e.Errno)
		}
		if e.Errno == unix.EROFS {
			return finding{cause: "/proc is mounted read-only", remedy: "start what is around procjail with a /proc that can be written"}
		}
	case plan.Mkdirat:
		return explainMkdir(s, e.Errno)
	case plan.Chdir:
		return explainChdir(s, e.Errno)
	case plan.FsconfigCreate, plan.Fsmount:
		if covered := host.ProcCovered(); e.Errno == unix.EPERM && len(covered) > 0 {
			r := plan.CoveredProc(covered)
			return finding{cause: r.Cause, remedy: r.Remedy}
		}
	case plan.Sendfile, plan.Write:
		if e.Errno == unix.ENOSPC || e.Errno == 0 && e.Got < e.Entry.Want {
			return finding{cause: "the file got larger since it was looked up, or memory ran out"}
		}
	}
	switch e.Errno {
	case unix.EFBIG:
		return finding{cause: "the limit on the size of a file (RLIMIT_FSIZE) is reached", remedy: "ulimit -f unlimited"}
	case unix.ENOMEM:
		return finding{cause: "the kernel has no memory left for it"}
	case unix.EMFILE:
		return finding{cause: "the limit on open descriptors (RLIMIT_NOFILE) is reached", remedy: "ulimit -n 1024, or more"}
	case unix.ENFILE:
		return finding{cause: "the system's limit on open files (fs.file-max) is reached"}
	}
	return finding{}
}

// coveredBy looks for the option or profile line that has put something else
// in the place of the program, or of its interpreter, in a tree of the host's.
func coveredBy(p *plan.Plan, program string) (by, what string) {
	interp, _, _ := interpreter(program)
	for _, file := range []string{program, interp} {
		real, err := filepath.EvalSymlinks(file)
		if err != nil {
			continue
		}
		for _, e := range p.Entries {
			if s, ok := e.Step.(plan.OpenInRoot); ok {
				if at, err := filepath.EvalSymlinks("/" + s.Path); err == nil && at == real {
					return e.From, file
				}
			}
		}
	}
	return "", ""
}

// explainClone looks at everything that forbids a user namespace.
func explainClone(s plan.Step, errno unix.Errno) finding {
	switch errno {
	case unix.EPERM:
		if on, ok := sysctl("kernel/unprivileged_userns_clone"); ok && on == "0" {
			return finding{cause: "kernel.unprivileged_userns_clone is 0", remedy: "sysctl kernel.unprivileged_userns_clone=1 as root"}
		}
		if on, ok := sysctl("kernel/apparmor_restrict_unprivileged_userns"); ok && on == "1" {
			exe, _ := os.Executable()
			return finding{
				cause:  "AppArmor keeps user namespaces from programs without a profile (kernel.apparmor_restrict_unprivileged_userns is 1)",
				remedy: "as root, a profile in /etc/apparmor.d/procjail: abi <abi/4.0>, profile procjail " + exe + " flags=(unconfined) { userns, }",
			}
		}
		if chrooted() {
			return finding{cause: "this process is in a chroot, where the kernel gives no user namespace", remedy: "enter that root by pivot_root (a container) instead"}
		}
		if state, filtered := seccompState(); !filtered {
			return finding{cause: "unknown; looked at: sysctl, AppArmor, chroot, " + state}
		}
	case unix.ENOSPC:
		return explainLimit(s)
	case unix.EUSERS:
		return finding{cause: "user namespaces are nested 32 deep already"}
	case unix.EAGAIN:
		return finding{cause: "a limit on processes is reached (RLIMIT_NPROC, or pids.max of the cgroup)"}
	case unix.EINVAL:
		return finding{cause: "this kernel lacks one of the eight namespaces"}
	}
	return finding{}
}

// explainLimit looks for the limit of namespaces(7), /proc/sys/user, that lets
// no namespace be made at all. How many there are the kernel does not tell.
func explainLimit(s plan.Step) finding {
	var flags uint64
	switch s := s.(type) {
	case plan.Clone3:
		flags = s.Flags
	case plan.Unshare:
		flags = s.Flags
	}
	for _, n := range plan.Namespaces {
		if flags&n.Bits == 0 {
			continue
		}
		name := strings.ToLower(strings.TrimPrefix(n.Name, "CLONE_NEW"))
		if name == "ns" {
			name = "mnt"
		}
		name = "max_" + name + "_namespaces"
		if v, ok := sysctl("user/" + name); ok && v == "0" {
			return finding{cause: "user." + name + " is 0", remedy: "sysctl user." + name + "=10000 as root"}
		}
	}
	return finding{cause: "a limit on namespaces is reached (sysctl user.max_*_namespaces, of which none is 0 here), or user namespaces are nested 32 deep"}
}

// explainOpen looks the file up again.
func explainOpen(s plan.Step, errno unix.Errno) finding {
	var path string
	switch s := s.(type) {
	case plan.OpenTree:
		path = s.Path
	case plan.Openat:
		path = s.Path
	}
	switch {
	case !filepath.IsAbs(path):
		return finding{}
	case strings.HasPrefix(path, "/proc/") && !exists("/proc/self/status"):
		return finding{cause: "there is no /proc here", remedy: "mount -t proc proc /proc as root"}
	case errno == unix.ENOENT && !exists(path):
		return finding{cause: "there is no " + path + " on the host"}
	}
	return finding{cause: "the file changed since it was looked up, or the payload's own id may not reach it"}
}

// explainMkdir is for the directories that keep the changes of an overlay.
func explainMkdir(s plan.Mkdirat, errno unix.Errno) finding {
	if !filepath.IsAbs(s.Path) {
		return finding{}
	}
	const remedy = "set XDG_STATE_HOME to a directory in which there is room and you may write"
	switch errno {
	case unix.ENOSPC, unix.EDQUOT:
		return finding{cause: "the file system of " + filepath.Dir(s.Path) + " is full, or has no inode left", remedy: remedy}
	case unix.EROFS:
		return finding{cause: "the file system of " + filepath.Dir(s.Path) + " is mounted read-only", remedy: remedy}
	case unix.EACCES:
		return finding{cause: "you may not write in " + filepath.Dir(s.Path), remedy: remedy}
	}
	return finding{}
}

// explainMove looks at what was to go where. A file on a directory is EINVAL,
// and so is the other way round (fs/namespace.c:do_move_mount).
func explainMove(s plan.MoveMount, errno unix.Errno, p *plan.Plan) finding {
	switch errno {
	case unix.EINVAL, unix.ENOTDIR:
		var source, place string
		for _, e := range p.Entries {
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
		onHost, _ := p.Shows(place)
		from, err1 := sys.StatPath(source)
		to, err2 := sys.StatPath(onHost)
		isDir := func(mode uint32) bool { return mode&unix.S_IFMT == unix.S_IFDIR }
		if err1 == nil && err2 == nil && isDir(from.Mode) != isDir(to.Mode) {
			is, where := "a directory", "a file"
			if isDir(to.Mode) {
				is, where = where, is
			}
			return finding{cause: fmt.Sprintf("%s is %s, and %s inside is %s", source, is, place, where), remedy: "name another destination"}
		}
	case unix.ENOSPC:
		return finding{cause: "the limit on mounts (fs.mount-max) is reached", remedy: "sysctl fs.mount-max=100000 as root"}
	}
	return finding{}
}

func explainChdir(s plan.Chdir, errno unix.Errno) finding {
	switch errno {
	case unix.ENOENT, unix.ENOTDIR:
		return finding{cause: "there is no directory " + s.Path + " inside", remedy: "show it with --ro or --rw, or name another with --workdir"}
	case unix.EACCES:
		return finding{cause: "the payload may not enter " + s.Path, remedy: "name another with --workdir, or --id self"}
	}
	return finding{}
}

func exists(path string) bool { _, err := sys.StatPath(path); return err == nil }

func sysctl(name string) (string, bool) {
	s, err := sys.ReadFile("/proc/sys/" + name)
	return strings.TrimSpace(s), err == nil
}

// seccompState is the mode of this process's own filters, from proc(5).
func seccompState() (text string, filtered bool) {
	status, err := sys.ReadFile("/proc/self/status")
	if err != nil {
		return "/proc/self/status, which cannot be read", false
	}
	for line := range strings.Lines(status) {
		if v, ok := strings.CutPrefix(line, "Seccomp:"); ok {
			if strings.TrimSpace(v) == "0" {
				return "seccomp, of which there is no outer filter", false
			}
			return "an outer seccomp filter is in force", true
		}
	}
	return "/proc/self/status, which does not tell of seccomp", false
}

// chrooted reports whether "/" is not the root of its mount: proc(5), the
// fourth and fifth fields of mountinfo. That misses a chroot into a mount
// point, which nothing in /proc shows.
func chrooted() bool {
	text, err := sys.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == "/" {
			return false
		}
	}
	return true // no mount is at "/": the root lies below one
}
