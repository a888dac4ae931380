package plan

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// clone compiles the supervisor's part: what init inherits, and init itself.
func (c *compiler) clone() error {
	c.stage = Supervisor
	passed := c.signals()
	c.alive = c.get(PidfdOpen{c.host.Pid})
	if c.spec.Init == profiles.PID1Init {
		c.status = c.get(Eventfd{unix.EFD_NONBLOCK})
		c.ready = c.get(Eventfd{})
	}
	if c.id.Method != userns.WriteSelf {
		c.mapped = c.get(Eventfd{unix.EFD_NONBLOCK})
	}
	if c.command.copy {
		c.content = c.get(Openat{Dir: AtFDCWD, Path: c.host.Program.Path, Flags: unix.O_CLOEXEC})
	}
	c.overlayDirs()
	c.terminalSocket()
	c.listenerSocket()
	born := uint64(unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	c.plan.Namespaces = born | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME
	switch c.cgroup.place.Source {
	case cgroupdelegate.Off:
		born |= unix.CLONE_NEWCGROUP
	case cgroupdelegate.Delegated:
		born |= unix.CLONE_INTO_CGROUP
	case cgroupdelegate.Systemd:
		c.cgroup.joined = c.get(Eventfd{unix.EFD_NONBLOCK})
	}
	if c.spec.Net == profiles.NetNone {
		c.plan.Namespaces |= unix.CLONE_NEWNET
	}
	c.add(SignalMask{All: true})
	c.tieToProcessor()
	c.pidfd = c.result()
	if c.sharesMemory() {
		born |= unix.CLONE_VM | unix.CLONE_NEWTIME
	}
	c.pid = c.get(Clone3{Flags: born | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND, Pidfd: c.pidfd, Cgroup: c.cgroup.leaf})
	c.allProcessors()
	c.add(SignalMask{})
	if c.spec.Forward {
		c.add(Forward{passed, c.heldSignal(), c.pidfd})
	}
	c.closeOtherEnds()
	c.closeKept()
	c.startScope()
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
	c.joinScope()
	c.takeTerminal()
	c.takeListener()
	c.add(Waitid{c.pidfd})
	c.plan.Undo = []Entry{
		{Stage: Supervisor, Step: PidfdSendSignal{c.pidfd, unix.SIGKILL}, Want: Any},
		{Stage: Supervisor, Step: Waitid{c.pidfd}, Want: Any},
	}
	if c.sharesMemory() { // which init has made undumpable
		again := Prctl{prDumpable, Name{1, "SUID_DUMP_USER"}}
		c.add(again)
		c.plan.Undo = append(c.plan.Undo, Entry{Stage: Supervisor, Step: again, Want: Any})
	}

	// From here on it is init. It is tied to the supervisor: it dies with it, and
	// if it was too late for that it finds out.
	c.stage = Init
	if c.cgroup.place.Source != cgroupdelegate.Systemd { // or else in joinCgroup
		c.tie()
	}
	c.add(CloseRange{3})
	if n := c.host.TimerSlack; n > 0 { // the payload inherits it
		c.add(Prctl{prTimerslack, Name{uint64(n), itoa(n)}})
	}
	c.session()
	return nil
}

// tieToProcessor has init begin on the processor that the supervisor is on, and stay
// there until allProcessors. The kernel otherwise looks for the idlest of all for a new
// process (kernel/sched/fair.c:sched_balance_find_dst_cpu), which has to be woken up and
// has none of the supervisor's memory in its cache. Only in a process that runs nothing
// else: in others many goroutines want the processor.
func (c *compiler) tieToProcessor() {
	if c.tied = c.spec.Forward && len(c.host.Affinity) > 0; c.tied {
		c.affinity(c.host.Affinity.only(c.host.Processor))
	}
}

// allProcessors gives back what tieToProcessor took.
func (c *compiler) allProcessors() {
	if c.tied {
		c.affinity(c.host.Affinity)
	}
}

// affinity passes over what sched_setaffinity(2) says where none of the processors is in
// the cpuset any more: it has become another one meanwhile, and the kernel has seen to
// that.
func (c *compiler) affinity(p Processors) {
	c.add(SchedSetaffinity{p}).Skip = [2]Errno{Errno(unix.EINVAL)}
}

// forwarded are the signals that a supervisor passes on: all that can be caught,
// but for those that are about the process itself (faults, its children, its
// limits, a pipe that nobody reads), the stops of a background job, and SIGURG
// and SIGPROF, which are the Go runtime's own. 32 and 33 are the C library's,
// whose posix_spawn(3) lets children ignore them.
var forwarded = [...]unix.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGTERM,
	unix.SIGSTKFLT, unix.SIGCONT, unix.SIGTSTP, unix.SIGVTALRM, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR,
	34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49,
	50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64,
}

// signals tells those that are passed on from those that were ignored when the
// supervisor was started: they stay so, for the payload too, which inherits that
// as from any program (CLONE_CLEAR_SIGHAND leaves it, clone(2)). The Go runtime has
// a handler of its own for most of them by now.
func (c *compiler) signals() []unix.Signal {
	if !c.spec.Forward {
		return nil
	}
	passed := make([]unix.Signal, 0, len(forwarded))
	for _, sig := range forwarded {
		if c.host.Ignored&(1<<(sig-1)) != 0 {
			c.add(Ignore{sig})
		} else {
			passed = append(passed, sig)
		}
	}
	return passed
}

// one is what an eventfd is woken with: the number 1.
var one = []byte{1, 0, 0, 0, 0, 0, 0, 0} // amd64 and arm64 are little endian

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
	c.awaitEvent(c.mapped)
	return nil
}

// awaitEvent is init's wait for the supervisor to go on. Where init is not yet
// tied to it, init outlives it for some seconds: systemd, which has been asked
// to put both into a scope, waits for good for the end of one that nothing ever
// lived in, and a process that has just been killed counts as moved (a zombie is
// passed over by kernel/cgroup/cgroup.c:cgroup_migrate_add_task, without an error).
func (c *compiler) awaitEvent(event FD) {
	if c.cgroup.place.Source == cgroupdelegate.Systemd {
		c.add(AwaitEither{event, c.alive})
		c.add(AwaitEvent{event, lingerSeconds})
	} else {
		c.add(AwaitEither{event, c.alive})
	}
	c.add(Read{event, 8}).Want = 8
}

// lingerSeconds is what systemd may take for a scope whose supervisor has died.
const lingerSeconds = 5

func (c *compiler) hostname() error {
	c.from = c.spec.at("hostname")
	c.add(Sethostname{c.spec.Hostname})
	c.from = ""
	return nil
}

// sharesMemory tells whether init is cloned without a copy of the supervisor's
// memory, whose making, changing and freeing takes longer than all the mounts.
// Init is then in its time namespace from its execve on, which is a rule since
// Linux 6.2 (kernel/nsproxy.c:exec_task_namespaces), and what init does to the
// memory's dumpable flag is done to the supervisor's too: not in a process that
// may start other jails meanwhile.
func (c *compiler) sharesMemory() bool {
	return c.spec.Forward && (c.host.Major > 6 || c.host.Major == 6 && c.host.Minor >= 2)
}

// clocks makes a time namespace whose clocks start near zero. The offsets can be
// written only before the first process is in it (time_namespaces(7)). A clone
// that shares memory is not, until its execve. Otherwise setns(2) takes init
// there, which is EUSERS for whoever shares its memory with another process, as
// with the one that makes the network (kernel/time/namespace.c).
func (c *compiler) clocks() error {
	offsets := "monotonic -" + itoa(c.host.Monotonic) + " 0\nboottime -" + itoa(c.host.Boottime) + " 0\n"
	if c.sharesMemory() {
		c.write("/proc/self/timens_offsets", offsets)
		return nil
	}
	if err := c.joinNetwork(); err != nil {
		return err
	}
	c.add(Unshare{unix.CLONE_NEWTIME})
	c.write("/proc/self/timens_offsets", offsets)
	fd := c.get(Openat{Dir: AtFDCWD, Path: "/proc/self/ns/time_for_children", Flags: unix.O_CLOEXEC})
	c.add(Setns{fd, unix.CLONE_NEWTIME})
	c.add(Close{fd})
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
	// Nothing of init's memory, which is the supervisor's or a copy of it, can
	// be read by the payload.
	c.add(Prctl{prDumpable, Name{0, "SUID_DUMP_DISABLE"}})
	if c.spec.Init == profiles.PID1Init {
		c.add(Clone{unix.CLONE_VM})
	}
	c.stage = Payload
	if c.spec.Init == profiles.PID1Init {
		c.add(Setpgid{})
	}
	c.useTerminal()
	return nil
}
