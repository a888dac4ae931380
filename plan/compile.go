// Package plan turns what is asked for (a Spec) and what is there (a Host)
// into the list of kernel calls that make a jail (a Plan), and checks that
// list's order.
//
// The package is pure: it reads no file and makes no system call, so that the
// same Spec and Host always give the same Plan, byte for byte.
//
//	p, err := plan.Compile(spec, host)
//	if err == nil {
//		err = plan.Check(p)
//	}
package plan

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// Compile returns the plan of a start. It is pure. The error is a *Refusal.
//
// The order of a start is the order of the calls below: the supervisor clones
// init, which gets its ids, builds the file system and leaves the old one,
// gives up its privileges, and starts the payload.
func Compile(spec *Spec, host *Host) (*Plan, error) {
	c := &compiler{spec: spec, host: host, view: newView(), plan: &Plan{Entries: make([]Entry, 0, 320)}}
	for _, step := range []func() error{
		c.kernel, c.identity, c.streams, c.program,
		c.clone, c.startNetwork, c.copies, c.idMaps, c.hostname, c.counts,
		c.newRoot, c.mounts, c.handIn, c.joinNetwork, c.clocks, c.stub, c.leaveOldRoot,
		c.openPipes, c.dropPrivileges, c.startPayload, c.limits, c.landlock, c.exec,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	c.plan.Entries = slices.Insert(c.plan.Entries, c.copyAt, c.copied...)
	c.plan.Results, c.plan.view = c.results, c.view
	c.notes()
	return c.plan, nil
}

// compiler holds what one Compile knows so far.
type compiler struct {
	spec *Spec
	host *Host
	plan *Plan
	view *view

	stage   Stage
	from    string
	results int

	id      userns.Identity
	keep    caps.Set
	home    string
	command command

	alive, status, mapped, content FD // descriptors that init takes over from the supervisor
	pid, pidfd                     FD
	netPid, netNS                  FD // of the process that makes the network
	root, stubFile                 FD
	copyAt                         int // where the copies of mounts come
	copied                         []Entry
	masked                         bool // the empty directory for masks is there
	writable                       []string
}

// command is the program as it is executed inside.
type command struct {
	paths []string // tried in order
	copy  bool     // the content is written into the jail
	bind  bool     // the file is bound into the jail
}

func (c *compiler) add(s Step) *Entry {
	c.plan.Entries = append(c.plan.Entries, Entry{Stage: c.stage, Step: s, From: c.from, Want: Any})
	return &c.plan.Entries[len(c.plan.Entries)-1]
}

// get adds a step whose result later steps need.
func (c *compiler) get(s Step) FD {
	fd := c.result()
	c.add(s).Out = fd
	return fd
}

func (c *compiler) result() FD {
	c.results++
	return fdBase + FD(c.results-1)
}

// whole adds a write that must take all of its data.
func (c *compiler) whole(s Write) { c.add(s).Want = int64(len(s.Data)) }

// write puts data into an existing file.
func (c *compiler) write(file, data string) {
	fd := c.get(Openat{Dir: AtFDCWD, Path: file, Flags: unix.O_WRONLY | unix.O_CLOEXEC})
	c.whole(Write{fd, []byte(data)})
	c.add(Close{fd})
}

// kernel refuses what is older than 5.14: mount_setattr(2) came with 5.12, an
// RLIMIT_NPROC of each user namespace's own with 5.14.
func (c *compiler) kernel() error {
	if c.host.Major < 5 || c.host.Major == 5 && c.host.Minor < 14 {
		return refuse("procjail", "this kernel is "+c.host.Release+"; 5.14 is the oldest that it works on",
			"use a newer kernel")
	}
	return nil
}

func (c *compiler) identity() error {
	h, s := c.host, c.spec
	req := userns.Request{ID: s.ID, UID: uint32(s.UID), GID: uint32(s.GID)}
	if s.UID == profiles.Caller {
		req.UID = h.Caller.UID
	}
	if s.GID == profiles.Caller {
		req.GID = h.Caller.GID
	}
	id, err := userns.Choose(req, h.Caller)
	if err != nil {
		return identityRefusal(err)
	}
	c.id = id
	keep, err := caps.ParseList(s.Keep)
	if err != nil {
		return refuse("a capability to keep", err.Error(), "name one of capabilities(7) in --cap-add or keep-capabilities")
	}
	c.keep = keep & caps.All(h.LastCap)
	if c.keep == caps.All(h.LastCap) {
		return refuse("capabilities to keep", "these are all that there are, and a payload with all of them is no jail", "name those that it needs")
	}
	c.home = c.spec.homeInside(h)
	return c.keepsToItself()
}

// streams refuses a directory as a standard stream: openat(2) and fchdir(2)
// would lead from it to all of the host's files.
func (c *compiler) streams() error {
	for i, s := range c.host.Stdio {
		if s.Open && s.Kind == Directory {
			name := [...]string{"standard input", "standard output", "standard error"}[i]
			return refuse(name, "it is a directory, through which the payload would reach the host's files",
				"redirect it from a file, a pipe or /dev/null")
		}
	}
	return nil
}

// clone compiles the supervisor's part: what init inherits, and init itself.
func (c *compiler) clone() error {
	c.stage = Supervisor
	c.alive = c.get(PidfdOpen{c.host.Pid})
	if c.spec.Init == profiles.PID1Init {
		c.status = c.get(Eventfd{unix.EFD_NONBLOCK})
	}
	if c.id.Method != userns.WriteSelf {
		c.mapped = c.get(Eventfd{})
	}
	if c.command.copy {
		c.content = c.get(Openat{Dir: AtFDCWD, Path: c.host.Program.Path, Flags: unix.O_CLOEXEC})
	}
	c.overlayDirs()
	all := uint64(unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP)
	c.plan.Namespaces = all | unix.CLONE_NEWTIME
	if c.spec.Net == profiles.NetNone {
		c.plan.Namespaces |= unix.CLONE_NEWNET
	}
	c.add(SignalMask{All: true})
	c.pidfd = c.result()
	c.pid = c.get(Clone3{Flags: all | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND, Pidfd: c.pidfd})
	c.add(SignalMask{})
	if c.spec.Forward {
		for _, sig := range forwarded {
			c.add(Forward{sig, c.pidfd})
		}
	}
	switch c.id.Method {
	case userns.NewIDMap:
		c.add(Newidmap{Program: c.host.Caller.NewUIDMap.Path, Pid: c.pid, Map: c.id.UIDMap})
		c.add(Newidmap{Program: c.host.Caller.NewGIDMap.Path, Pid: c.pid, Map: c.id.GIDMap})
	case userns.WriteParent:
		c.add(WriteMap{Pid: c.pid, File: "uid_map", Map: c.id.UIDMap})
		c.add(WriteMap{Pid: c.pid, File: "gid_map", Map: c.id.GIDMap})
	}
	if c.mapped != 0 {
		c.whole(Write{c.mapped, one})
	}
	c.add(Waitid{c.pidfd})
	c.plan.Undo = []Entry{
		{Stage: Supervisor, Step: PidfdSendSignal{c.pidfd, unix.SIGKILL}, Want: Any},
		{Stage: Supervisor, Step: Waitid{c.pidfd}, Want: Any},
	}

	// From here on it is init. Its first acts tie it to the supervisor: it
	// dies with it, and if it was too late for that it finds out.
	c.stage = Init
	c.tie()
	c.add(CloseRange{3})
	c.session()
	return nil
}

// forwarded are the signals that a supervisor passes on. Not among them are
// the stops, which are for the supervisor itself, the faults, and those that
// the Go runtime uses.
var forwarded = [...]unix.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGWINCH, unix.SIGCONT,
}

// one is what an eventfd is woken with: the number 1.
var one = func() []byte { s := newStruct(8); s.u64(0, 1); return s }()

// tie makes init die when the supervisor's thread does (PR_SET_PDEATHSIG), or
// now, if that has ended meanwhile: nobody sends the signal twice.
func (c *compiler) tie() {
	c.add(Prctl{prPdeathsig, Name{uint64(unix.SIGKILL), "SIGKILL"}})
	c.add(PollAlive{c.alive}).Want = 0
}

// idMaps gives init its ids.
func (c *compiler) idMaps() error {
	if c.id.Method == userns.WriteSelf {
		// "deny" first: user_namespaces(7) wants it of an unprivileged
		// writer of gid_map, since Linux 3.19.
		c.write("/proc/self/setgroups", "deny")
		c.write("/proc/self/uid_map", string(c.id.UIDMap.Bytes()))
		c.write("/proc/self/gid_map", string(c.id.GIDMap.Bytes()))
		return nil
	}
	c.add(Read{c.mapped, 8}).Want = 8
	return nil
}

// copies is where the mounts of the host are copied, which needs no id yet:
// where others write the maps, init does it while they do. What the copies are
// is found out by mounts, later.
func (c *compiler) copies() error {
	c.copyAt = len(c.plan.Entries)
	return nil
}

// copyTree takes a copy of what is mounted at a path of the host.
func (c *compiler) copyTree(t OpenTree, attr MountSetattr) FD {
	fd := c.result()
	attr.FD, attr.Recursive, attr.Private = fd, t.Recursive, true
	c.copied = append(c.copied,
		Entry{Stage: Init, Step: t, From: c.from, Out: fd, Want: Any},
		Entry{Stage: Init, Step: attr, From: c.from, Want: Any})
	return fd
}

// startNetwork makes the network namespace, which takes longer than all the
// others together. While others write init's maps, init has the time. Otherwise
// a process of its own makes it, and is ready when the mounts are: it shares
// init's memory and descriptors, and leaves it one of the namespace.
func (c *compiler) startNetwork() error {
	if c.spec.Net != profiles.NetNone {
		return nil
	}
	c.from = c.spec.at("net")
	defer func() { c.from = "" }()
	if c.id.Method != userns.WriteSelf {
		c.add(Unshare{unix.CLONE_NEWNET})
		c.loopback()
		return nil
	}
	c.netPid = c.get(Clone{unix.CLONE_VM | unix.CLONE_FILES})
	c.stage = Network
	c.add(Unshare{unix.CLONE_NEWNET})
	c.loopback()
	c.netNS = c.get(Openat{Dir: AtFDCWD, Path: "/proc/self/ns/net", Flags: unix.O_CLOEXEC})
	c.add(Exit{})
	c.stage = Init
	return nil
}

func (c *compiler) joinNetwork() error {
	if c.netPid == 0 {
		return nil
	}
	c.from = c.spec.at("net")
	c.add(Reap{c.netPid})
	c.add(Setns{c.netNS, unix.CLONE_NEWNET})
	c.add(Close{c.netNS})
	c.from = ""
	return nil
}

func (c *compiler) hostname() error {
	c.from = c.spec.at("hostname")
	c.add(Sethostname{c.spec.Hostname})
	c.from = ""
	return nil
}

// loopback brings up the interface that leads nowhere.
func (c *compiler) loopback() {
	fd := c.get(Socket{})
	c.add(InterfaceUp{fd, "lo"})
	c.add(Close{fd})
}

// clocks moves init into a time namespace whose clocks start near zero. The
// offsets can be written only before the first process is in it
// (time_namespaces(7)), and only setns(2) takes the caller itself there. It
// comes after joinNetwork: setns into a time namespace is EUSERS for whoever
// shares its memory with another process (kernel/time/namespace.c).
func (c *compiler) clocks() error {
	c.add(Unshare{unix.CLONE_NEWTIME})
	c.write("/proc/self/timens_offsets",
		"monotonic -"+itoa(c.host.Monotonic)+" 0\nboottime -"+itoa(c.host.Boottime)+" 0\n")
	fd := c.get(Openat{Dir: AtFDCWD, Path: "/proc/self/ns/time_for_children", Flags: unix.O_CLOEXEC})
	c.add(Setns{fd, unix.CLONE_NEWTIME})
	c.add(Close{fd})
	return nil
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

// stub writes the program that PID 1 becomes. Nobody may read it, so that the
// kernel makes the process undumpable from its first instruction on
// (fs/exec.c:would_dump).
func (c *compiler) stub() error {
	if c.spec.Init != profiles.PID1Init {
		return nil
	}
	const name = initName
	fd := c.get(Openat{Dir: AtFDCWD, Path: name, Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC, Mode: 0o111})
	c.whole(Write{fd, c.spec.InitImage})
	c.add(Close{fd})
	c.stubFile = c.get(Openat{Dir: AtFDCWD, Path: name, Flags: unix.O_PATH | unix.O_CLOEXEC})
	c.add(Unlinkat{AtFDCWD, name})
	return nil
}

// startPayload forks, unless the payload is PID 1 itself. What follows is the
// payload's, but for init's last two steps, which stand at the end.
func (c *compiler) startPayload() error {
	// Nothing of init's memory, which began as a copy of the supervisor's,
	// can be read by the payload.
	c.add(Prctl{prDumpable, Name{0, "SUID_DUMP_DISABLE"}})
	c.forgetArguments()
	if c.spec.Init == profiles.PID1Init {
		c.add(Clone{unix.CLONE_VM | unix.CLONE_VFORK})
	}
	c.stage = Payload
	return nil
}

// exec ends the table: the filter, the program, and what init becomes.
func (c *compiler) exec() error {
	c.from = c.spec.at("workdir")
	c.add(Chdir{c.workdir()})
	c.from = ""
	c.add(Umask{0o022})
	c.add(SignalMask{})
	c.stayTied()
	c.from = c.spec.at("seccomp")
	c.add(SetFilter{c.spec.Filter.Name, c.spec.Filter.Program, c.spec.Filter.Flags})
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
		c.add(Dup3{c.alive, 0})
		c.add(Dup3{c.status, 1})
		c.add(Dup3{c.alive, 2})
		// A new namespace numbers its processes from 1: init, the one that
		// made the network, the payload.
		payload := "2"
		if c.netPid != 0 {
			payload = "3"
		}
		c.add(ExecFD{c.stubFile, []string{initName, payload}})
	}
	return nil
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

// homeInside is the payload's HOME.
func (s *Spec) homeInside(h *Host) string {
	if s.Home == "" {
		return h.Home
	}
	return expand(s.Home, h.Home, h.Cwd)
}

// at names a line of the profile for Entry.From.
func (s *Spec) at(key string) string { return "profile " + s.Name + ": " + key }

// expand makes a path of a profile absolute.
func expand(p, home, cwd string) string {
	switch {
	case p == "~" || strings.HasPrefix(p, "~/"):
		return path.Join(home, p[1:])
	case !path.IsAbs(p):
		return path.Join(cwd, p)
	}
	return path.Clean(p)
}
