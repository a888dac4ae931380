package cause

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/userns"
)

// world is a host as the probes see it: a tree of files, and the answers of a
// kernel to what is asked of it. It stands where a condition cannot be made
// real without changing the machine; the kernel tests make the others.
type world struct {
	files map[string]string // "->" begins a symbolic link's target
	modes map[string]os.FileMode

	filter   map[uint64]unix.Errno // what a seccomp filter answers, by the call's number
	clone    unix.Errno            // to any process in a new user namespace
	full     uint64                // CLONE_NEW* of which there can be no more
	stripped bool                  // a security module takes the capabilities of a process in a new user namespace
	mounts   unix.Errno            // to any mount
	copies   unix.Errno            // to any copy of one
	layers   bool                  // Landlock takes no further layer
	words    string                // what a file system says

	caps       uint64
	limits     map[int]uint64
	space      map[string]sys.Space
	denied     map[string]unix.Errno // of access(2), and for writing only
	unwritable map[string]unix.Errno
	quota      sys.Quota
	caller     func(*userns.Caller)
	inside     map[string][]UserNamespace // of processes
	noLandlock unix.Errno
	hungUp     bool
	uncapable  bool // in a user namespace
}

// healthy is a Debian on which alice of plantest.Ordinary can start everything.
func healthy() *world {
	w := &world{
		files: map[string]string{
			"proc/self/status":    "Name:\tprocjail\nUid:\t1001\t1001\t1001\t1001\nGid:\t1001\t1001\t1001\t1001\nNSpid:\t4242\nThreads:\t5\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n",
			"proc/self/uid_map":   "0 0 4294967295\n",
			"proc/self/gid_map":   "0 0 4294967295\n",
			"proc/self/setgroups": "allow\n",
			"proc/self/exe":       "->/usr/local/bin/procjail",
			"proc/self/cgroup":    "0::/user.slice/user-1001.slice/session-3.scope\n",
			"proc/self/mountinfo": "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" +
				"22 21 0:20 / /proc rw,nosuid - proc proc rw\n" +
				"23 21 0:21 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
			"proc/4242/status":    "Name:\tprocjail\nUid:\t1001\t1001\t1001\t1001\nThreads:\t5\n",
			"proc/4243/status":    "Name:\tbash\nUid:\t1001\t1001\t1001\t1001\nThreads:\t1\n",
			"proc/4243/comm":      "bash\n",
			"proc/1/status":       "Name:\tsystemd\nUid:\t0\t0\t0\t0\nThreads:\t1\n",
			"proc/loadavg":        "0.10 0.10 0.10 1/300 4243\n",
			"proc/meminfo":        "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\nSwapFree:        1000000 kB\nCommitLimit:     9000000 kB\nCommitted_AS:    1000000 kB\n",
			"proc/filesystems":    "nodev\tproc\nnodev\ttmpfs\nnodev\tdevpts\nnodev\tcgroup2\nnodev\toverlay\n\text4\n",
			"proc/key-users":      "    0: 60 59/60 52/1000000 1100/25000000\n 1001:     4 4/4 4/200 73/20000\n",
			"proc/locks":          "",
			"proc/sys/fs/file-nr": "1000\t0\t1000000\n", "proc/sys/fs/mount-max": "100000\n",
			"proc/sys/kernel/pid_max": "4194304\n", "proc/sys/kernel/threads-max": "120000\n",
			"proc/sys/kernel/unprivileged_userns_clone": "1\n",
			"proc/sys/kernel/pty/max":                   "4096\n", "proc/sys/kernel/pty/nr": "5\n", "proc/sys/kernel/pty/reserve": "1024\n",
			"proc/sys/kernel/seccomp/actions_avail": "kill_process kill_thread trap errno user_notif trace log allow\n",
			"proc/sys/net/ipv4/ip_forward":          "0\n", "proc/sys/vm/overcommit_memory": "0\n",
			"usr/local/bin/procjail": "\x7fELF", "usr/bin/id": elfProgram("/lib64/ld-linux-x86-64.so.2", 62),
			"usr/lib64/ld-linux-x86-64.so.2": "\x7fELF", "lib64": "->usr/lib64", "srv/id": elfProgram("/lib64/ld-linux-x86-64.so.2", 62) + strings.Repeat("x", 852), "sys/dev/block/8:0/dev": "8:0\n",
			"etc/ssl/.keep": "", "home/alice/state/upper/.keep": "", "home/alice/state/work/.keep": "", "srv/upper/.keep": "", "srv/work/.keep": "",
			"usr/bin/.keep": "", "etc/ld.so.cache": "", "etc/alternatives/.keep": "", "etc/localtime": "", "proc/sys/user/max_inotify_instances": "128\n",
			"proc/self/timens_offsets": "",
			"dev/null":                 "", "dev/zero": "", "dev/full": "", "dev/random": "", "dev/urandom": "", "dev/tty": "", "run/user/1001/systemd/private": "",
			"home/alice/src/.keep": "", "srv/shared/.keep": "", "srv/data.txt": "", "opt/.keep": "", "usr/share/.keep": "",
		},
		modes:  map[string]os.FileMode{"usr/bin/id": 0o755, "srv/id": 0o755},
		limits: map[int]uint64{unix.RLIMIT_NOFILE: 1024, unix.RLIMIT_NPROC: 31000, unix.RLIMIT_FSIZE: unix.RLIM_INFINITY, unix.RLIMIT_STACK: 8 << 20},
		space:  map[string]sys.Space{},
		denied: map[string]unix.Errno{}, unwritable: map[string]unix.Errno{},
	}
	for _, n := range []string{"0", "1", "2"} {
		w.files["proc/self/fd/"+n] = ""
	}
	for _, k := range kinds {
		w.files["proc/self/ns/"+k.link] = "->" + k.word + ":[4026531999]"
		w.files["proc/self/ns/"+k.word+":[4026531999]"] = ""
		w.files["proc/sys/user/max_"+k.word+"_namespaces"] = "63000\n"
	}
	w.files["proc/self/ns/user"] = "->user:[4026531837]"
	for dir, procs := range map[string]string{"": "1\n", "/user.slice": "", "/user.slice/user-1001.slice": "", "/user.slice/user-1001.slice/session-3.scope": "4242\n4243\n", delegated: ""} {
		for name, text := range map[string]string{
			"cgroup.procs": procs, "cgroup.controllers": "cpu memory pids io\n", "cgroup.subtree_control": "memory pids\n", "cgroup.type": "domain\n",
			"cgroup.max.descendants": "max\n", "cgroup.max.depth": "max\n", "cgroup.stat": "nr_descendants 3\nnr_dying_descendants 0\n",
			"pids.max": "5000\n", "pids.current": "40\n", "memory.max": "max\n", "memory.current": "1000000\n",
		} {
			w.files["sys/fs/cgroup"+dir+"/"+name] = text
		}
	}
	w.files["sys/fs/cgroup"+delegated+"/cgroup.subtree_control"] = "\n"
	return w
}

// delegated is a cgroup of alice's own, and jail what a plan makes in it.
const (
	delegated = "/alice"
	leaf      = "/procjail-4242-abc"
)

// elfProgram is an ELF file for a machine, with an interpreter.
func elfProgram(interp string, machine byte) string {
	b := make([]byte, 120, 120+len(interp)+1)
	copy(b, "\x7fELF\x02\x01\x01")
	b[18], b[32], b[54], b[56] = machine, 64, 56, 1
	b[64], b[64+8], b[64+32] = 3, 120, byte(len(interp)+1)
	return string(b) + interp + "\x00"
}

// status changes a field of /proc/self/status.
func (w *world) status(field, value string) {
	var out strings.Builder
	for line := range strings.Lines(w.files["proc/self/status"]) {
		if strings.HasPrefix(line, field+":") {
			line = field + ":\t" + value + "\n"
		}
		out.WriteString(line)
	}
	w.files["proc/self/status"] = out.String()
}

// process is one in these user namespaces, the last of which has the first one
// for its parent.
func (w *world) process(pid, uid string, threads int, in ...UserNamespace) {
	w.files["proc/"+pid+"/status"] = fmt.Sprintf("Name:\tsleep\nUid:\t%s\t%[1]s\t%[1]s\t%[1]s\nThreads:\t%d\n", uid, threads)
	w.files["proc/"+pid+"/ns/user"] = "->" + in[0].Link
	w.inside = map[string][]UserNamespace{pid: append(in, UserNamespace{"user:[4026531837]", 0})}
}

// kills is what a filter answers that ends whoever calls.
const kills = unix.Errno(9999)

// filtered puts a seccomp filter around, which refuses these calls.
func (w *world) filtered(errno unix.Errno, calls ...uint64) {
	w.status("Seccomp", "2")
	w.filter = map[uint64]unix.Errno{}
	for _, nr := range calls {
		w.filter[nr] = errno
	}
}

// nested puts procjail into a user namespace.
func (w *world) nested() {
	w.files["proc/self/ns/user"] = "->user:[4026532999]"
	w.files["proc/self/uid_map"], w.files["proc/self/gid_map"] = "0 1001 1\n1 100000 65536\n", "0 1001 1\n1 100000 65536\n"
}

// system writes the tree and gives the answers.
func (w *world) system(t *testing.T) *System {
	t.Helper()
	root := t.TempDir()
	for name, text := range w.files {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if to, ok := strings.CutPrefix(text, "->"); ok {
			if err := os.Symlink(to, at); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range w.modes {
		if err := os.Chmod(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	return &System{
		Root: root,
		Space: func(path string) (sys.Space, error) {
			for at := path; ; at = filepath.Dir(at) {
				if s, ok := w.space[at]; ok {
					return s, nil
				}
				if at == "/" {
					return sys.Space{Type: unix.EXT4_SUPER_MAGIC, Blocks: 1 << 30, Free: 1 << 29, Files: 1000, Left: 500}, nil
				}
			}
		},
		Access: func(path string, mode uint32) error {
			if e := w.denied[path]; e != 0 {
				return e
			}
			if e := w.unwritable[path]; e != 0 && mode&unix.W_OK != 0 {
				return e
			}
			return sys.Access(filepath.Join(root, path), unix.F_OK)
		},
		Limit:   func(resource int) (uint64, error) { return w.limits[resource], nil },
		Capable: func() uint64 { return w.caps },
		Quota: func(string, uint32) (sys.Quota, error) {
			if w.quota == (sys.Quota{}) {
				return w.quota, unix.ESRCH
			}
			return w.quota, nil
		},
		Clone3: func() unix.Errno {
			if e := w.filter[unix.SYS_CLONE3]; e != 0 {
				return e
			}
			return unix.EINVAL
		},
		Landlock: func() (int, unix.Errno) {
			if e := w.filter[unix.SYS_LANDLOCK_CREATE_RULESET]; e != 0 {
				return 0, e
			}
			if w.noLandlock != 0 {
				return 0, w.noLandlock
			}
			return 6, 0
		},
		Terminal: func(int) error {
			if w.hungUp {
				return unix.EIO
			}
			return nil
		},
		Caller: func(uid, gid uint32) userns.Caller {
			c := plantest.Ordinary().Caller
			if w.caller != nil {
				w.caller(&c)
			}
			return c
		},
		UserNS: func(pid string) []UserNamespace { return w.inside[pid] },
		Try:    func(t Trial) Tried { return w.try(root, t) },
	}
}

// try is the kernel.
func (w *world) try(root string, t Trial) Tried {
	if e := w.filter[unix.SYS_CLONE3]; e != 0 {
		return Tried{Cloned: e}
	}
	switch {
	case t.Flags&unix.CLONE_NEWUSER != 0 && w.clone != 0:
		return Tried{Cloned: w.clone}
	case w.uncapable && t.Flags&unix.CLONE_NEWUSER != 0 && t.Flags != unix.CLONE_NEWUSER:
		return Tried{Cloned: unix.EPERM}
	case t.Flags&w.full != 0:
		return Tried{Cloned: unix.ENOSPC}
	}
	if t.Meanwhile != nil {
		t.Meanwhile(77777)
	}
	out := Tried{Made: true}
	for _, e := range t.Entries {
		n := int64(0)
		switch e.Step.(type) {
		case plan.MoveMount:
			n = -int64(w.mounts)
		case plan.OpenTree:
			n = -int64(w.copies)
		case plan.LandlockRestrictSelf:
			if w.layers {
				n = -int64(unix.E2BIG)
			}
		case plan.Read:
			n, out.Read = int64(len(w.words)), []byte(w.words)
		default:
			if e.Skip[0] != 0 && w.words != "" { // the step that failed
				n = -int64(e.Skip[0])
			}
		}
		out.Results = append(out.Results, n)
		if n < 0 && e.Skip[0] == 0 {
			out.Made = false
			return out
		}
	}
	if t.Call != nil && w.filter[t.Call[0]] == kills {
		return Tried{Killed: unix.SIGSYS}
	}
	if t.Call != nil {
		out.Result = w.call(t.Flags, *t.Call)
	}
	return out
}

// call is the answer to a call: the filter's, or for want of a capability, or
// what the kernel has against its arguments.
func (w *world) call(flags uint64, call [7]uint64) int64 {
	if e := w.filter[call[0]]; e != 0 {
		return -int64(e)
	}
	if _, ok := w.files["proc/key-users"]; !ok && call[0] == unix.SYS_KEYCTL {
		return -int64(unix.ENOSYS)
	}
	switch call[0] {
	case unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF:
		if w.noLandlock != 0 {
			return -int64(w.noLandlock)
		}
	}
	capable := flags&unix.CLONE_NEWUSER != 0 && !w.stripped
	if call == [7]uint64{unix.SYS_UNSHARE, unix.CLONE_NEWTIME} {
		if w.full&unix.CLONE_NEWTIME != 0 {
			return -int64(unix.ENOSPC)
		}
		return 0
	}
	for _, c := range controls {
		if call == [7]uint64(c[:7]) {
			if !capable {
				return -int64(unix.EPERM)
			}
			return -int64(c[7])
		}
	}
	for _, s := range Steps() {
		nr, q, ok := questionFor(s)
		if !ok || nr[0] != call[0] {
			continue
		}
		switch {
		case q.privileged && !capable:
			return -int64(unix.EPERM)
		case len(q.answers) > 0:
			return -int64(q.answers[0])
		}
		return 0
	}
	return -int64(unix.ENOSYS)
}

// conditions are what may be wrong with a host, by name. Each changes a healthy
// one.
var conditions = map[string]func(*world){
	"healthy": func(*world) {},

	"a filter that lets all through": func(w *world) { w.filtered(0) },
	"a filter against clone3, EPERM": func(w *world) { w.filtered(unix.EPERM, unix.SYS_CLONE3) },
	"docker": func(w *world) { // its default profile, and its masks
		w.filtered(unix.ENOSYS, unix.SYS_CLONE3)
		for _, nr := range []uint64{
			unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG,
			unix.SYS_FSMOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_MOUNT_SETATTR, unix.SYS_KEYCTL, unix.SYS_SETHOSTNAME,
		} {
			w.filter[nr] = unix.EPERM
		}
		maskProc(w)
		appArmor(w, "docker-default (enforce)")
		w.mounts = unix.EACCES
	},
	"a masked /proc": maskProc,
	"a filter that kills for mounts": func(w *world) {
		w.filtered(kills, unix.SYS_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_FSCONFIG)
	},
	"no CAP_SETUID in the bounding set": func(w *world) { w.status("CapBnd", "000001ffffffff7f") },
	"docker's bounding set": func(w *world) {
		w.status("CapBnd", "00000000a80425fb")
		w.files["usr/bin/newuidmap"], w.modes["usr/bin/newuidmap"] = "\x7fELF", 0o755|os.ModeSetuid
	},
	"docker's bounding set, and file capabilities": func(w *world) {
		w.status("CapBnd", "00000000a80425fb")
		w.files["usr/bin/newuidmap"], w.modes["usr/bin/newuidmap"] = "\x7fELF", 0o755
	},
	"no CAP_DAC_OVERRIDE in the bounding set": func(w *world) {
		w.status("CapBnd", "000001fffffffffd")
		w.files["usr/bin/newuidmap"], w.modes["usr/bin/newuidmap"] = "\x7fELF", 0o755|os.ModeSetuid
	},
	"a filter against mounts, EPERM": func(w *world) {
		w.filtered(unix.EPERM, unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_MOUNT_SETATTR, unix.SYS_PIVOT_ROOT, unix.SYS_UMOUNT2, unix.SYS_FSCONFIG)
	},
	"debian's sysctl": func(w *world) { w.files["proc/sys/kernel/unprivileged_userns_clone"] = "0\n" },
	"debian's sysctl, as root": func(w *world) {
		w.files["proc/sys/kernel/unprivileged_userns_clone"] = "0\n"
		w.status("Uid", "0\t0\t0\t0")
		w.caps = 1<<41 - 1
	},
	"no such sysctl":  func(w *world) { delete(w.files, "proc/sys/kernel/unprivileged_userns_clone") },
	"red hat's limit": func(w *world) { w.files["proc/sys/user/max_user_namespaces"] = "0\n"; w.full = unix.CLONE_NEWUSER },
	"ubuntu, no profile loaded": func(w *world) {
		appArmor(w, "unconfined")
		w.files["proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n"
		w.clone = unix.EACCES
	},
	"ubuntu, no profile loaded, EPERM": func(w *world) {
		appArmor(w, "unconfined")
		w.files["proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n"
		w.clone = unix.EPERM
	},
	"an apparmor profile without capabilities":   func(w *world) { appArmor(w, "nothing (enforce)"); w.uncapable = true },
	"no capabilities, for a reason nobody knows": func(w *world) { w.uncapable = true },
	"refused by nobody known":                    func(w *world) { w.clone = unix.EPERM },
	"ubuntu": func(w *world) {
		appArmor(w, "unconfined")
		w.files["proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n"
		w.files["proc/77777/attr/apparmor/current"] = "unprivileged_userns (enforce)\n"
		w.stripped = true
	},
	"ubuntu, restriction off": func(w *world) {
		appArmor(w, "unconfined")
		w.files["proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "0\n"
	},
	"ubuntu, complaining": func(w *world) {
		appArmor(w, "unconfined")
		w.files["proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n"
		w.files["proc/77777/attr/apparmor/current"] = "unprivileged_userns (complain)\n"
	},
	"ubuntu, with a profile": func(w *world) {
		appArmor(w, "procjail (unconfined)")
		w.files["proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n"
	},
	"a confining profile": func(w *world) {
		appArmor(w, "ci-runner (enforce)")
		w.clone, w.mounts = unix.EACCES, unix.EACCES
	},
	"a profile against mounts": func(w *world) {
		appArmor(w, "ci-runner (enforce)")
		w.mounts = unix.EACCES
	},
	"behind landlock": func(w *world) {
		w.mounts = unix.EPERM
		w.files["sys/kernel/security/lsm"] = "capability,landlock,yama\n"
	},
	"a profile that confines other things": func(w *world) { appArmor(w, "ci-runner (enforce)") },
	"capabilities taken by nobody known":   func(w *world) { w.stripped = true },
	"a chroot": func(w *world) {
		w.files["proc/self/mountinfo"] = strings.Replace(w.files["proc/self/mountinfo"], " / / ", " /srv /gone ", 1)
	},
	"an unmapped id": func(w *world) {
		w.nested()
		w.status("Uid", "65534\t65534\t65534\t65534")
		w.files["proc/self/uid_map"] = ""
	},
	"an unmapped group": func(w *world) {
		w.nested()
		w.status("Gid", "70000\t70000\t70000\t70000")
		w.status("Uid", "0\t0\t0\t0")
	},
	"nested":               func(w *world) { w.nested(); w.status("Uid", "0\t0\t0\t0"); w.status("Gid", "0\t0\t0\t0") },
	"no more network here": func(w *world) { w.full = unix.CLONE_NEWNET; w.files["proc/sys/user/max_net_namespaces"] = "10\n" },
	"no more user here":    func(w *world) { w.full = unix.CLONE_NEWUSER },
	"no more mnt above":    func(w *world) { w.nested(); w.full = unix.CLONE_NEWNS },
	"no more time here":    func(w *world) { w.full = unix.CLONE_NEWTIME },
	"nested too deep":      func(w *world) { w.nested(); w.full = unix.CLONE_NEWUSER },
	"pids nested too deep": func(w *world) { w.status("NSpid", strings.Repeat("1\t", 32)+"1"); w.full = unix.CLONE_NEWPID },
	"no time namespaces":   func(w *world) { delete(w.files, "proc/self/ns/time_for_children") },
	"too many processes":   func(w *world) { w.limits[unix.RLIMIT_NPROC] = 6 },
	"too many in a namespace of the caller's": func(w *world) {
		w.limits[unix.RLIMIT_NPROC] = 20
		w.process("5000", "100000", 20, UserNamespace{"user:[4026532001]", 100000}, UserNamespace{"user:[4026532000]", 1001})
	},
	"as many in a namespace of somebody's": func(w *world) {
		w.limits[unix.RLIMIT_NPROC] = 20
		w.process("5000", "1001", 20, UserNamespace{"user:[4026532000]", 1002})
	},
	"root, many processes": func(w *world) { w.limits[unix.RLIMIT_NPROC] = 1; w.status("Uid", "0\t0\t0\t0") },
	"pids.max above":       func(w *world) { w.files["sys/fs/cgroup/user.slice/pids.max"] = "40\n" },
	"pids.max of v1": func(w *world) {
		w.files["proc/self/cgroup"] += "5:pids:/docker/x\n"
		w.files["proc/self/mountinfo"] += "40 21 0:30 /docker/x /sys/fs/cgroup-pids rw - cgroup cgroup rw,pids\n"
		w.files["sys/fs/cgroup-pids/pids.max"], w.files["sys/fs/cgroup-pids/pids.current"] = "16\n", "16\n"
	},
	"threads-max": func(w *world) { w.files["proc/sys/kernel/threads-max"] = "300\n" },
	"pid_max": func(w *world) {
		w.files["proc/sys/kernel/pid_max"] = "305\n"
		for _, tid := range []string{"4242", "5001", "5002", "5003", "5004"} {
			w.files["proc/4242/task/"+tid+"/comm"] = ""
		}
	},
	"one process id left": func(w *world) {
		w.files["proc/sys/kernel/pid_max"] = "305\n"
		for _, tid := range []string{"4242", "5001", "5002", "299", "298"} {
			w.files["proc/4242/task/"+tid+"/comm"] = ""
		}
	},

	"no subordinate ids": func(w *world) { w.caller = func(c *userns.Caller) { c.SubUIDs.Ranges = nil } },
	"no name":            func(w *world) { w.caller = func(c *userns.Caller) { c.SubUIDs.Ranges, c.Login = nil, nil } },
	"ids that are not here": func(w *world) {
		w.caller = func(c *userns.Caller) { c.UIDMap = userns.Map{{Inside: 0, Outside: 1001, Count: 2000}} }
	},
	"a broken line": func(w *world) {
		w.caller = func(c *userns.Caller) {
			c.SubUIDs.Ranges, c.SubUIDs.Err = nil, &userns.LineError{File: "/etc/subuid", Line: 1, Text: "alice:x:1", Reason: "first id is no number"}
		}
	},
	"no newuidmap":              func(w *world) { w.caller = func(c *userns.Caller) { c.NewUIDMap = userns.Helper{} } },
	"newuidmap on nosuid":       func(w *world) { w.caller = func(c *userns.Caller) { c.NewUIDMap.NoSuid = true } },
	"newuidmap without its bit": func(w *world) { w.caller = func(c *userns.Caller) { c.NewUIDMap.Setuid = false } },
	"no_new_privs":              func(w *world) { w.status("NoNewPrivs", "1") },
	"another group":             func(w *world) { w.caller = func(c *userns.Caller) { c.Login.GID = 100 } },

	"no /proc": func(w *world) {
		for name := range maps.Clone(w.files) {
			if strings.HasPrefix(name, "proc/") {
				delete(w.files, name)
			}
		}
	},
	"a read-only /proc": func(w *world) {
		w.space["/proc"] = sys.Space{Flags: unix.ST_RDONLY}
		w.files["proc/self/mountinfo"] = strings.Replace(w.files["proc/self/mountinfo"], "/proc rw", "/proc ro", 1)
	},
	"part of a proc": func(w *world) {
		w.files["proc/self/mountinfo"] = strings.Replace(w.files["proc/self/mountinfo"], "/ /proc", "/4242 /proc", 1)
	},
	"two procs, one masked": func(w *world) {
		maskProc(w)
		w.files["proc/self/mountinfo"] += "50 21 0:20 / /mnt/proc rw - proc proc rw\n"
	},
	"binfmt_misc": func(w *world) {
		w.files["proc/self/mountinfo"] += "51 22 0:40 / /proc/sys/fs/binfmt_misc rw - binfmt_misc binfmt_misc rw\n"
	},
	"a procjail that nobody may read": func(w *world) { w.denied["/usr/local/bin/procjail"] = unix.EACCES },
	"few mounts":                      func(w *world) { w.files["proc/sys/fs/mount-max"] = "20\n" },
	"an unbindable /opt": func(w *world) {
		w.files["proc/self/mountinfo"] += "60 21 8:2 / /opt rw unbindable - ext4 /dev/sda2 rw\n"
		w.copies = unix.EINVAL
	},
	"an unbindable /opt/disk": func(w *world) {
		w.files["proc/self/mountinfo"] += "60 21 8:2 / /opt/disk rw unbindable - ext4 /dev/sda2 rw\n"
		w.copies = unix.EPERM
	},
	"an unbindable /opt/disk since Linux 6.17": func(w *world) {
		w.files["proc/self/mountinfo"] += "60 21 8:2 / /opt/disk rw unbindable - ext4 /dev/sda2 rw\n"
	},
	"an unbindable /opt since Linux 6.17": func(w *world) {
		w.files["proc/self/mountinfo"] += "60 21 8:2 / /opt rw unbindable - ext4 /dev/sda2 rw\n"
	},
	"no overlay":           func(w *world) { w.files["proc/filesystems"] = "nodev\tproc\nnodev\ttmpfs\n" },
	"/opt is gone":         func(w *world) { delete(w.files, "opt/.keep") },
	"/opt is a file":       func(w *world) { delete(w.files, "opt/.keep"); w.files["opt"] = "" },
	"/opt is closed":       func(w *world) { w.denied["/opt"] = unix.EACCES },
	"/opt is a loop":       func(w *world) { delete(w.files, "opt/.keep"); w.files["opt"] = "->opt" },
	"the state on overlay": func(w *world) { w.space["/home/alice"] = sys.Space{Type: unix.OVERLAYFS_SUPER_MAGIC} },
	"the state on nfs":     func(w *world) { w.space["/home/alice"] = sys.Space{Type: unix.NFS_SUPER_MAGIC} },
	"the state is a file": func(w *world) {
		maps.DeleteFunc(w.files, func(name, _ string) bool { return strings.HasPrefix(name, "home/alice/state/") })
		w.files["home/alice/state"] = ""
	},
	"the state on proc": func(w *world) { w.space["/home/alice"] = sys.Space{Type: unix.PROC_SUPER_MAGIC} },
	"a mount in /srv/shared": func(w *world) {
		w.files["proc/self/mountinfo"] += "61 21 8:3 / /srv/shared/disk rw - ext4 /dev/sda3 rw\n"
	},
	"a file system speaks": func(w *world) { w.words = "e overlay: filesystem on /x is case-insensitive\n" },
	"a full disk":          func(w *world) { w.space["/home/alice"] = sys.Space{Blocks: 1 << 30, Files: 100, Left: 50} },
	"no inodes":            func(w *world) { w.space["/home/alice"] = sys.Space{Blocks: 1 << 30, Free: 1 << 20, Files: 100} },
	"a read-only disk": func(w *world) {
		w.space["/home/alice"] = sys.Space{Blocks: 1 << 30, Free: 1 << 20, Flags: unix.ST_RDONLY}
	},
	"somebody else's home":  func(w *world) { w.unwritable["/home/alice/state"] = unix.EACCES },
	"a quota of space":      func(w *world) { w.quota = sys.Quota{SpaceLimit: 1 << 20, Space: 1 << 20} },
	"a quota of inodes":     func(w *world) { w.quota = sys.Quota{FilesLimit: 10, Files: 10} },
	"a quota that is far":   func(w *world) { w.quota = sys.Quota{SpaceLimit: 1 << 30, Space: 1 << 20, FilesLimit: 10, Files: 5} },
	"a small file size":     func(w *world) { w.limits[unix.RLIMIT_FSIZE] = 4 },
	"the program has grown": func(w *world) { w.files["srv/id"] += "more" },
	"few descriptors":       func(w *world) { w.limits[unix.RLIMIT_NOFILE] = 3 },
	"many open files":       func(w *world) { w.files["proc/sys/fs/file-nr"] = "999990\t0\t1000000\n" },
	"memory.max":            func(w *world) { w.files["sys/fs/cgroup/user.slice/memory.max"] = "1000000\n" },
	"memory of v1": func(w *world) {
		w.files["proc/self/cgroup"] += "4:memory:/docker/x\n"
		w.files["proc/self/mountinfo"] += "41 21 0:31 /docker/x /sys/fs/cgroup-memory rw - cgroup cgroup rw,memory\n"
		w.files["sys/fs/cgroup-memory/memory.limit_in_bytes"], w.files["sys/fs/cgroup-memory/memory.usage_in_bytes"] = "2000000\n", "1999999\n"
	},
	"no overcommit": func(w *world) {
		w.files["proc/sys/vm/overcommit_memory"] = "2\n"
		w.files["proc/meminfo"] = strings.Replace(w.files["proc/meminfo"], "Committed_AS:    1000000", "Committed_AS:    8999999", 1)
	},
	"no memory": func(w *world) {
		w.files["proc/meminfo"] = "MemTotal:       16000000 kB\nMemAvailable:       5000 kB\nSwapFree:              0 kB\n"
	},

	"setgroups denied":                    func(w *world) { w.files["proc/self/setgroups"] = "deny\n" },
	"many keys":                           func(w *world) { w.files["proc/key-users"] = " 1001:     200 200/200 200/200 730/20000\n" },
	"many bytes of keys":                  func(w *world) { w.files["proc/key-users"] = " 1001:     20 20/20 20/200 19997/20000\n" },
	"no keyrings":                         func(w *world) { delete(w.files, "proc/key-users") },
	"16 layers":                           func(w *world) { w.layers = true },
	"no landlock":                         func(w *world) { w.noLandlock = unix.EOPNOTSUPP },
	"landlock is not built":               func(w *world) { w.noLandlock = unix.ENOSYS },
	"landlock is not built, and a filter": func(w *world) { w.noLandlock = unix.ENOSYS; w.filtered(0) },
	"a filter against landlock, ENOSYS": func(w *world) {
		w.filtered(unix.ENOSYS, unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF)
		w.files["sys/kernel/security/lsm"] = "capability,landlock,yama"
	},
	"a filter against landlock, ENOSYS, and no securityfs": func(w *world) {
		w.filtered(unix.ENOSYS, unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF)
	},
	"a filter against keyctl, ENOSYS": func(w *world) { w.filtered(unix.ENOSYS, unix.SYS_KEYCTL) },
	"a filter against keyctl, ENOSYS, and a /proc of processes only": func(w *world) {
		w.filtered(unix.ENOSYS, unix.SYS_KEYCTL)
		maps.DeleteFunc(w.files, func(name, _ string) bool {
			return strings.HasPrefix(name, "proc/sys/") || name == "proc/key-users"
		})
	},
	"no keyrings, and a filter":   func(w *world) { delete(w.files, "proc/key-users"); w.filtered(0) },
	"no seccomp":                  func(w *world) { delete(w.files, "proc/sys/kernel/seccomp/actions_avail") },
	"16000 outer filters":         func(w *world) { w.filtered(0); w.status("Seccomp_filters", "16000") },
	"no ipv4":                     func(w *world) { delete(w.files, "proc/sys/net/ipv4/ip_forward") },
	"many terminals":              func(w *world) { w.files["proc/sys/kernel/pty/nr"] = "3071\n" },
	"a pty.max below its reserve": func(w *world) { w.files["proc/sys/kernel/pty/max"] = "1\n" },
	"a terminal hung up":          func(w *world) { w.hungUp = true },
	"no CAP_SETFCAP":              func(w *world) { w.caps = (1<<41 - 1) &^ (1 << 31) },

	"too many cgroups":    func(w *world) { w.files["sys/fs/cgroup"+delegated+"/cgroup.max.descendants"] = "3\n" },
	"cgroups too deep":    func(w *world) { w.files["sys/fs/cgroup"+delegated+"/cgroup.max.depth"] = "0\n" },
	"root's cgroup.procs": func(w *world) { w.unwritable["/sys/fs/cgroup"+delegated+"/cgroup.procs"] = unix.EACCES },
	"read-only cgroups":   func(w *world) { w.space["/sys/fs/cgroup"] = sys.Space{Flags: unix.ST_RDONLY} },
	"a threaded cgroup": func(w *world) {
		w.files["sys/fs/cgroup"+delegated+"/cgroup.type"] = "threaded\n"
		w.files["sys/fs/cgroup"+delegated+leaf+"/cgroup.type"] = "domain invalid\n"
	},
	"controllers in the leaf": func(w *world) {
		w.files["sys/fs/cgroup"+delegated+leaf+"/cgroup.subtree_control"] = "memory\n"
		w.files["sys/fs/cgroup"+delegated+"/procjail.callers/cgroup.subtree_control"] = "memory\n"
	},
	"no memory controller": func(w *world) {
		w.files["sys/fs/cgroup"+delegated+"/cgroup.controllers"] = "cpu pids io\n"
		w.files["sys/fs/cgroup"+delegated+leaf+"/cgroup.controllers"] = "cpu pids io\n"
	},
	"somebody in the cgroup": func(w *world) { w.files["sys/fs/cgroup"+delegated+"/cgroup.procs"] = "4711\n" },
	"a lock":                 func(w *world) { w.files["proc/locks"] = "1: FLOCK  ADVISORY  WRITE 4711 00:15:INODE 0 EOF\n" },
	"systemd is gone":        func(w *world) { delete(w.files, "run/user/1001/systemd/private") },
	"systemd is another's":   func(w *world) { w.denied["/run/user/1001/systemd/private"] = unix.EACCES },
	"in the scope":           func(w *world) { w.files["proc/self/cgroup"] = "0::/user.slice/procjail-4242-abc.scope\n" },
	"in the scope, and it shows": func(w *world) {
		w.files["proc/self/cgroup"] = "0::/user.slice/procjail-4242-abc.scope\n"
		w.files["sys/fs/cgroup/user.slice/procjail-4242-abc.scope/cgroup.procs"] = "4242\n"
	},

	"id is gone":               func(w *world) { delete(w.files, "usr/bin/id"); delete(w.modes, "usr/bin/id") },
	"no loader":                func(w *world) { delete(w.files, "usr/lib64/ld-linux-x86-64.so.2") },
	"id is a directory":        func(w *world) { delete(w.files, "usr/bin/id"); w.files["usr/bin/id/x"] = "" },
	"id is mode 0644":          func(w *world) { w.modes["usr/bin/id"] = 0o644 },
	"id is mode 0700":          func(w *world) { w.modes["usr/bin/id"] = 0o700 },
	"noexec":                   func(w *world) { w.space["/usr/bin"] = sys.Space{Flags: unix.ST_NOEXEC} },
	"id is for AArch64":        func(w *world) { w.files["usr/bin/id"] = elfProgram("/lib64/ld-linux-x86-64.so.2", 183) },
	"id is text":               func(w *world) { w.files["usr/bin/id"] = "hello\n" },
	"id is a script of DOS":    func(w *world) { w.files["usr/bin/id"] = "#!/usr/lib64/ld-linux-x86-64.so.2\r\n" },
	"id is a script, relative": func(w *world) { w.files["usr/bin/id"] = "#!sh\n" },
	"id is a script of /srv":   func(w *world) { w.files["usr/bin/id"] = "#!/srv/id\n" },
	"id is a script":           func(w *world) { w.files["usr/bin/id"] = "#!/nonexistent\n" },
	"id is being written": func(w *world) {
		w.files["proc/4243/fd/7"], w.files["proc/4243/fdinfo/7"] = "=usr/bin/id", "pos:\t0\nflags:\t0100002\n"
	},
	"id is being read": func(w *world) {
		w.files["proc/4243/fd/7"], w.files["proc/4243/fdinfo/7"] = "=usr/bin/id", "pos:\t0\nflags:\t0100000\n"
	},
	"no /srv/id":           func(w *world) { delete(w.files, "srv/id"); delete(w.modes, "srv/id") },
	"/usr/share is gone":   func(w *world) { delete(w.files, "usr/share/.keep") },
	"/usr/share is a link": func(w *world) { delete(w.files, "usr/share/.keep"); w.files["usr/share"] = "->../opt" },
	"/etc is a file": func(w *world) {
		for name := range maps.Clone(w.files) {
			if strings.HasPrefix(name, "etc/") {
				delete(w.files, name)
			}
		}
		w.files["etc"] = ""
	},
	"/usr is closed":      func(w *world) { w.denied["/usr"] = unix.EACCES },
	"/etc is closed":      func(w *world) { w.denied["/etc"] = unix.EACCES },
	"/srv/shared is 0700": func(w *world) { w.modes["srv/shared"] = 0o700 },
	"/srv/shared is gone": func(w *world) { delete(w.files, "srv/shared/.keep") },
	"no disk 8:0":         func(w *world) { delete(w.files, "sys/dev/block/8:0/dev") },
	"a small stack":       func(w *world) { w.limits[unix.RLIMIT_STACK] = 64 << 10 },
}

// maskProc covers what Docker covers.
func maskProc(w *world) {
	w.files["proc/self/mountinfo"] += "30 22 0:20 /bus /proc/bus ro - proc proc rw\n31 22 0:22 / /proc/acpi ro - tmpfs tmpfs ro\n"
}

func appArmor(w *world, label string) {
	w.files["sys/module/apparmor/parameters/enabled"] = "Y\n"
	w.files["proc/self/attr/apparmor/current"] = label + "\n"
	w.files["proc/77777/attr/apparmor/current"] = label + "\n"
}

// settle does what can be done only when the files are there: hard links, and
// the numbers of inodes.
func settle(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, "proc"), func(name string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(name)
		if to, ok := strings.CutPrefix(string(text), "="); ok && err == nil {
			if err := os.Remove(name); err != nil {
				return err
			}
			return os.Link(filepath.Join(root, to), name)
		}
		if strings.Contains(string(text), ":INODE") {
			st, err := sys.StatPath(filepath.Join(root, "sys/fs/cgroup"+delegated))
			if err != nil {
				return err
			}
			return os.WriteFile(name, []byte(strings.Replace(string(text), "INODE", fmt.Sprint(st.Ino), 1)), 0o644)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
