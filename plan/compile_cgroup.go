package plan

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/profiles"
)

// cgroup is what compiling knows of the jail's cgroup.
type cgroup struct {
	place    cgroupdelegate.Place
	settings []cgroupdelegate.Setting // in force
	missing  []cgroupdelegate.Setting // for want of a controller
	top      FD                       // the directory that the leaf is in
	leaf     FD                       // the payload's, in which init is born
	name     string                   // of the leaf
	unit     string                   // the scope
	joined   FD                       // the eventfd that tells init that it is in the leaf
	shown    []shownCgroup
}

// The leaves of a scope. A cgroup with processes of its own can enable no
// controller for its children, so the supervisor has one too.
const (
	SupervisorLeaf = "supervisor"
	PayloadLeaf    = "payload"
)

// placeCgroup decides where the jail's cgroup comes from, and which limits
// can be in force there.
func (c *compiler) placeCgroup() error {
	place, err := cgroupdelegate.Choose(c.spec.Cgroup, c.host.Cgroup)
	if err != nil {
		r := refuse("--cgroup "+c.spec.Cgroup.String(), err.Error(), "")
		var e *cgroupdelegate.Error
		if errors.As(err, &e) {
			r.as(string(e.Reason)).Remedy = e.Remedy
		}
		return r
	}
	c.cgroup.place = place
	if err := c.spec.Limits.Check(); err != nil {
		return refuse("limits", err.Error(), "--memory-swap -1 for as much swap as there is")
	}
	if err := c.disks(); err != nil {
		return err
	}
	for _, s := range c.spec.Limits.Settings(c.host.Machine) {
		switch {
		case place.Source != cgroupdelegate.Off && slices.Contains(place.Controllers, s.Controller):
			c.cgroup.settings = append(c.cgroup.settings, s)
		case s.Name != "":
			c.cgroup.missing = append(c.cgroup.missing, s)
		}
	}
	return nil
}

// disks refuses a limit on what is no disk, also where no cgroup will have it: a
// path that was mistyped is mistyped on every host.
func (c *compiler) disks() error {
	for _, p := range c.spec.Limits.DiskPaths() {
		what, remedy := "--io-max "+quote(p), "name a disk such as /dev/sda, or a file on one"
		switch d := c.host.Machine.Disks[p]; {
		case d.Err != 0:
			return refuse(what, Errno(d.Err).String()+" from stat on the host", sourceRemedy(Errno(d.Err)))
		case d.Unnamed:
			return refuse(what, "it lies on no block device", remedy)
		case d.Number == "" && c.cgroup.place.Source != cgroupdelegate.Off:
			return refuse(what, "/sys/dev/block does not tell which disk it is on", remedy)
		}
	}
	return nil
}

// enabled are the controllers of the payload's leaf: those of its limits, and
// memory and pids for their accounts wherever they can be had.
func (g *cgroup) enabled() []string {
	var list []string
	for _, have := range g.place.Controllers {
		wanted := have == "memory" || have == "pids"
		for _, s := range g.settings {
			wanted = wanted || s.Controller == have
		}
		if wanted {
			list = append(list, have)
		}
	}
	return list
}

// delegatedCgroup makes a leaf for the payload in a cgroup that is the caller's
// already. The lock is shared by the jails in it: the last one gives it back as
// it was.
func (c *compiler) delegatedCgroup() error {
	g := &c.cgroup
	if g.place.Source != cgroupdelegate.Delegated {
		return nil
	}
	c.stage = Supervisor
	g.top = c.get(Openat{Dir: AtFDCWD, Path: path.Join(c.host.Cgroup.Mount, g.place.Top), Flags: unix.O_DIRECTORY | unix.O_CLOEXEC})
	g.name = cgroupdelegate.Prefix + c.host.Jail
	c.add(Flock{FD: g.top})
	if g.place.Empty {
		c.add(Mkdirat{g.top, cgroupdelegate.Callers, 0o755}).Skip = [2]Errno{Errno(unix.EEXIST)}
		c.add(MoveProcesses{g.top, cgroupdelegate.Callers})
	}
	c.payloadLeaf()
	return nil
}

// startScope asks systemd for a scope with the supervisor and init in it, and
// does not wait: init builds the jail meanwhile.
func (c *compiler) startScope() {
	if c.cgroup.place.Source != cgroupdelegate.Systemd {
		return
	}
	m := c.host.Cgroup.Manager
	unit, slice := cgroupdelegate.Prefix+c.host.Jail+".scope", "system.slice"
	if m.User {
		slice = "app.slice"
	}
	c.add(StartScope{Socket: m.Socket, Unit: unit, Slice: slice, Description: description(c.spec.Argv[0]), Supervisor: c.host.Pid, Init: c.pid})
	c.cgroup.unit = unit
}

// joinScope makes the leaves of the scope, which are procjail's to make
// (Delegate=true), and puts init into the payload's. Init waits for that before
// it gives up its privileges and makes the payload.
func (c *compiler) joinScope() {
	g := &c.cgroup
	if g.unit == "" {
		return
	}
	c.add(AwaitScope{c.host.Cgroup.Manager.Socket, g.unit})
	g.top = c.get(OpenCgroup{c.host.Cgroup.Mount, g.unit})
	g.name = PayloadLeaf
	c.add(Mkdirat{g.top, SupervisorLeaf, 0o755})
	c.add(MoveProcesses{g.top, SupervisorLeaf})
	c.payloadLeaf()
	c.add(MoveProcess{g.leaf, c.pid})
	c.whole(Write{g.joined, one})
}

// payloadLeaf makes the payload's cgroup, with its limits.
func (c *compiler) payloadLeaf() {
	g := &c.cgroup
	var on []string
	for _, controller := range g.enabled() {
		if !slices.Contains(g.place.Enabled, controller) {
			on = append(on, controller)
		}
	}
	if len(on) > 0 {
		c.writeAt(g.top, "cgroup.subtree_control", "+"+strings.Join(on, " +"))
	}
	c.add(Mkdirat{g.top, g.name, 0o755})
	g.leaf = c.get(Openat{Dir: g.top, Path: g.name, Flags: unix.O_DIRECTORY | unix.O_CLOEXEC})
	// Whoever finds the leaf unlocked knows that its supervisor has died.
	c.add(Flock{FD: g.leaf})
	c.from = c.spec.at("limits")
	for _, s := range g.settings {
		c.writeAt(g.leaf, s.File, s.Value)
		if s.File == "memory.swap.max" { // of a kernel that can swap; any other uses none
			c.plan.Entries[len(c.plan.Entries)-3].Skip = [2]Errno{Errno(unix.ENOENT)}
		}
	}
	c.from = ""
	// ppoll(2) on it tells when a limit on memory is met.
	if slices.ContainsFunc(g.settings, func(s cgroupdelegate.Setting) bool { return s.File == "memory.max" }) {
		c.plan.Events = c.get(Openat{Dir: g.leaf, Path: cgroupdelegate.MemoryEvents, Flags: unix.O_CLOEXEC})
	}
}

// writeAt puts data into a file below a directory.
func (c *compiler) writeAt(dir FD, file, data string) {
	fd := c.get(Openat{Dir: dir, Path: file, Flags: unix.O_WRONLY | unix.O_CLOEXEC})
	c.whole(Write{fd, []byte(data)})
	c.add(Close{fd})
}

// description is what systemctl status shows. D-Bus takes UTF-8 only, and
// systemd writes it to the unit's file, where a newline would begin a setting.
func description(command string) string {
	name := path.Base(command)
	return "procjail: " + strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name[:min(len(name), 64)])
}

// showCgroup keeps a place for what joinCgroup mounts. There is none where the
// jail has no cgroup: its limits would be somebody else's.
func (c *compiler) showCgroup(m profiles.Mount) error {
	if c.cgroup.place.Source == cgroupdelegate.Off {
		return nil
	}
	at, err := c.mountPoint(m.Dest, true)
	if err != nil {
		return err
	}
	shown, err := c.view.walk(m.Dest)
	c.cgroup.shown = append(c.cgroup.shown, shownCgroup{m.Dest, at, shown.node})
	return err
}

// shownCgroup is where the jail sees its cgroup.
type shownCgroup struct {
	dest string
	at   spot
	node *node
}

// joinCgroup makes the leaf, which init is in by now, the top of all that the
// jail sees, and mounts that read-only wherever no later mount covers the place.
func (c *compiler) joinCgroup() error {
	g := &c.cgroup
	if g.leaf == 0 {
		return nil
	}
	if g.joined != 0 {
		c.awaitEvent(g.joined)
		c.tie()
	}
	c.add(Unshare{unix.CLONE_NEWCGROUP})
	for _, shown := range g.shown {
		if s, err := c.view.walk(shown.dest); err != nil || s.node != shown.node {
			continue
		}
		fs := c.get(Fsopen{"cgroup2"})
		c.add(FsconfigCreate{fs})
		c.attach(c.get(Fsmount{fs, attrShown | unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOEXEC}), shown.at, true, "")
	}
	return nil
}

// end is what the supervisor does when init has ended, however it did: whatever
// else is in the cgroup is killed, what it used is read, and it is removed.
func (c *compiler) end() error {
	c.stage = Supervisor
	c.plan.End = len(c.plan.Entries)
	c.endTerminal()
	g := &c.cgroup
	if g.leaf == 0 {
		return nil
	}
	events := c.get(Openat{Dir: g.leaf, Path: "cgroup.events", Flags: unix.O_CLOEXEC})
	c.add(AwaitEmpty{events, g.leaf})
	c.add(Close{events})
	for _, name := range cgroupdelegate.Accounts {
		if name == cgroupdelegate.MemoryEvents && c.plan.Events != 0 {
			c.add(Read{c.plan.Events, 4096})
			continue
		}
		fd := c.get(Openat{Dir: g.leaf, Path: name, Flags: unix.O_CLOEXEC})
		c.plan.Entries[len(c.plan.Entries)-1].Skip = [2]Errno{Errno(unix.ENOENT)}
		c.add(Read{fd, 4096})
		c.add(Close{fd})
	}
	c.add(Rmdir{g.top, g.name})
	if g.place.Empty {
		// All of them: an earlier jail may have enabled others.
		c.add(GiveBack{g.top, cgroupdelegate.Callers, g.place.Controllers})
	}
	return nil
}

// memoryByRlimit is the limit on memory, where no cgroup has it.
func (c *compiler) memoryByRlimit() uint64 { return c.cgroup.lacks("memory.max") }

// pidsByRlimit is the limit on processes, where no cgroup has it.
func (c *compiler) pidsByRlimit() uint64 {
	for _, s := range c.cgroup.settings {
		if s.File == "pids.max" {
			return profiles.Unlimited
		}
	}
	return min(c.cgroup.lacks("pids.max"), c.host.Nproc)
}

// lacks is the limit for a file, where no cgroup has it.
func (g *cgroup) lacks(file string) uint64 {
	limit := profiles.Unlimited
	for _, s := range g.missing {
		// 0 is a share of a machine that nobody looked at.
		if n, err := strconv.ParseUint(s.Value, 10, 64); s.File == file && err == nil && n != 0 {
			limit = n
		}
	}
	return limit
}

// limitsKept lists the limits of the jail as a whole.
func (c *compiler) limitsKept() {
	list := func(settings []cgroupdelegate.Setting, by func(cgroupdelegate.Setting) string) {
		for _, s := range settings {
			if name, value, _ := strings.Cut(s.Name, " "); name != "" {
				c.plan.Limits = append(c.plan.Limits, Limit{name, value, by(s)})
			}
		}
	}
	list(c.cgroup.settings, func(cgroupdelegate.Setting) string { return "cgroup" })
	list(c.cgroup.missing, func(s cgroupdelegate.Setting) string {
		if s.Share == 0 && (s.File == "memory.max" || s.File == "pids.max") {
			return "rlimit"
		}
		return "none"
	})
}

// dataLimit is memoryByRlimit, below the caller's own limit.
func (c *compiler) dataLimit() uint64 {
	if n := c.memoryByRlimit(); n != profiles.Unlimited {
		return min(n, c.host.Data)
	}
	return profiles.Unlimited
}

// noteCgroup says which limits are not in force, or only in part, and why.
func (c *compiler) noteCgroup() {
	g := &c.cgroup
	if c.spec.Cgroup == cgroupdelegate.Off && c.spec.CgroupNote == "" || len(g.missing) == 0 {
		return
	}
	note := func(why, remedy string, missing []cgroupdelegate.Setting) {
		var partly, not []string
		for _, s := range missing {
			switch {
			case s.File == "memory.max":
				partly = append(partly, s.Name+" by RLIMIT_DATA, for each process by itself")
			case s.File == "pids.max":
				partly = append(partly, s.Name+" by RLIMIT_NPROC")
			default:
				not = append(not, s.Name)
			}
		}
		text := why + ": "
		if len(not) > 0 {
			text += strings.Join(not, ", ") + " not in force"
			if len(partly) > 0 {
				text += "; "
			}
		}
		text += strings.Join(partly, "; ")
		if remedy != "" {
			text += " (" + remedy + ")"
		}
		c.note(FeatureCgroup, text)
	}
	if g.place.Source == cgroupdelegate.Off {
		why := g.place.Why
		if c.spec.CgroupNote != "" {
			why = c.spec.CgroupNote
		}
		note("no cgroup: "+why, g.place.Remedy, g.missing)
		return
	}
	for _, controller := range []string{"memory", "cpu", "pids", "io", "cpuset"} {
		var missing []cgroupdelegate.Setting
		for _, s := range g.missing {
			if s.Controller == controller {
				missing = append(missing, s)
			}
		}
		if len(missing) > 0 {
			why, remedy := c.host.Cgroup.Lacks(g.place, controller)
			note(why, remedy, missing)
		}
	}
}
