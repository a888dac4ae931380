package plan

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// command is the program as it is executed inside.
type command struct {
	paths []string // tried in order
	copy  bool     // the content is written into the jail
	bind  bool     // the file is bound into the jail
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

// exec ends the table: the filter, the program, and what init becomes.
func (c *compiler) exec() error {
	c.from = c.spec.at("workdir")
	for _, k := range c.spec.KeepFDs { // in the payload alone: PID 1 would keep a pipe open
		c.from = "--keep-fd"
		c.add(KeepFD{k})
	}
	c.from = c.spec.at("workdir")
	c.add(Chdir{c.workdir()})
	c.from = ""
	c.add(Umask{0o022})
	c.add(SignalMask{})
	c.awaitInit()
	c.stayTied()
	c.from = c.spec.at("seccomp")
	c.filter()
	c.from = ""
	env := c.environment()
	for i, p := range c.command.paths {
		e := c.add(Execve{p, c.spec.Argv, env})
		if i < len(c.command.paths)-1 {
			e.Skip = [2]Errno{Errno(unix.ENOENT), Errno(unix.EACCES)}
		}
	}
	if c.spec.Init == profiles.PID1Init {
		c.stage = Init
		// As the payload does, for PID 1 passes signals on to that group from its
		// first instruction on. ESRCH: the payload has failed.
		c.add(Setpgid{int(c.payloadPid()[0] - '0')}).Skip = [2]Errno{Errno(unix.ESRCH)}
		c.add(Dup3{c.alive, 0})
		c.add(Dup3{c.status, 1})
		c.add(Dup3{c.ready, 2})
		c.add(ExecFD{c.stubFile, []string{initName, c.payloadPid()}})
	}
	return nil
}

// payloadPid is the payload's process id inside, one digit. A new namespace
// numbers its processes from 1: init, the one that made the network, the payload.
func (c *compiler) payloadPid() string {
	switch {
	case c.spec.Init == profiles.PID1Payload:
		return "1"
	case c.netPid != 0:
		return "3"
	}
	return "2"
}

// keptFDs refuses what is not there, and a directory, through which openat(2)
// leads to all of the host's files.
func (c *compiler) keptFDs() error {
	for _, k := range c.spec.KeepFDs {
		switch f := c.host.Kept[k]; {
		case !f.Open:
			return refuse("--keep-fd "+itoa(int64(k)), "the caller has no such descriptor", "name one that is open")
		case f.Kind == Directory:
			return refuse("--keep-fd "+itoa(int64(k)), "it is a directory, through which the payload would reach the host's files", "show it with --ro or --rw")
		}
	}
	return nil
}

// closeKept leaves them to the payload alone: who reads the other end of a pipe
// sees its end when the payload has closed it.
func (c *compiler) closeKept() {
	c.from = "--keep-fd"
	for _, k := range c.spec.KeepFDs {
		c.add(Close{FD(k)})
	}
	c.from = ""
}

func (c *compiler) workdir() string {
	if w := c.spec.Workdir; w != "" {
		return expand(w, c.home, c.host.Cwd)
	}
	if cwd := c.host.Cwd; cwd != "" {
		if s, err := c.view.walk(cwd); err == nil && s.tree == cwd || s.node != nil && s.node.host == cwd && s.node.isDir() {
			return cwd
		}
	}
	return c.home
}

// environment is the allow-list, in the order in which it was written.
func (c *compiler) environment() []string {
	var env []string
	put := func(key, value string) {
		kv := key + "=" + value
		for i, old := range env {
			if strings.HasPrefix(old, key+"=") {
				env[i] = kv
				return
			}
		}
		env = append(env, kv)
	}
	put("HOME", c.home)
	put("USER", c.login())
	for _, r := range c.spec.Env {
		if !r.Pass {
			put(r.Key, r.Value)
			continue
		}
		for _, kv := range c.host.Env {
			if v, ok := strings.CutPrefix(kv, r.Key+"="); ok {
				if r.Key == "LISTEN_PID" { // sd_listen_fds(3): of whom the descriptors are for
					v = c.payloadPid()
				}
				if !withheld(r, v) {
					put(r.Key, v)
				}
				break
			}
		}
	}
	return env
}

// login is the payload's name inside.
func (c *compiler) login() string {
	if c.spec.UID == profiles.Caller && c.host.Caller.Login != nil {
		return c.host.Caller.Login.Name
	}
	return "user"
}

// openPipes lets a payload with an id of its own open /dev/stdin, /dev/stdout
// and /dev/stderr again where they are pipes, which belong to the caller with
// mode 0600. A pipe has no name: who can open it holds it, or may trace who
// does (proc(5), /proc/PID/fd). It opens in the direction that it is held in
// and in no other: others may write to the same log, and their lines are not
// the payload's to read.
func (c *compiler) openPipes() error {
	if c.id.ID != userns.SubID {
		return nil
	}
	for i, s := range c.host.Stdio {
		mode := uint32(0o600)
		if s.Read {
			mode |= 0o044
		}
		if s.Write {
			mode |= 0o022
		}
		if s.Pipe {
			c.add(Fchmod{FD(i), mode}).Skip = [2]Errno{Errno(unix.EPERM)}
		}
	}
	return nil
}
