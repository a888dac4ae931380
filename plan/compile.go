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
// gives up its privileges, and starts the payload; the supervisor clears away
// what was outside.
func Compile(spec *Spec, host *Host) (*Plan, error) {
	c := &compiler{spec: spec, host: host, view: newView(), copied: make([]Entry, 0, 64), plan: &Plan{Entries: make([]Entry, 0, 384)}}
	for _, step := range []func() error{
		c.kernel, c.identity, c.streams, c.program, c.placeCgroup, c.wantTerminal, c.wantListener, c.keptFDs,
		c.delegatedCgroup, c.clone, c.earlyNetwork, c.copies, c.idMaps, c.lateNetwork, c.hostname, c.counts,
		c.newRoot, c.mounts, c.handIn, c.makeTerminal, c.clocks, c.stub, c.joinCgroup, c.leaveOldRoot, c.joinNetwork,
		c.openPipes, c.dropPrivileges, c.startPayload, c.limits, c.landlock, c.exec,
		c.end,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	c.plan.Entries = slices.Insert(c.plan.Entries, c.copyAt, c.copied...)
	c.plan.End += len(c.copied)
	c.plan.Results, c.plan.view = c.results, c.view
	c.plan.Init, c.plan.Status, c.plan.Leaf = c.pid, c.status, c.cgroup.leaf
	c.plan.Payload = int(c.payloadPid()[0] - '0')
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

	alive, status, ready, mapped, content FD // descriptors that init takes over from the supervisor

	pid, pidfd     FD
	tied           bool // init begins on one processor
	netPid, netNS  FD   // of the process that makes the network
	root, stubFile FD
	cgroup         cgroup
	tty            terminal
	watch          watch
	copyAt         int // where the copies of mounts come
	copied         []Entry
	masked         bool // the empty directory for masks is there
	writable       []string
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
			"use a newer kernel").as(KernelOld)
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
		return UnknownCapability(err)
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

// UnknownCapability says that a word of --cap-add or of a profile names none.
func UnknownCapability(err error) *Refusal {
	return refuse("a capability to keep", err.Error(), "name one of capabilities(7) in --cap-add or keep-capabilities")
}
