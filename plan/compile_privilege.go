package plan

import (
	"errors"
	"path"
	"strconv"
	"strings"

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
		{Name{unix.RLIMIT_CORE, "RLIMIT_CORE"}, max(l.Core, 1)},
		{Name{unix.RLIMIT_NOFILE, "RLIMIT_NOFILE"}, min(l.Nofile, c.host.Nofile)},
		// Counted in each user namespace on its own since Linux 5.14, and so
		// a limit of this jail (getrlimit(2), kernel/ucount.c).
		{Name{unix.RLIMIT_NPROC, "RLIMIT_NPROC"}, min(l.Pids, c.host.Nproc)},
		{Name{unix.RLIMIT_FSIZE, "RLIMIT_FSIZE"}, l.FileSize},
		{Name{unix.RLIMIT_CPU, "RLIMIT_CPU"}, l.CPUTime},
		// What the caller was given for its own use: audio groups have 95.
		{Name{unix.RLIMIT_NICE, "RLIMIT_NICE"}, 0},
		{Name{unix.RLIMIT_RTPRIO, "RLIMIT_RTPRIO"}, 0},
	} {
		if r.n != profiles.Unlimited {
			c.add(Prlimit{r.name, r.n, r.n})
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

// program decides where the command is found inside and how it comes there.
func (c *compiler) program() error {
	p, argv := c.host.Program, c.spec.Argv
	if len(argv) == 0 || argv[0] == "" {
		return refuse("no command", "nothing to run", "procjail [options] COMMAND [ARG...]")
	}
	if c.spec.Rootfs != "" {
		return c.inRootfs(argv[0])
	}
	what := "command " + quote(argv[0])
	switch {
	case p.Path == "" || p.Err == Errno(unix.ENOENT) || p.Err == Errno(unix.ENOTDIR):
		return &Refusal{What: what, Cause: "not found", Remedy: notFoundRemedy(argv[0]), Exit: 127}
	case p.Err != 0:
		return &Refusal{What: what, Cause: p.Err.String() + " from stat on the host", Remedy: sourceRemedy(p.Err), Exit: 126}
	case p.Kind != Regular:
		return &Refusal{What: what, Cause: "it is " + p.Kind.String(), Remedy: "name a program", Exit: 126}
	case p.Mode&0o111 == 0:
		return &Refusal{What: what, Cause: "it is not executable (mode " + modeText(p.Mode) + ")", Remedy: "chmod +x " + p.Path, Exit: 126}
	}
	c.command.paths = []string{p.Path}
	public := c.id.ID == userns.Self || p.Mode&0o005 == 0o005
	if public || !p.Readable {
		c.command.bind = true
		return nil
	}
	if p.Size > copyMax {
		return &Refusal{
			What: what, Cause: "its mode " + modeText(p.Mode) + " keeps the payload's own id from it, and " + sizeText(uint64(p.Size)) + " are too much to copy",
			Remedy: "chmod o+rx " + p.Path + ", or --id self", Exit: 126,
		}
	}
	c.command.copy = true
	return nil
}

// copyMax bounds what is copied into the jail, which takes memory.
const copyMax = 4 << 30

func notFoundRemedy(name string) string {
	if strings.Contains(name, "/") {
		return "check the path"
	}
	return "install it, or name its path"
}

// inRootfs leaves the search to the kernel: what the tree holds is not known.
func (c *compiler) inRootfs(name string) error {
	if strings.Contains(name, "/") {
		c.command.paths = []string{expand(name, c.home, "/")}
		return nil
	}
	for _, kv := range c.environment() {
		if dirs, ok := strings.CutPrefix(kv, "PATH="); ok {
			for dir := range strings.SplitSeq(dirs, ":") {
				if path.IsAbs(dir) {
					c.command.paths = append(c.command.paths, path.Join(dir, name))
				}
			}
		}
	}
	if len(c.command.paths) == 0 {
		return &Refusal{What: "command " + quote(name), Cause: "the PATH inside is empty", Remedy: "name its path inside", Exit: 127}
	}
	return nil
}

// handIn puts the program into the view if no mount shows it there: bound
// where the payload may read it, otherwise copied, since a payload with an id
// of its own could not run a file that only its owner may.
func (c *compiler) handIn() error {
	if c.spec.Rootfs != "" {
		return nil
	}
	p := c.host.Program
	c.from = "command"
	defer func() { c.from = "" }()
	s, err := c.view.walk(p.Path)
	if err != nil {
		return err
	}
	shown := s.tree
	if s.node != nil && s.node.kind == leafNode {
		shown = s.node.host
	}
	if shown == p.Path || shown == p.Entry {
		return nil // some mount shows it where it is on the host
	}
	if !c.command.copy {
		at, err := c.mountPoint(p.Path, false)
		if err != nil {
			return err
		}
		fd := c.copyTree(OpenTree{Dir: AtFDCWD, Path: p.Path}, MountSetattr{Set: attrRO})
		c.attach(fd, at, false, p.Path)
		return nil
	}
	out, err := c.create(p.Path, 0o555)
	if err != nil {
		return err
	}
	// One call moves at most 0x7ffff000 bytes (sendfile(2)).
	for left := p.Size; left > 0; {
		n := min(left, 0x7ffff000)
		c.add(Sendfile{out, c.content, n}).Want = n
		left -= n
	}
	c.add(Close{out})
	return nil
}

// notes says which resource limits of the profile nothing enforces here.
func (c *compiler) notes() {
	l := c.spec.Limits
	var missing []string
	if c.spec.Cgroup == CgroupAuto {
		if l.Memory != profiles.Unlimited {
			missing = append(missing, "memory "+sizeText(l.Memory))
		}
		if l.Swap != profiles.Unlimited {
			missing = append(missing, "swap "+sizeText(l.Swap))
		}
		if l.CPUs != 0 {
			missing = append(missing, "cpus "+strconv.FormatFloat(l.CPUs, 'g', -1, 64))
		}
	}
	if len(missing) > 0 {
		c.plan.Notes = append(c.plan.Notes, "no cgroup: "+strings.Join(missing, ", ")+" not in force; pids by RLIMIT_NPROC")
	}
	if c.id.Note != "" && c.spec.ID == userns.Auto {
		c.plan.Notes = append(c.plan.Notes, "the payload runs under your own id: "+c.id.Note)
	}
	for _, s := range c.id.Shared {
		c.plan.Notes = append(c.plan.Notes, s.String())
	}
	c.noteSecrets()
}

func sizeText(n uint64) string {
	for _, u := range []struct {
		shift uint
		name  string
	}{{30, "G"}, {20, "M"}, {10, "K"}} {
		if n != 0 && n%(1<<u.shift) == 0 {
			return strconv.FormatUint(n>>u.shift, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}

// identityRefusal adds the remedy to why no identity can be had.
func identityRefusal(err error) *Refusal {
	r := refuse("--id", err.Error(), "")
	var e *userns.IdentityError
	if !errors.As(err, &e) {
		return r
	}
	r.What = "--id " + e.Req.ID.String()
	switch {
	case errors.Is(err, userns.ErrNoRange), errors.Is(err, userns.ErrRangeUnmapped):
		r.Remedy = "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + e.User + " as root, or --id self"
	case errors.Is(err, userns.ErrNoHelper):
		r.Remedy = "apt-get install uidmap as root, or --id self"
	case errors.Is(err, userns.ErrHelperUnprivileged):
		r.Remedy = "chmod u+s " + e.Helper.Path + " as root, or --id self"
	case errors.Is(err, userns.ErrSelfRoot):
		r.Remedy = "--id subid or auto; a payload is never the host's root"
	case errors.Is(err, userns.ErrPayloadRoot):
		r.Remedy = "another --user, or --id self"
	case errors.Is(err, unix.EMFILE):
		r.Remedy = "ulimit -n 1024, or more"
	case errors.Is(err, userns.ErrSource):
		r.Remedy = "make it readable, or --id self"
		var line *userns.LineError
		if errors.As(err, &line) {
			r.Remedy = "mend that line, or --id self"
		}
	case errors.Is(err, userns.ErrNoNewPrivs), errors.Is(err, userns.ErrNotPrimaryGroup):
		r.Remedy = "--id self"
	}
	return r
}
