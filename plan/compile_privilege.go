package plan

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// dropPrivileges takes from init, and so from the payload, every privilege
// that building needed. The order is the kernel's: what each call needs must
// still be there (capabilities(7)).
func (c *compiler) dropPrivileges() error {
	for _, n := range caps.Drop(c.keep, c.host.LastCap) { // needs CAP_SETPCAP
		c.add(Prctl{prCapbset, Name{uint64(n), caps.Cap(n).String()}})
	}
	bits := caps.Locked
	if c.keep != 0 { // the ambient set is how a kept capability survives execve
		bits &^= caps.SecbitNoCapAmbientRaise | caps.SecbitNoCapAmbientRaiseLocked
	}
	c.add(Prctl{prSecurebits, Name{uint64(bits), bits.String()}})
	if c.id.Setgroups {
		c.add(Setgroups{})
	}
	if c.id.BuildGID != c.id.PayloadGID || c.id.Method != userns.WriteSelf {
		c.add(Setresgid{c.id.PayloadGID})
	}
	if c.id.BuildUID != c.id.PayloadUID || c.id.Method != userns.WriteSelf {
		c.add(Setresuid{c.id.PayloadUID})
		c.tie() // setresuid has cleared it
	}
	c.add(Capset{c.keep})
	for _, n := range c.keep.Caps() {
		c.add(AmbientRaise{n})
	}
	c.add(JoinSessionKeyring{})
	c.add(Prctl{prNoNewPrivs, Name{1, "1"}})
	return nil
}

// counts lowers what namespaces(7) lets the jail's user namespace have of
// things that are counted against the caller too (/proc/sys/user). They are
// written in the old /proc, whose files are those of the writer's namespace.
// A container may show that read-only: then the filter alone refuses a
// namespace, and the caller's own limit is the jail's.
func (c *compiler) counts() error {
	// A service's protection from the kernel's out-of-memory killer is not the
	// payload's. To raise the score takes no privilege.
	if c.host.OOMScore < 0 {
		c.write("/proc/self/oom_score_adj", "0")
	}
	c.from = c.spec.at("limits")
	for _, l := range []struct {
		file string
		n    uint64
	}{
		{"max_user_namespaces", c.spec.Limits.UserNS},
		{"max_inotify_instances", c.spec.Limits.Inotify},
	} {
		if l.n == profiles.Unlimited {
			continue
		}
		data := itoa(int64(min(l.n, 1<<31-1)))
		c.write("/proc/sys/user/"+l.file, data)
		c.plan.Entries[len(c.plan.Entries)-3].Skip = [2]Errno{Errno(unix.EROFS), Errno(unix.ENOENT)}
	}
	c.from = ""
	return nil
}

// limits are those that a process carries itself.
func (c *compiler) limits() error {
	l := c.spec.Limits
	c.from = c.spec.at("limits")
	for _, r := range []struct {
		name Name
		n    uint64
	}{
		// 0 keeps no core from a program that core_pattern pipes it to, which
		// runs as the host's root; 1 does (core(5), fs/coredump.c).
		{Name{unix.RLIMIT_CORE, "RLIMIT_CORE"}, min(max(l.Core, 1), c.host.Core)},
		{Name{unix.RLIMIT_NOFILE, "RLIMIT_NOFILE"}, min(l.Nofile, c.host.Nofile)},
		// Counted in each user namespace on its own since Linux 5.14, and so
		// a limit of this jail (getrlimit(2), kernel/ucount.c). Not beside
		// pids.max, which counts what it refused.
		{Name{unix.RLIMIT_NPROC, "RLIMIT_NPROC"}, c.pidsByRlimit()},
		{Name{unix.RLIMIT_FSIZE, "RLIMIT_FSIZE"}, l.FileSize},
		{Name{unix.RLIMIT_CPU, "RLIMIT_CPU"}, l.CPUTime},
		// What the caller was given for its own use: audio groups have 95.
		{Name{unix.RLIMIT_NICE, "RLIMIT_NICE"}, 0},
		{Name{unix.RLIMIT_RTPRIO, "RLIMIT_RTPRIO"}, 0},
		// What a process may write to of its own (brk, private mappings, since
		// Linux 4.7), where no cgroup limits the memory of them all. Not
		// RLIMIT_AS: Go, node and Java reserve far more than they use.
		{Name{unix.RLIMIT_DATA, "RLIMIT_DATA"}, c.dataLimit()},
	} {
		if r.n != profiles.Unlimited {
			hard := r.n
			if r.name.Bits == unix.RLIMIT_CPU {
				hard++ // SIGXCPU comes at the soft limit, SIGKILL at the hard one
			}
			c.add(Prlimit{r.name, r.n, hard})
		}
	}
	c.from = ""
	return nil
}

// landlock adds a second wall around the view (landlock(7)): nothing is
// written but beneath the writable mounts, and a standard stream that the
// caller opened for reading cannot be opened again for writing through
// /proc/self/fd. ABI 1 is passed over, since it refuses every rename between
// directories.
func (c *compiler) landlock() error {
	if !c.spec.Landlock || c.host.Landlock < 2 {
		return nil
	}
	c.from = c.spec.at("landlock")
	abi := c.host.Landlock
	all := uint64(1<<14 - 1) // up to REFER, since ABI 2
	var scoped uint64
	if abi >= 3 {
		all |= landlockCut
	}
	if abi >= 5 {
		all |= landlockDevice
	}
	if abi >= 6 {
		scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	rules := c.get(LandlockCreateRuleset{FS: all, Scoped: scoped})
	beneath := func(p string, access uint64) {
		fd := c.get(Openat{Dir: AtFDCWD, Path: p, Flags: unix.O_PATH | unix.O_CLOEXEC})
		c.add(LandlockAddRule{rules, access, fd})
	}
	beneath("/", landlockExecute|landlockRead|unix.LANDLOCK_ACCESS_FS_READ_DIR)
	const onFile = landlockExecute | landlockRead | landlockWrite | landlockCut | landlockDevice
	for _, w := range c.writable {
		access := all
		if c.isFile(w) {
			access &= onFile
		}
		beneath(w, access)
	}
	for i, s := range c.host.Stdio {
		if !s.Open || s.Kind != Regular && s.Kind != Device {
			continue // a pipe or a socket has no path that a rule could name
		}
		var access uint64
		if s.Read {
			access |= landlockRead
		}
		if s.Write {
			access |= (landlockWrite | landlockCut) & all
		}
		if s.Kind == Device {
			access |= landlockDevice & all
		}
		c.add(LandlockAddRule{rules, access, FD(i)}).Skip = [2]Errno{Errno(unix.EBADFD)}
	}
	c.add(LandlockRestrictSelf{rules})
	c.from = ""
	return nil
}

func (c *compiler) isFile(dest string) bool {
	s, err := c.view.walk(dest)
	return err == nil && s.node != nil && !s.node.isDir()
}

// copyMax bounds what is copied into the jail, which takes memory.
const copyMax = 4 << 30
