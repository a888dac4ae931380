package cause

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

var update = flag.Bool("update", false, "rewrite testdata/matrix.golden and ../docs/failures.md")

// compiled is a plan with the host that it was made for.
type compiled struct {
	plan *plan.Plan
	host *plan.Host
}

// plans are made for Ordinary and others of plantest, so that every type of
// step is in one of them.
func plans(t *testing.T) map[string]compiled {
	t.Helper()
	out := map[string]compiled{}
	for name, change := range map[string]func(*plan.Spec, *plan.Host){
		"subid": func(s *plan.Spec, h *plan.Host) {
			s.Cgroup, s.TTY = cgroupdelegate.Off, plan.TTYAlways
			s.Mounts = append(s.Mounts,
				profiles.Mount{Kind: profiles.ReadOnly, Source: "/opt", Dest: "/opt", From: "--ro"},
				profiles.Mount{Kind: profiles.ReadOnly, Source: "/srv/data.txt", Dest: "/usr/share", From: "--ro"},
				profiles.Mount{Kind: profiles.Overlay, Source: "/srv/shared", Dest: "/srv/shared", From: "--overlay", Upper: "/home/alice/state"})
			h.Terminal.Termios = make([]byte, 36)
			h.Stdio[1] = plan.Stdio{Open: true, Read: true, Write: true, Kind: plan.Device, Terminal: true}
		},
		"private": func(s *plan.Spec, h *plan.Host) { // a program that is copied
			s.Cgroup = cgroupdelegate.Off
			h.Program.Mode, h.Program.Path, h.Program.Entry, h.Program.Size = 0o700, "/srv/id", "/srv/id", 1000
		},
		"self": func(s *plan.Spec, _ *plan.Host) { s.ID = userns.Self },
		"pid1": func(s *plan.Spec, _ *plan.Host) {
			s.ID, s.Init, s.Keep, s.KeepFDs, s.Cgroup = userns.Self, profiles.PID1Payload, []string{"CAP_NET_RAW"}, []int{3}, cgroupdelegate.Off
		},
		"delegated": func(s *plan.Spec, h *plan.Host) {
			s.ID = userns.Self
			h.Cgroup = plantest.DelegatedTo(delegated, "cpu", "memory", "pids", "io")
			s.Limits.IO = append(s.Limits.IO, disk(t))
		},
		"two": func(s *plan.Spec, h *plan.Host) {
			s.ID = userns.Self
			h.Cgroup = plantest.DelegatedTo(delegated, "pids")
			s.Limits.SetPids(2)
		},
		"odd": func(s *plan.Spec, _ *plan.Host) {
			s.ID, s.Cgroup, s.Workdir = userns.Self, cgroupdelegate.Off, "/nope"
			s.Mounts = append(s.Mounts,
				profiles.Mount{Kind: profiles.ReadOnly, Source: "/usr/" + strings.Repeat("a", 300), Dest: "/mnt/a", From: "--ro"},
				profiles.Mount{Kind: profiles.OverlayTmp, Source: "/usr" + strings.Repeat("/long", 60), Dest: "/mnt/b", From: "--overlay-tmp"},
				profiles.Mount{Kind: profiles.Overlay, Source: "/srv/shared", Dest: "/mnt/c", From: "--overlay", Upper: "/srv"},
				profiles.Mount{Kind: profiles.Hide, Dest: "/usr/bin/id", From: "--hide"})
			s.Filter = plan.Filter{Name: "odd.json", Program: denies(unix.SYS_EXECVE, unix.EPERM)}
			s.Argv = append(s.Argv, strings.Repeat("a", 140000))
		},
		"shared": func(s *plan.Spec, _ *plan.Host) {
			s.Cgroup, s.Workdir = cgroupdelegate.Off, "/srv/shared"
			s.Mounts = append(s.Mounts, profiles.Mount{Kind: profiles.ReadWrite, Source: "/srv/shared", Dest: "/srv/shared", From: "--rw"})
		},
		"writable proc": func(s *plan.Spec, _ *plan.Host) {
			s.ID, s.Cgroup = userns.Self, cgroupdelegate.Off
			for i := range s.Mounts {
				s.Mounts[i].RO = false
			}
		},
		"wordy": func(s *plan.Spec, _ *plan.Host) {
			s.Cgroup = cgroupdelegate.Off
			for range 150 {
				s.Argv = append(s.Argv, strings.Repeat("a", 1000))
			}
		},
		"root": func(s *plan.Spec, h *plan.Host) {
			*h = *plantest.Root()
			s.Cgroup = cgroupdelegate.Off
		},
	} {
		spec, host := plantest.Spec("strict", "id"), plantest.Ordinary()
		spec.Forward = name != "private"
		host.Kept = map[int]plan.Stdio{3: {Open: true, Pipe: true, Kind: plan.Other}}
		change(spec, host)
		plantest.Look(spec, host)
		p, err := plan.Compile(spec, host)
		if err == nil {
			err = plan.Check(p)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = compiled{p, host}
	}
	return out
}

func disk(t *testing.T) cgroupdelegate.IOMax {
	t.Helper()
	d, err := cgroupdelegate.ParseIOMax("/dev/sda:rbps=1M")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// failures are those that the matrix has: a step of a plan, and what comes of it.
var failures = []struct {
	name  string
	plan  string
	is    func(plan.Entry) bool
	errno unix.Errno
	err   error
	last  bool // of the steps that it is, the last
}{
	{"clone3 EPERM", "subid", first[plan.Clone3], unix.EPERM, nil, false},
	{"clone3 EACCES", "subid", first[plan.Clone3], unix.EACCES, nil, false},
	{"clone3 ENOSYS", "subid", first[plan.Clone3], unix.ENOSYS, nil, false},
	{"clone3 ENOSPC", "subid", first[plan.Clone3], unix.ENOSPC, nil, false},
	{"clone3 EINVAL", "subid", first[plan.Clone3], unix.EINVAL, nil, false},
	{"clone3 EAGAIN", "subid", first[plan.Clone3], unix.EAGAIN, nil, false},
	{"clone3 ENOMEM", "subid", first[plan.Clone3], unix.ENOMEM, nil, false},
	{"clone3 into a cgroup EBUSY", "delegated", first[plan.Clone3], unix.EBUSY, nil, false},
	{"clone3 into a cgroup EACCES", "delegated", first[plan.Clone3], unix.EACCES, nil, false},
	{"clone3 into a cgroup EOPNOTSUPP", "delegated", first[plan.Clone3], unix.EOPNOTSUPP, nil, false},
	{"clone EAGAIN", "two", first[plan.Clone], unix.EAGAIN, nil, false},
	{"unshare of the network EPERM", "self", first[plan.Unshare], unix.EPERM, nil, false},
	{"unshare of the network ENOSPC", "self", first[plan.Unshare], unix.ENOSPC, nil, false},
	{"unshare of the network EINVAL", "self", first[plan.Unshare], unix.EINVAL, nil, false},
	{"write of uid_map EPERM", "self", writes("1000 1001 1\n"), unix.EPERM, nil, false},
	{"open of setgroups EACCES", "self", opensFile("/proc/self/setgroups"), unix.EACCES, nil, false},
	{"open of setgroups EROFS", "self", opensFile("/proc/self/setgroups"), unix.EROFS, nil, false},
	{"open of setgroups ENOENT", "self", opensFile("/proc/self/setgroups"), unix.ENOENT, nil, false},
	{"write of root's uid_map EPERM", "root", first[plan.WriteMap], unix.EPERM, nil, false},
	{"write of root's uid_map EINVAL", "root", first[plan.WriteMap], unix.EINVAL, nil, false},
	{"write of root's uid_map EACCES", "root", first[plan.WriteMap], unix.EACCES, nil, false},
	{"newuidmap", "subid", first[plan.Newidmap], 0, errOfProgram, false},
	{"newuidmap EPERM", "subid", first[plan.Newidmap], unix.EPERM, nil, false},
	{"newgidmap", "subid", func(e plan.Entry) bool {
		s, ok := e.Step.(plan.Newidmap)
		return ok && s.Program == "/usr/bin/newgidmap"
	}, 0, errOfProgram, false},
	{"newuidmap may not open", "subid", first[plan.Newidmap], 0, errors.New("exit status 1: newuidmap: open of uid_map failed: Permission denied"), false},
	{"newuidmap may not write", "subid", first[plan.Newidmap], 0, errors.New("exit status 1: newuidmap: write to uid_map failed: Operation not permitted"), false},
	{"newuidmap EAGAIN", "subid", first[plan.Newidmap], unix.EAGAIN, nil, false},
	{"setgroups EPERM", "subid", first[plan.Setgroups], unix.EPERM, nil, false},

	{"fsopen EPERM", "subid", first[plan.Fsopen], unix.EPERM, nil, false},
	{"fsopen of overlay ENODEV", "subid", opensFS("overlay"), unix.ENODEV, nil, false},
	{"fsmount of tmpfs EPERM", "subid", mountsFS("tmpfs"), unix.EPERM, nil, false},
	{"fsmount of proc EPERM", "subid", mountsFS("proc"), unix.EPERM, nil, false},
	{"fsmount ENOSPC", "subid", mountsFS("tmpfs"), unix.ENOSPC, nil, false},
	{"open_tree of /opt killed", "subid", copies("/opt"), 0, errKilled, false},
	{"unshare of the network killed", "subid", first[plan.Unshare], 0, errKilled, false},
	{"open_tree of /opt EPERM", "subid", copies("/opt"), unix.EPERM, nil, false},
	{"open_tree of /opt ENOENT", "subid", copies("/opt"), unix.ENOENT, nil, false},
	{"open_tree of /opt EACCES", "subid", copies("/opt"), unix.EACCES, nil, false},
	{"open_tree of /opt EINVAL", "subid", copies("/opt"), unix.EINVAL, nil, false},
	{"open_tree of /opt ELOOP", "subid", copies("/opt"), unix.ELOOP, nil, false},
	{"open_tree of /etc/ssl ENOTDIR", "subid", copies("/etc/ssl"), unix.ENOTDIR, nil, false},
	{"open_tree of /etc/ssl EACCES", "subid", copies("/etc/ssl"), unix.EACCES, nil, false},
	{"open_tree of /opt ENAMETOOLONG", "subid", copies("/opt"), unix.ENAMETOOLONG, nil, false},
	{"open_tree of a long name ENAMETOOLONG", "odd", copies("/usr/" + strings.Repeat("a", 300)), unix.ENAMETOOLONG, nil, false},
	{"move_mount EPERM", "subid", first[plan.MoveMount], unix.EPERM, nil, false},
	{"move_mount EACCES", "subid", first[plan.MoveMount], unix.EACCES, nil, false},
	{"move_mount ENOSPC", "subid", first[plan.MoveMount], unix.ENOSPC, nil, true},
	{"move_mount of a file on a directory EINVAL", "subid", movesInto("usr/share"), unix.EINVAL, nil, false},
	{"move_mount of others EINVAL", "subid", first[plan.MoveMount], unix.EINVAL, nil, false},
	{"pivot_root EPERM", "subid", first[plan.PivotRoot], unix.EPERM, nil, false},
	{"openat2 ENOENT", "subid", first[plan.OpenInRoot], unix.ENOENT, nil, false},
	{"openat2 EACCES", "subid", first[plan.OpenInRoot], unix.EACCES, nil, false},
	{"openat2 ELOOP", "subid", first[plan.OpenInRoot], unix.ELOOP, nil, false},
	{"overlay EINVAL", "subid", sets("upperdir"), unix.EINVAL, nil, false},
	{"overlay ELOOP", "subid", sets("lowerdir"), unix.ELOOP, nil, false},
	{"overlay ENOENT", "subid", sets("lowerdir"), unix.ENOENT, nil, false},
	{"overlay of a long path EINVAL", "odd", sets("lowerdir"), unix.EINVAL, nil, false},
	{"fsmount of a writable proc EPERM", "writable proc", mountsFS("proc"), unix.EPERM, nil, false},
	{"size of tmpfs EINVAL", "subid", sets("size"), unix.EINVAL, nil, false},
	{"mkdirat of the state ENOSPC", "subid", makesDir("/home/alice/state/upper"), unix.ENOSPC, nil, false},
	{"mkdirat of the state EDQUOT", "subid", makesDir("/home/alice/state/upper"), unix.EDQUOT, nil, false},
	{"mkdirat of the state EROFS", "subid", makesDir("/home/alice/state/upper"), unix.EROFS, nil, false},
	{"mkdirat of the state ENOENT", "subid", makesDir("/home/alice/state/upper"), unix.ENOENT, nil, false},
	{"mkdirat of the state ENOTDIR", "subid", makesDir("/home/alice/state/upper"), unix.ENOTDIR, nil, false},
	{"mkdirat of the state EPERM", "subid", makesDir("/home/alice/state/upper"), unix.EPERM, nil, false},
	{"mkdirat of the state EACCES", "subid", makesDir("/home/alice/state/upper"), unix.EACCES, nil, false},
	{"mkdirat in the jail ENOSPC", "subid", makesDir("usr"), unix.ENOSPC, nil, false},
	{"write in the jail EFBIG", "self", inits[plan.Write], unix.EFBIG, nil, true},
	{"sendfile short", "private", first[plan.Sendfile], 0, nil, false},
	{"open of ptmx ENOSPC", "subid", opensFile("dev/pts/ptmx"), unix.ENOSPC, nil, false},
	{"ioctl on the terminal EIO", "subid", supervisors[plan.Ioctl], unix.EIO, nil, false},
	{"eventfd2 EMFILE", "subid", first[plan.Eventfd], unix.EMFILE, nil, false},
	{"open_tree EMFILE", "subid", first[plan.OpenTree], unix.EMFILE, nil, true},
	{"eventfd2 ENFILE", "subid", first[plan.Eventfd], unix.ENFILE, nil, false},
	{"pidfd_open ENOSYS", "subid", first[plan.PidfdOpen], unix.ENOSYS, nil, false},

	{"sethostname EPERM", "self", first[plan.Sethostname], unix.EPERM, nil, false},
	{"keyctl EDQUOT", "self", first[plan.JoinSessionKeyring], unix.EDQUOT, nil, false},
	{"keyctl ENOSYS", "self", first[plan.JoinSessionKeyring], unix.ENOSYS, nil, false},
	{"capset EPERM", "self", first[plan.Capset], unix.EPERM, nil, false},
	{"landlock_create_ruleset ENOSYS", "self", first[plan.LandlockCreateRuleset], unix.ENOSYS, nil, false},
	{"landlock_create_ruleset EOPNOTSUPP", "self", first[plan.LandlockCreateRuleset], unix.EOPNOTSUPP, nil, false},
	{"landlock_restrict_self E2BIG", "self", first[plan.LandlockRestrictSelf], unix.E2BIG, nil, false},
	{"landlock_restrict_self EPERM", "self", first[plan.LandlockRestrictSelf], unix.EPERM, nil, false},
	{"seccomp EINVAL", "self", first[plan.SetFilter], unix.EINVAL, nil, false},
	{"seccomp ENOMEM", "self", first[plan.SetFilter], unix.ENOMEM, nil, false},
	{"socket EAFNOSUPPORT", "self", first[plan.Socket], unix.EAFNOSUPPORT, nil, false},
	{"chdir ENOENT", "shared", first[plan.Chdir], unix.ENOENT, nil, false},
	{"chdir to nowhere ENOENT", "odd", first[plan.Chdir], unix.ENOENT, nil, false},
	{"chdir EACCES", "shared", first[plan.Chdir], unix.EACCES, nil, false},

	{"execve ENOENT", "subid", first[plan.Execve], unix.ENOENT, nil, false},
	{"execve EACCES", "subid", first[plan.Execve], unix.EACCES, nil, false},
	{"execve ENOEXEC", "subid", first[plan.Execve], unix.ENOEXEC, nil, false},
	{"execve ETXTBSY", "subid", first[plan.Execve], unix.ETXTBSY, nil, false},
	{"execve E2BIG", "subid", first[plan.Execve], unix.E2BIG, nil, false},
	{"execve EAGAIN", "subid", first[plan.Execve], unix.EAGAIN, nil, false},
	{"execve EPERM", "subid", first[plan.Execve], unix.EPERM, nil, false},
	{"execve behind a policy against it EPERM", "odd", first[plan.Execve], unix.EPERM, nil, false},
	{"execve of what is hidden EACCES", "odd", first[plan.Execve], unix.EACCES, nil, false},
	{"execve of many arguments E2BIG", "wordy", first[plan.Execve], unix.E2BIG, nil, false},
	{"execve of long arguments E2BIG", "odd", first[plan.Execve], unix.E2BIG, nil, false},

	{"mkdirat of a cgroup EAGAIN", "delegated", makesDir("procjail-4242-abc"), unix.EAGAIN, nil, false},
	{"mkdirat of a cgroup EACCES", "delegated", makesDir("procjail-4242-abc"), unix.EACCES, nil, false},
	{"mkdirat of a cgroup EROFS", "delegated", makesDir("procjail-4242-abc"), unix.EROFS, nil, false},
	{"move of processes EBUSY", "delegated", first[plan.MoveProcesses], unix.EBUSY, nil, false},
	{"move of processes EACCES", "delegated", first[plan.MoveProcesses], unix.EACCES, nil, false},
	{"move of processes EOPNOTSUPP", "delegated", first[plan.MoveProcesses], unix.EOPNOTSUPP, nil, false},
	{"subtree_control ENOENT", "delegated", writes("+cpu +memory +pids +io"), unix.ENOENT, nil, false},
	{"subtree_control EACCES", "delegated", writes("+cpu +memory +pids +io"), unix.EACCES, nil, false},
	{"subtree_control EBUSY", "delegated", writes("+cpu +memory +pids +io"), unix.EBUSY, nil, false},
	{"open of memory.max ENOENT", "delegated", opensFile("memory.max"), unix.ENOENT, nil, false},
	{"io.max ENODEV", "delegated", writes("8:0 rbps=1000000"), unix.ENODEV, nil, false},
	{"pids.max EINVAL", "delegated", writes("128"), unix.EINVAL, nil, false},
	{"flock EWOULDBLOCK", "delegated", first[plan.Flock], unix.EWOULDBLOCK, nil, false},
	{"systemd refuses", "self", first[plan.StartScope], 0, &systemd.Error{Op: "StartTransientUnit", Name: systemd.AccessDenied, Message: "Access denied"}, false},
	{"systemd is not on the bus", "self", first[plan.StartScope], 0, &systemd.DialError{Tried: []*systemd.Error{{Op: "Hello", Address: "/run/user/1001/bus", Name: systemd.NoService, Message: "no such name"}}}, false},
	{"systemd rejects", "self", first[plan.StartScope], 0, &systemd.Error{Op: "authenticate", Address: "/run/user/1001/systemd/private", Err: systemd.ErrRejected}, false},
	{"systemd's job fails", "self", first[plan.AwaitScope], 0, &systemd.Error{Op: "JobRemoved", Unit: "procjail-1.scope", Result: "failed"}, false},
	{"systemd is silent", "self", first[plan.AwaitScope], 0, &systemd.Error{Op: "JobRemoved", Err: context.DeadlineExceeded}, false},
	{"systemd says another thing", "self", first[plan.StartScope], 0, &systemd.Error{Op: "StartTransientUnit", Name: "org.freedesktop.DBus.Error.LimitsExceeded"}, false},
	{"systemd ECONNREFUSED", "self", first[plan.StartScope], unix.ECONNREFUSED, &systemd.Error{Op: "connect", Err: unix.ECONNREFUSED}, false},
	{"systemd ENOENT", "self", first[plan.StartScope], unix.ENOENT, &systemd.Error{Op: "connect", Err: unix.ENOENT}, false},
	{"systemd EACCES", "self", first[plan.StartScope], unix.EACCES, &systemd.Error{Op: "connect", Err: unix.EACCES}, false},
	{"the scope is not entered", "self", first[plan.OpenCgroup], 0, fmt.Errorf("systemd has not moved procjail there"), false},
	{"the scope ENOENT", "self", first[plan.OpenCgroup], unix.ENOENT, nil, false},
}

var errOfProgram = fmt.Errorf("exit status 1: newuidmap: uid range [0-1) -> [1001-1002) not allowed")

// errKilled is of a step whose process was killed in it.
var errKilled = errors.New("killed")

func first[S plan.Step](e plan.Entry) bool { _, ok := e.Step.(S); return ok }

// inits and supervisors are as first, of a step of theirs.
func inits[S plan.Step](e plan.Entry) bool { _, ok := e.Step.(S); return ok && e.Stage == plan.Init }

func supervisors[S plan.Step](e plan.Entry) bool {
	_, ok := e.Step.(S)
	return ok && e.Stage == plan.Supervisor
}

func writes(data string) func(plan.Entry) bool {
	return func(e plan.Entry) bool { s, ok := e.Step.(plan.Write); return ok && string(s.Data) == data }
}

func opensFile(path string) func(plan.Entry) bool {
	return func(e plan.Entry) bool { s, ok := e.Step.(plan.Openat); return ok && s.Path == path }
}

func opensFS(name string) func(plan.Entry) bool {
	return func(e plan.Entry) bool { s, ok := e.Step.(plan.Fsopen); return ok && s.Type == name }
}

func copies(path string) func(plan.Entry) bool {
	return func(e plan.Entry) bool { s, ok := e.Step.(plan.OpenTree); return ok && s.Path == path }
}

func sets(key string) func(plan.Entry) bool {
	return func(e plan.Entry) bool { s, ok := e.Step.(plan.FsconfigString); return ok && s.Key == key }
}

// denies is a filter that answers one call with an errno.
func denies(nr uint32, errno unix.Errno) []byte {
	var b []byte
	ins := func(code uint16, jt, jf uint8, k uint32) {
		b = binary.NativeEndian.AppendUint16(b, code)
		b = append(b, jt, jf)
		b = binary.NativeEndian.AppendUint32(b, k)
	}
	ins(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, 0) // seccomp_data.nr
	ins(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 0, 1, nr)
	ins(unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_ERRNO|uint32(errno))
	ins(unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_ALLOW)
	return b
}

func makesDir(path string) func(plan.Entry) bool {
	return func(e plan.Entry) bool { s, ok := e.Step.(plan.Mkdirat); return ok && s.Path == path }
}

// mountsFS is the fsmount(2) after the fsopen(2) of a type, and movesInto the
// move_mount(2) after the openat2(2) of a place. They are asked of each entry in
// turn.
func mountsFS(name string) func(plan.Entry) bool {
	var fd plan.FD
	return func(e plan.Entry) bool {
		if s, ok := e.Step.(plan.Fsopen); ok && s.Type == name {
			fd = e.Out
		}
		s, ok := e.Step.(plan.Fsmount)
		return ok && s.FD == fd
	}
}

func movesInto(place string) func(plan.Entry) bool {
	var fd plan.FD
	return func(e plan.Entry) bool {
		if s, ok := e.Step.(plan.OpenInRoot); ok && s.Path == place {
			fd = e.Out
		}
		s, ok := e.Step.(plan.MoveMount)
		return ok && s.To == fd && fd != 0
	}
}

// worlds are the conditions' systems, each made once.
func worlds(t *testing.T) map[string]*System {
	t.Helper()
	out := map[string]*System{}
	for name, change := range conditions {
		w := healthy()
		change(w)
		out[name] = w.system(t)
		settle(t, out[name].Root)
	}
	return out
}

// cell is what was found for a failure under a condition.
type cell struct {
	failure   int // of failures
	condition string
	step      plan.Step
	found     Finding
}

// cells asks for the cause of each failure under each condition, once for all
// tests.
func cells(t *testing.T) []cell {
	t.Helper()
	if len(allCells) > 0 {
		return allCells
	}
	plans, worlds := plans(t), worlds(t)
	for k, f := range failures {
		c := plans[f.plan]
		index := -1
		for i, e := range c.plan.Entries {
			if f.is(e) && (index < 0 || f.last) {
				index = i
			}
		}
		if index < 0 {
			t.Fatalf("%s: the plan %s has no such step", f.name, f.plan)
		}
		e := c.plan.Entries[index]
		for _, name := range slices.Sorted(maps.Keys(worlds)) {
			s := worlds[name]
			if c.host.Caller.UID == 0 && s.Capable() == 0 {
				all := *s
				all.Capable = func() uint64 { return 1<<41 - 1 }
				s = &all
			}
			failure := Failure{Step: e.Step, Stage: e.Stage, Index: index, Errno: f.errno, Want: e.Want, Err: f.err}
			if errors.Is(f.err, errKilled) {
				failure.Err, failure.Killed = nil, true
			}
			found := s.Find(failure, c.host, c.plan)
			allCells = append(allCells, cell{k, name, e.Step, found})
		}
	}
	return allCells
}

var allCells []cell

// TestMatrix asks for the cause of each failure under each condition. The golden
// file has which condition is blamed for which failure; whoever reviews it looks
// for one that has nothing to do with it. What is unknown is not listed.
func TestMatrix(t *testing.T) {
	var out strings.Builder
	claimed := map[string]bool{}
	cells := cells(t)
	for k, f := range failures {
		blamed := map[string][]string{}
		for _, c := range cells {
			if c.failure != k {
				continue
			}
			if len(parts(c.found.Cause+c.found.Remedy)) > 1 {
				t.Errorf("%s, %s: %q, %q: a name is not filled in", f.name, c.condition, c.found.Cause, c.found.Remedy)
			}
			if c.found.ID != Unknown {
				blamed[c.found.ID] = append(blamed[c.found.ID], c.condition)
				claimed[c.found.ID] = true
			} else if n := len(For(c.step, f.errno)); !errors.Is(f.err, errKilled) && len(c.found.LookedAt) != n {
				t.Errorf("%s, %s: looked at %q, and there are %d entries", f.name, c.condition, c.found.LookedAt, n)
			}
		}
		fmt.Fprintf(&out, "%s\n", f.name)
		for _, id := range slices.Sorted(maps.Keys(blamed)) {
			by := strings.Join(blamed[id], "; ")
			if len(blamed[id]) > len(conditions)/2 {
				var others []string
				for name := range conditions {
					if !slices.Contains(blamed[id], name) {
						others = append(others, name)
					}
				}
				slices.Sort(others)
				by = strings.TrimSuffix("any but "+strings.Join(others, "; "), " but ")
			}
			fmt.Fprintf(&out, "\t%-26s %s\n", id, by)
		}
	}
	for _, e := range Table() {
		if !claimed[e.ID] && !elsewhere[e.ID] && !slices.Contains(cgroupdelegate.Reasons[:], cgroupdelegate.Reason(e.ID)) { // TestPlaces
			t.Errorf("%s is never confirmed: make a condition for it", e.ID)
		}
	}
	const golden = "testdata/matrix.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	t.Logf("%d failures, %d conditions", len(failures), len(conditions))
}

// TestHealthy: on a host with nothing wrong no step's errno has a known cause,
// whichever it is.
func TestHealthy(t *testing.T) {
	s := healthy().system(t)
	asked := 0
	for name, c := range plans(t) {
		if name == "odd" || name == "two" || name == "wordy" || c.host.Caller.UID == 0 {
			continue // plans, or callers, that have something wrong with them
		}
		seen := map[string]bool{}
		for i, e := range c.plan.Entries {
			if kind := typeName(e.Step) + e.Stage.String() + plan.Spell(e.Step); seen[kind] {
				continue
			} else {
				seen[kind] = true
			}
			for errno := unix.Errno(0); errno < 134; errno++ {
				found := s.Find(Failure{Step: e.Step, Stage: e.Stage, Index: i, Errno: errno, Want: e.Want}, c.host, c.plan)
				asked++
				if found.ID != Unknown && !saidByErrno[found.ID] {
					t.Errorf("%s, %s %s: %s: %s", name, plan.Spell(e.Step), errnoName(errno), found.ID, found.Cause)
				}
			}
		}
	}
	t.Logf("%d steps with an errno", asked)
}

// saidByErrno are entries for which the step and its errno are the whole of the
// condition.
var saidByErrno = map[string]bool{
	"limit-refused":     true, // the kernel refuses a value for a file that it has opened
	"systemd-ended":     true, // connect(2) has no other ECONNREFUSED
	"mount-kind":        true, // the plan puts a file on a directory
	"scope-not-entered": true, // the healthy host is in a session's scope
}

// elsewhere are entries that other tests make real.
var elsewhere = map[string]bool{
	"root-inodes": true, plan.KernelOld: true, // TestFewInodes, TestOldKernel
}

// TestPlaces: each reason for having no cgroup is confirmed by the facts that
// lead to it, and by no others.
func TestPlaces(t *testing.T) {
	user := plantest.UserManager()
	change := func(f func(*cgroupdelegate.Facts)) cgroupdelegate.Facts {
		facts := user
		f(&facts)
		return facts
	}
	facts := map[cgroupdelegate.Reason]cgroupdelegate.Facts{
		"":                           user,
		cgroupdelegate.ReadOnly:      change(func(f *cgroupdelegate.Facts) { f.ReadOnly = true }),
		cgroupdelegate.V1Only:        {V1: []string{"cpu", "memory"}},
		cgroupdelegate.NotMounted:    {},
		cgroupdelegate.NotDelegated:  change(func(f *cgroupdelegate.Facts) { f.Systemd = false; f.Manager.Socket = "" }),
		cgroupdelegate.NoSocket:      change(func(f *cgroupdelegate.Facts) { f.Manager = cgroupdelegate.Manager{Missing: "/run/systemd"} }),
		cgroupdelegate.NoUserSystemd: change(func(f *cgroupdelegate.Facts) { f.Manager.Socket = "" }),
	}
	for reason, f := range facts {
		host := plantest.Ordinary()
		host.Cgroup = f
		for _, of := range cgroupdelegate.Reasons {
			e, _ := ByID(string(of))
			v := e.probe(&look{host: host})
			if of == cgroupdelegate.NoSystemd {
				if (v != nil) != (reason == cgroupdelegate.NotDelegated) { // where systemd does not run the host
					t.Errorf("%q: the entry %s says %v", reason, of, v)
				}
			} else if (v != nil) != (of == reason) {
				t.Errorf("%q: the entry %s says %v", reason, of, v)
			}
			if v != nil && len(parts(fill(e.Cause, v)+fill(e.Remedy, v))) > 1 {
				t.Errorf("%s: a name is not filled in: %q", of, fill(e.Cause, v))
			}
		}
	}
}

// TestFewInodes is a profile with more files than the jail's root has room for.
func TestFewInodes(t *testing.T) {
	p := &plan.Plan{Entries: []plan.Entry{{Stage: plan.Init, Step: plan.FsconfigString{Key: "nr_inodes", Value: "10"}}}}
	for range 12 {
		p.Entries = append(p.Entries, plan.Entry{Stage: plan.Init, Step: plan.Mkdirat{Dir: plan.AtFDCWD, Path: "x"}})
	}
	s := healthy().system(t)
	for index, want := range map[int]string{9: Unknown, 10: "root-inodes"} {
		found := s.Find(Failure{Step: p.Entries[index].Step, Stage: plan.Init, Index: index, Errno: unix.ENOSPC}, plantest.Ordinary(), p)
		if found.ID != want {
			t.Errorf("the directory %d of 10: %+v, want %s", index, found, want)
		}
	}
}

// TestOldKernel: the entry of a refusal that no step comes with.
func TestOldKernel(t *testing.T) {
	e, ok := ByID(plan.KernelOld)
	if !ok {
		t.Fatal("there is no such entry")
	}
	host := plantest.Ordinary()
	if v := e.probe(&look{host: host}); v != nil {
		t.Errorf("%s is too old: %v", host.Release, v)
	}
	host.Release, host.Major, host.Minor = "5.10.0-30-amd64", 5, 10
	if v := e.probe(&look{host: host}); v["release"] != host.Release {
		t.Errorf("%s: %v", host.Release, v)
	}
}
