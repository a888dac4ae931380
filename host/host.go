// Package host probes the machine, the caller and the files that a plan
// depends on, once for each start. It changes nothing.
package host

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// Probe returns what plan.Compile needs to know for s. A fact that cannot be
// had is left at its zero value, which Compile takes for its absence; the
// error is for those without which no plan can be made.
//
// placed is called as soon as it is known which cgroups there are, so that a
// connection to systemd can be made meanwhile. It may be nil.
func Probe(s *plan.Spec, placed func(cgroupdelegate.Facts)) (*plan.Host, error) {
	h := &plan.Host{Arch: runtime.GOARCH, Pid: os.Getpid(), Env: os.Environ(), Landlock: sys.LandlockABI()}
	var err error
	h.Machine = machine(s.Limits.Limits)
	if s.Cgroup != cgroupdelegate.Off {
		h.Cgroup = cgroups(os.Geteuid())
		if placed != nil {
			placed(h.Cgroup)
		}
	}
	if h.Release, err = sys.Uname(); err != nil {
		return nil, err
	}
	h.Major, h.Minor = version(h.Release)
	if h.Monotonic, h.Boottime, err = sys.Clocks(); err != nil {
		return nil, err
	}
	h.LastCap = lastCap()
	if h.Nofile, err = sys.HardLimit(unix.RLIMIT_NOFILE); err != nil {
		return nil, err
	}
	if h.Nproc, err = sys.HardLimit(unix.RLIMIT_NPROC); err != nil {
		return nil, err
	}
	if h.Core, err = sys.HardLimit(unix.RLIMIT_CORE); err != nil {
		return nil, err
	}
	if h.Data, err = sys.HardLimit(unix.RLIMIT_DATA); err != nil {
		return nil, err
	}
	if err := caller(h, s); err != nil {
		return nil, err
	}
	h.Cwd, _ = os.Getwd()
	h.Home = home(h)
	h.Listener = s.Denials == plan.DenialsOff || sys.MayListen()
	if h.Affinity = sys.Affinity(); h.Affinity != nil {
		h.Processor = sys.Processor()
	}
	h.TimerSlack = sys.CallerTimerSlack()
	h.Ignored = sys.IgnoredSignals()
	adj, _ := sys.ReadFile("/proc/self/oom_score_adj")
	h.OOMScore, _ = strconv.Atoi(strings.TrimSpace(adj))
	for fd := range h.Stdio {
		h.Stdio[fd] = stdio(fd)
		if h.Stdio[fd].Terminal && h.Terminal.Termios == nil {
			h.Terminal.Termios, _ = sys.Termios(fd)
			h.Terminal.Rows, h.Terminal.Cols, _ = sys.Winsize(fd)
		}
	}
	if len(s.KeepFDs) > 0 {
		h.Kept = make(map[int]plan.Stdio)
		for _, fd := range s.KeepFDs {
			// A number that the caller has not used may be one of this program's own
			// by now, such as the socket of a systemd that obeys whoever writes there.
			if sys.Inherited(fd) {
				h.Kept[fd] = stdio(fd)
			}
		}
	}
	h.Jail = strconv.Itoa(h.Pid) + "-" + strconv.FormatInt(time.Now().UnixMicro(), 36) + strconv.FormatUint(started.Add(1)%36, 36)
	h.Paths = probePaths(s.Sources(h.Home, h.Cwd))
	if s.Rootfs == "" && len(s.Argv) > 0 {
		h.Program = program(s.Argv[0], h.Cwd)
	}
	return h, nil
}

// started counts the probes of this process, so that two in a microsecond have
// different names.
var started atomic.Uint64

// Login returns what passwd(5) says of the caller. Probe looks it up only where it can
// matter; a dry run asks.
func Login() *userns.Login { return userns.New().Login(uint32(os.Geteuid())) }

// caller asks for subordinate ids only where they can matter.
func caller(h *plan.Host, s *plan.Spec) error {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	if s.ID == userns.Self {
		h.Caller = userns.New().Self(uid, gid)
		if s.UID == profiles.Caller || !filepath.IsAbs(os.Getenv("HOME")) {
			h.Caller.Login = Login()
		}
	} else {
		h.Caller = userns.New().Caller(uid, gid)
	}
	h.Caller.NoNewPrivs = sys.NoNewPrivs()
	eff, err := sys.Effective()
	if err != nil {
		return err
	}
	maps := caps.Of(caps.Setuid, caps.Setgid, caps.Setfcap)
	h.Caller.Root = caps.Set(eff)&maps == maps
	groups, err := os.Getgroups()
	h.Groups = len(groups)
	return err
}

// version reads the first two numbers of a release.
func version(release string) (major, minor int) {
	a, rest, _ := strings.Cut(release, ".")
	b := rest
	if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		b = rest[:i]
	}
	x, _ := strconv.ParseUint(a, 10, 16)
	y, _ := strconv.ParseUint(b, 10, 16)
	return int(x), int(y)
}

// lastCap is the last capability that the kernel knows: PR_CAPBSET_READ is
// EINVAL for those after it. That needs no /proc.
func lastCap() caps.Cap {
	last := caps.CheckpointRestore
	for last < caps.Max && sys.KnowsCapability(uint(last)+1) {
		last++
	}
	for last > 0 && !sys.KnowsCapability(uint(last)) {
		last--
	}
	return last
}

// home is HOME where that is an absolute path, otherwise what passwd(5) says.
func home(h *plan.Host) string {
	if d := os.Getenv("HOME"); filepath.IsAbs(d) {
		return filepath.Clean(d)
	}
	if l := h.Caller.Login; l != nil && filepath.IsAbs(l.Home) {
		return filepath.Clean(l.Home)
	}
	return "/"
}

// ProcCovered lists the mounts below /proc that cover something. Probe leaves
// it out, since a table of mounts can be long; a dry run and a failure ask. One on a
// directory that the kernel keeps for mounting (/proc/sys/fs/binfmt_misc,
// /proc/fs/nfsd) covers nothing (fs/proc/generic.c:proc_create_mount_point).
func ProcCovered() []string {
	text, err := sys.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var covered []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line) // proc(5): the mount point is the fifth
		if len(f) < 5 || !strings.HasPrefix(f[4], "/proc/") {
			continue
		}
		switch f[4] {
		case "/proc/sys/fs/binfmt_misc", "/proc/fs/nfsd", "/proc/openprom":
			continue
		}
		covered = append(covered, f[4])
	}
	return covered
}

func stdio(fd int) plan.Stdio {
	st, err := sys.StatFD(fd)
	if err != nil {
		return plan.Stdio{}
	}
	mode, path, err := sys.OpenMode(fd)
	if err != nil {
		return plan.Stdio{}
	}
	pipe := false
	if st.Mode&unix.S_IFMT == unix.S_IFIFO {
		link, _ := sys.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		pipe = strings.HasPrefix(link, "pipe:[")
	}
	return plan.Stdio{
		Open:  true,
		Pipe:  pipe,
		Read:  !path && mode != unix.O_WRONLY,
		Write: !path && mode != unix.O_RDONLY,
		Kind:  kind(st.Mode),

		Terminal: kind(st.Mode) == plan.Device && sys.IsTerminal(fd),
	}
}

func kind(mode uint32) plan.FileKind {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return plan.Directory
	case unix.S_IFREG:
		return plan.Regular
	case unix.S_IFCHR, unix.S_IFBLK:
		return plan.Device
	}
	return plan.Other
}

// probePaths looks each path up for all that is wanted of it, and the entries of a tree
// that is to be the root.
func probePaths(list []plan.Source) map[string]plan.Path {
	paths := make(map[string]plan.Path, len(list))
	for i, src := range list {
		if _, again := paths[src.Path]; again {
			for _, other := range list[:i] {
				if other.Path == src.Path {
					src.Link, src.Names = src.Link || other.Link, src.Names || other.Names
				}
			}
		}
		paths[src.Path] = probePath(src)
	}
	for _, src := range list {
		for _, name := range paths[src.Path].Names {
			entry := filepath.Join(src.Path, name)
			if _, ok := paths[entry]; !ok {
				paths[entry] = probePath(plan.Source{Path: entry, Link: true})
			}
		}
	}
	return paths
}

func probePath(src plan.Source) plan.Path {
	var out plan.Path
	if src.Link {
		out.Link, _ = sys.Readlink(src.Path)
	}
	st, failed := sys.TryStat(src.Path)
	if failed != 0 {
		out.Err = plan.Errno(failed)
		return out
	}
	out.Kind, out.Mode, out.UID = kind(st.Mode), st.Mode&0o7777, st.UID
	if src.Names && out.Kind == plan.Directory {
		entries, err := os.ReadDir(src.Path)
		if err != nil {
			out.Err = errno(err)
		}
		for _, e := range entries {
			out.Names = append(out.Names, e.Name())
		}
		sort.Strings(out.Names)
	}
	return out
}

// errno is an error's number, or EIO where it has none.
func errno(err error) plan.Errno { return plan.Errno(cmp.Or(sys.Errno(err), unix.EIO)) }

// program looks a command up as a shell does: a word with a slash is a path,
// any other is searched for in PATH, where what cannot be executed is passed
// over.
func program(name, cwd string) plan.Program {
	if strings.Contains(name, "/") {
		p := name
		if !filepath.IsAbs(p) {
			p = filepath.Join(cwd, p)
		}
		return probeProgram(filepath.Clean(p))
	}
	var found plan.Program
	for dir := range strings.SplitSeq(os.Getenv("PATH"), ":") {
		if !filepath.IsAbs(dir) {
			continue // "." and the empty entry: not what a sandbox should search
		}
		p := probeProgram(filepath.Join(dir, name))
		if p.Err == 0 && p.Kind == plan.Regular && p.Mode&0o111 != 0 {
			return p
		}
		if found.Path == "" && p.Err == 0 {
			found = p // there, but no program: 126 if nothing better comes
		}
	}
	return found
}

func probeProgram(p string) plan.Program {
	st, err := sys.StatPath(p)
	if err != nil {
		return plan.Program{Path: p, Err: errno(err)}
	}
	out := plan.Program{Path: p, Kind: kind(st.Mode), Mode: st.Mode & 0o7777, Size: st.Size, Readable: sys.Readable(p)}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(p)); err == nil {
		out.Entry = filepath.Join(dir, filepath.Base(p))
	}
	return out
}
