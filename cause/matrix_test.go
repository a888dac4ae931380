package cause

import (
	"context"
	"encoding/binary"
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
}{
	{"clone3 EPERM", "subid", first[plan.Clone3], unix.EPERM, nil},
	{"clone3 EACCES", "subid", first[plan.Clone3], unix.EACCES, nil},
	{"clone3 ENOSYS", "subid", first[plan.Clone3], unix.ENOSYS, nil},
	{"clone3 ENOSPC", "subid", first[plan.Clone3], unix.ENOSPC, nil},
	{"clone3 EINVAL", "subid", first[plan.Clone3], unix.EINVAL, nil},
	{"clone3 EAGAIN", "subid", first[plan.Clone3], unix.EAGAIN, nil},
	{"clone3 ENOMEM", "subid", first[plan.Clone3], unix.ENOMEM, nil},
	{"clone3 into a cgroup EBUSY", "delegated", first[plan.Clone3], unix.EBUSY, nil},
	{"clone3 into a cgroup EACCES", "delegated", first[plan.Clone3], unix.EACCES, nil},
	{"clone3 into a cgroup EOPNOTSUPP", "delegated", first[plan.Clone3], unix.EOPNOTSUPP, nil},
	{"clone EAGAIN", "two", first[plan.Clone], unix.EAGAIN, nil},
	{"unshare of the network EPERM", "self", first[plan.Unshare], unix.EPERM, nil},
	{"unshare of the network ENOSPC", "self", first[plan.Unshare], unix.ENOSPC, nil},
	{"unshare of the network EINVAL", "self", first[plan.Unshare], unix.EINVAL, nil},
	{"write of uid_map EPERM", "self", writes("1000 1001 1\n"), unix.EPERM, nil},
	{"open of setgroups EACCES", "self", opensFile("/proc/self/setgroups"), unix.EACCES, nil},
	{"open of setgroups EROFS", "self", opensFile("/proc/self/setgroups"), unix.EROFS, nil},
	{"open of setgroups ENOENT", "self", opensFile("/proc/self/setgroups"), unix.ENOENT, nil},
	{"write of root's uid_map EPERM", "root", first[plan.WriteMap], unix.EPERM, nil},
	{"write of root's uid_map EINVAL", "root", first[plan.WriteMap], unix.EINVAL, nil},
	{"write of root's uid_map EACCES", "root", first[plan.WriteMap], unix.EACCES, nil},
	{"newuidmap", "subid", first[plan.Newidmap], 0, errOfProgram},
	{"newuidmap EAGAIN", "subid", first[plan.Newidmap], unix.EAGAIN, nil},
	{"setgroups EPERM", "subid", first[plan.Setgroups], unix.EPERM, nil},

	{"fsopen EPERM", "subid", first[plan.Fsopen], unix.EPERM, nil},
	{"fsopen of overlay ENODEV", "subid", opensFS("overlay"), unix.ENODEV, nil},
	{"fsmount of tmpfs EPERM", "subid", mountsFS("tmpfs"), unix.EPERM, nil},
	{"fsmount of proc EPERM", "subid", mountsFS("proc"), unix.EPERM, nil},
	{"fsmount ENOSPC", "subid", mountsFS("tmpfs"), unix.ENOSPC, nil},
	{"open_tree of /opt EPERM", "subid", copies("/opt"), unix.EPERM, nil},
	{"open_tree of /opt ENOENT", "subid", copies("/opt"), unix.ENOENT, nil},
	{"open_tree of /opt EACCES", "subid", copies("/opt"), unix.EACCES, nil},
	{"open_tree of /opt EINVAL", "subid", copies("/opt"), unix.EINVAL, nil},
	{"open_tree of /opt ELOOP", "subid", copies("/opt"), unix.ELOOP, nil},
	{"open_tree of /etc/ssl ENOTDIR", "subid", copies("/etc/ssl"), unix.ENOTDIR, nil},
	{"open_tree of /etc/ssl EACCES", "subid", copies("/etc/ssl"), unix.EACCES, nil},
	{"open_tree of /opt ENAMETOOLONG", "subid", copies("/opt"), unix.ENAMETOOLONG, nil},
	{"open_tree of a long name ENAMETOOLONG", "odd", copies("/usr/" + strings.Repeat("a", 300)), unix.ENAMETOOLONG, nil},
	{"move_mount EPERM", "subid", first[plan.MoveMount], unix.EPERM, nil},
	{"move_mount EACCES", "subid", first[plan.MoveMount], unix.EACCES, nil},
	{"move_mount ENOSPC", "subid", last[plan.MoveMount], unix.ENOSPC, nil},
	{"move_mount of a file on a directory EINVAL", "subid", movesInto("usr/share"), unix.EINVAL, nil},
	{"move_mount of others EINVAL", "subid", first[plan.MoveMount], unix.EINVAL, nil},
	{"pivot_root EPERM", "subid", first[plan.PivotRoot], unix.EPERM, nil},
	{"openat2 ENOENT", "subid", first[plan.OpenInRoot], unix.ENOENT, nil},
	{"openat2 EACCES", "subid", first[plan.OpenInRoot], unix.EACCES, nil},
	{"openat2 ELOOP", "subid", first[plan.OpenInRoot], unix.ELOOP, nil},
	{"overlay EINVAL", "subid", sets("upperdir"), unix.EINVAL, nil},
	{"overlay ELOOP", "subid", sets("lowerdir"), unix.ELOOP, nil},
	{"overlay ENOENT", "subid", sets("lowerdir"), unix.ENOENT, nil},
	{"overlay of a long path EINVAL", "odd", sets("lowerdir"), unix.EINVAL, nil},
	{"fsmount of a writable proc EPERM", "writable proc", mountsFS("proc"), unix.EPERM, nil},
	{"size of tmpfs EINVAL", "subid", sets("size"), unix.EINVAL, nil},
	{"mkdirat of the state ENOSPC", "subid", makesDir("/home/alice/state/upper"), unix.ENOSPC, nil},
	{"mkdirat of the state EDQUOT", "subid", makesDir("/home/alice/state/upper"), unix.EDQUOT, nil},
	{"mkdirat of the state EROFS", "subid", makesDir("/home/alice/state/upper"), unix.EROFS, nil},
	{"mkdirat of the state EACCES", "subid", makesDir("/home/alice/state/upper"), unix.EACCES, nil},
	{"mkdirat in the jail ENOSPC", "subid", makesDir("usr"), unix.ENOSPC, nil},
	{"write in the jail EFBIG", "self", last[plan.Write], unix.EFBIG, nil},
	{"sendfile short", "private", first[plan.Sendfile], 0, nil},
	{"open of ptmx ENOSPC", "subid", opensFile("dev/pts/ptmx"), unix.ENOSPC, nil},
	{"ioctl on the terminal EIO", "subid", supervisors[plan.Ioctl], unix.EIO, nil},
	{"eventfd2 EMFILE", "subid", first[plan.Eventfd], unix.EMFILE, nil},
	{"open_tree EMFILE", "subid", last[plan.OpenTree], unix.EMFILE, nil},
	{"eventfd2 ENFILE", "subid", first[plan.Eventfd], unix.ENFILE, nil},
	{"pidfd_open ENOSYS", "subid", first[plan.PidfdOpen], unix.ENOSYS, nil},

	{"sethostname EPERM", "self", first[plan.Sethostname], unix.EPERM, nil},
	{"keyctl EDQUOT", "self", first[plan.JoinSessionKeyring], unix.EDQUOT, nil},
	{"keyctl ENOSYS", "self", first[plan.JoinSessionKeyring], unix.ENOSYS, nil},
	{"capset EPERM", "self", first[plan.Capset], unix.EPERM, nil},
	{"landlock_create_ruleset EOPNOTSUPP", "self", first[plan.LandlockCreateRuleset], unix.EOPNOTSUPP, nil},
	{"landlock_restrict_self E2BIG", "self", first[plan.LandlockRestrictSelf], unix.E2BIG, nil},
	{"landlock_restrict_self EPERM", "self", first[plan.LandlockRestrictSelf], unix.EPERM, nil},
	{"seccomp EINVAL", "self", first[plan.SetFilter], unix.EINVAL, nil},
	{"seccomp ENOMEM", "self", first[plan.SetFilter], unix.ENOMEM, nil},
	{"socket EAFNOSUPPORT", "self", first[plan.Socket], unix.EAFNOSUPPORT, nil},
	{"chdir ENOENT", "shared", first[plan.Chdir], unix.ENOENT, nil},
	{"chdir to nowhere ENOENT", "odd", first[plan.Chdir], unix.ENOENT, nil},
	{"chdir EACCES", "shared", first[plan.Chdir], unix.EACCES, nil},

	{"execve ENOENT", "subid", first[plan.Execve], unix.ENOENT, nil},
	{"execve EACCES", "subid", first[plan.Execve], unix.EACCES, nil},
	{"execve ENOEXEC", "subid", first[plan.Execve], unix.ENOEXEC, nil},
	{"execve ETXTBSY", "subid", first[plan.Execve], unix.ETXTBSY, nil},
	{"execve E2BIG", "subid", first[plan.Execve], unix.E2BIG, nil},
	{"execve EAGAIN", "subid", first[plan.Execve], unix.EAGAIN, nil},
	{"execve EPERM", "subid", first[plan.Execve], unix.EPERM, nil},
	{"execve behind a policy against it EPERM", "odd", first[plan.Execve], unix.EPERM, nil},
	{"execve of what is hidden EACCES", "odd", first[plan.Execve], unix.EACCES, nil},
	{"execve of many arguments E2BIG", "wordy", first[plan.Execve], unix.E2BIG, nil},
	{"execve of long arguments E2BIG", "odd", first[plan.Execve], unix.E2BIG, nil},

	{"mkdirat of a cgroup EAGAIN", "delegated", makesDir("procjail-4242-abc"), unix.EAGAIN, nil},
	{"mkdirat of a cgroup EACCES", "delegated", makesDir("procjail-4242-abc"), unix.EACCES, nil},
	{"mkdirat of a cgroup EROFS", "delegated", makesDir("procjail-4242-abc"), unix.EROFS, nil},
	{"move of processes EBUSY", "delegated", first[plan.MoveProcesses], unix.EBUSY, nil},
	{"move of processes EACCES", "delegated", first[plan.MoveProcesses], unix.EACCES, nil},
	{"move of processes EOPNOTSUPP", "delegated", first[plan.MoveProcesses], unix.EOPNOTSUPP, nil},
	{"subtree_control ENOENT", "delegated", writes("+cpu +memory +pids +io"), unix.ENOENT, nil},
	{"subtree_control EBUSY", "delegated", writes("+cpu +memory +pids +io"), unix.EBUSY, nil},
	{"open of memory.max ENOENT", "delegated", opensFile("memory.max"), unix.ENOENT, nil},
	{"io.max ENODEV", "delegated", writes("8:0 rbps=1000000"), unix.ENODEV, nil},
	{"pids.max EINVAL", "delegated", writes("128"), unix.EINVAL, nil},
	{"flock EWOULDBLOCK", "delegated", first[plan.Flock], unix.EWOULDBLOCK, nil},
	{"systemd refuses", "self", first[plan.StartScope], 0, &systemd.Error{Op: "StartTransientUnit", Name: systemd.AccessDenied, Message: "Access denied"}},
	{"systemd is not on the bus", "self", first[plan.StartScope], 0, &systemd.DialError{Tried: []*systemd.Error{{Op: "Hello", Address: "/run/user/1001/bus", Name: systemd.NoService, Message: "no such name"}}}},
	{"systemd rejects", "self", first[plan.StartScope], 0, &systemd.Error{Op: "authenticate", Address: "/run/user/1001/systemd/private", Err: systemd.ErrRejected}},
	{"systemd's job fails", "self", first[plan.AwaitScope], 0, &systemd.Error{Op: "JobRemoved", Unit: "procjail-1.scope", Result: "failed"}},
	{"systemd is silent", "self", first[plan.AwaitScope], 0, &systemd.Error{Op: "JobRemoved", Err: context.DeadlineExceeded}},
	{"systemd says another thing", "self", first[plan.StartScope], 0, &systemd.Error{Op: "StartTransientUnit", Name: "org.freedesktop.DBus.Error.LimitsExceeded"}},
	{"systemd ECONNREFUSED", "self", first[plan.StartScope], unix.ECONNREFUSED, &systemd.Error{Op: "connect", Err: unix.ECONNREFUSED}},
	{"systemd ENOENT", "self", first[plan.StartScope], unix.ENOENT, &systemd.Error{Op: "connect", Err: unix.ENOENT}},
	{"systemd EACCES", "self", first[plan.StartScope], unix.EACCES, &systemd.Error{Op: "connect", Err: unix.EACCES}},
	{"the scope is not entered", "self", first[plan.OpenCgroup], 0, fmt.Errorf("systemd has not moved procjail there")},
	{"the scope ENOENT", "self", first[plan.OpenCgroup], unix.ENOENT, nil},
}

var errOfProgram = fmt.Errorf("exit status 1: newuidmap: uid range [0-1) -> [1001-1002) not allowed")

func first[S plan.Step](e plan.Entry) bool { _, ok := e.Step.(S); return ok }

// last and supervisors are as first, of the last one and of the supervisor's;
// failureIn knows them by their names.
func last[S plan.Step](e plan.Entry) bool { _, ok := e.Step.(S); return ok && e.Stage == plan.Init }

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

// TestMatrix asks for the cause of each failure under each condition. The golden
// file has which condition is blamed for which failure; whoever reviews it looks
// for one that has nothing to do with it. What is unknown is not listed.
func TestMatrix(t *testing.T) {
	plans, worlds := plans(t), worlds(t)
	var out strings.Builder
	claimed := map[string]bool{}
	for _, f := range failures {
		c := plans[f.plan]
		index := -1
		for i, e := range c.plan.Entries {
			if f.is(e) {
				index = i
				if !strings.Contains(f.name, "in the jail EFBIG") && !strings.Contains(f.name, "move_mount ENOSPC") && !strings.Contains(f.name, "EMFILE") {
					break
				}
			}
		}
		if index < 0 {
			t.Errorf("%s: the plan %s has no such step", f.name, f.plan)
			continue
		}
		e := c.plan.Entries[index]
		blamed := map[string][]string{}
		for name, s := range worlds {
			if c.host.Caller.UID == 0 && s.Capable() == 0 {
				all := *s
				all.Capable = func() uint64 { return 1<<41 - 1 }
				s = &all
			}
			found := s.Find(Failure{Step: e.Step, Stage: e.Stage, Index: index, Errno: f.errno, Want: e.Want, Err: f.err}, c.host, c.plan)
			if placeholder.MatchString(found.Cause + found.Remedy) {
				t.Errorf("%s, %s: %q, %q: a name is not filled in", f.name, name, found.Cause, found.Remedy)
			}
			if found.ID != Unknown {
				blamed[found.ID] = append(blamed[found.ID], name)
				claimed[found.ID] = true
			} else if len(found.LookedAt) != len(For(e.Step, f.errno)) {
				t.Errorf("%s, %s: looked at %q, and there are %d entries", f.name, name, found.LookedAt, len(For(e.Step, f.errno)))
			}
		}
		fmt.Fprintf(&out, "%s\n", f.name)
		for _, id := range slices.Sorted(maps.Keys(blamed)) {
			slices.Sort(blamed[id])
			by := strings.Join(blamed[id], "; ")
			if len(blamed[id]) > len(worlds)/2 {
				var others []string
				for name := range worlds {
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
		if !claimed[e.ID] && !elsewhere[e.ID] {
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
