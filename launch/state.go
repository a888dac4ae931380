package launch

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// State is the payload as the kernel shows it when it is about to make its first
// execve(2): proc(5). What could not be read is empty; the namespaces, where the
// payload is PID 1 and ended at once.
type State struct {
	// AtExecve is whether the payload waits before its execve. Otherwise the filter
	// asks nobody, and this is PID 1 after it has given up every privilege.
	AtExecve bool

	Pid, InitPid   int               // outside
	Namespaces     map[string]uint64 // their inodes, by their names in /proc/PID/ns
	UIDMap, GIDMap string            // one line for each range
	UIDs, GIDs     string            // real, effective, saved, file system
	Groups         string
	Caps           map[string]string // CapInh, CapPrm, CapEff, CapBnd and CapAmb, in hexadecimal
	NoNewPrivs     string
	SeccompMode    string
	SeccompFilters string // since Linux 5.9
	Cgroup         string // in cgroup2, as the caller's cgroup namespace shows it
	Mounts         []string
}

// readState reads what /proc shows of a process.
func readState(pid int) State {
	dir := "/proc/" + strconv.Itoa(pid)
	read := func(name string) string { text, _ := sys.ReadFile(filepath.Join(dir, name)); return text }
	status := read("status")
	s := State{
		Pid: pid, Caps: make(map[string]string),
		UIDMap: columns(read("uid_map")), GIDMap: columns(read("gid_map")),
		UIDs: field(status, "Uid"), GIDs: field(status, "Gid"), Groups: field(status, "Groups"),
		NoNewPrivs: field(status, "NoNewPrivs"), SeccompMode: field(status, "Seccomp"), SeccompFilters: field(status, "Seccomp_filters"),
		Mounts: strings.Split(strings.TrimSuffix(read("mountinfo"), "\n"), "\n"),
	}
	for _, name := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		s.Caps[name] = field(status, name)
	}
	for line := range strings.Lines(read("cgroup")) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			s.Cgroup = strings.TrimSpace(path)
		}
	}
	return s
}

// readNamespaces reads those of a process. Until its execve it shares the
// supervisor's memory, of which it is undumpable, and its links belong to root.
func readNamespaces(pid int) map[string]uint64 {
	m := make(map[string]uint64)
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		link, _ := sys.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/" + name) // "net:[4026531840]"
		_, inode, _ := strings.Cut(strings.TrimSuffix(link, "]"), "[")
		if n, err := strconv.ParseUint(inode, 10, 64); err == nil {
			m[name] = n
		}
	}
	return m
}

// columns puts one blank between the columns of an id map.
func columns(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

// look reads the payload's state, once, and then lets it go on. Its namespaces are
// PID 1's, which has made its execve before; where it is PID 1 itself they show
// when it has.
func (r *run) look(pid int, goOn func()) {
	if r.looked || r.opt.Before == nil {
		goOn()
		return
	}
	r.looked = true
	s := readState(pid)
	s.InitPid = r.known(r.plan.Init)
	s.Namespaces = readNamespaces(s.InitPid)
	if s.AtExecve = r.listener != 0; !s.AtExecve {
		s.Pid = 0
	}
	goOn()
	for range 100 {
		if len(s.Namespaces) > 0 || sys.PollShort(r.pidfd, time.Millisecond) {
			break
		}
		s.Namespaces = readNamespaces(s.InitPid)
	}
	r.opt.Before(s)
}
