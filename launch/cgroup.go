package launch

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// managerTime is how long systemd may take for all that is asked of it. A user
// manager that is busy with a login takes seconds.
const managerTime = 10 * time.Second

// emptyTime is how long a cgroup may take to be empty once everything in it was
// killed. A process that waits for a disk or a network file system can take
// longer, and then the leaf is left to whoever cleans up next.
const emptyTime = 5 * time.Second

// scope makes the two entries that are systemd's. The connection was begun
// while the plan was made (Options.Manager).
func (r *run) startScope(i int, s plan.StartScope) error {
	if r.opt.Manager == nil {
		return r.otherError(i, errors.New("internal error: no connection to a manager"))
	}
	m, err := r.opt.Manager()
	if err != nil {
		return r.otherError(i, err)
	}
	r.manager = m
	r.managerEnd = time.Now().Add(managerTime)
	ctx, cancel := context.WithDeadline(context.Background(), r.managerEnd)
	defer cancel()
	r.job, err = m.StartScope(ctx, systemd.Scope{Name: s.Unit, Slice: s.Slice, Description: s.Description, PIDs: []uint32{uint32(s.Supervisor), uint32(r.value(s.Init))}})
	if err != nil {
		return r.otherError(i, err)
	}
	r.prog.board.set(i, 0)
	return nil
}

func (r *run) awaitScope(i int) error {
	ctx, cancel := context.WithDeadline(context.Background(), r.managerEnd)
	defer cancel()
	err := r.job.Wait(ctx)
	r.manager.Close()
	r.manager = nil
	if err != nil {
		return r.otherError(i, err)
	}
	r.prog.board.set(i, 0)
	return nil
}

// openCgroup opens the scope's directory, and nothing else if systemd put this
// process elsewhere.
func (r *run) openCgroup(i int, s plan.OpenCgroup) error {
	text, err := sys.ReadFile("/proc/self/cgroup")
	if err != nil {
		return r.otherError(i, err)
	}
	own, _ := cgroupdelegate.Membership(text)
	if path.Base(own) != s.Unit {
		return r.otherError(i, errors.New("systemd has not moved procjail there: it is in "+own))
	}
	fd, err := sys.Openat(sys.AtFDCWD, s.Mount+own, unix.O_DIRECTORY, 0)
	if err != nil {
		return r.otherError(i, err)
	}
	r.owned = append(r.owned, fd)
	r.prog.board.set(i, int64(fd))
	return nil
}

// lockTime is how long a lock may be somebody else's: another jail has it while
// it gives a delegated cgroup back.
const lockTime = 2 * time.Second

// lock makes a flock(2), again where somebody has the lock for himself.
func (r *run) lock(i int) error {
	for end := time.Now().Add(lockTime); ; time.Sleep(time.Millisecond) {
		err := r.call(i)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(end) {
			return err
		}
	}
}

// moveProcesses empties a cgroup into its child.
func (r *run) moveProcesses(from int, s plan.MoveProcesses) error {
	return sys.MoveProcesses(from, "cgroup.procs", s.To+"/cgroup.procs")
}

// moveProcess puts init into a cgroup, unless that has ended: a dead process stays
// where it was (kernel/cgroup/cgroup.c:cgroup_migrate_add_task), so that systemd
// has not moved it either, and the kernel refuses the way from there (EACCES).
func (r *run) moveProcess(to int, pid plan.FD) error {
	err := sys.WriteFileAt(to, "cgroup.procs", strconv.FormatInt(r.value(pid), 10))
	if err != nil && sys.PollShort(r.pidfd, 0) {
		return nil
	}
	return err
}

// awaitEmpty waits until nothing lives in a cgroup, which is so at once where all
// of the jail was in init's PID namespace, and kills what does. A jail that was
// given up has had its time.
func (r *run) awaitEmpty(leaf, events int) error {
	if text, err := sys.Pread(events, 256); err == nil && !cgroupdelegate.Populated(text) {
		return nil
	}
	if err := sys.WriteFileAt(leaf, "cgroup.kill", "1"); err != nil {
		return err
	}
	if !r.giveUpAt.IsZero() && time.Now().After(r.giveUpAt) {
		return unix.ETIMEDOUT
	}
	return awaitEmpty(events)
}

func awaitEmpty(events int) error {
	for end := time.Now().Add(emptyTime); ; {
		text, err := sys.Pread(events, 256)
		if err != nil {
			return err
		}
		if !cgroupdelegate.Populated(text) {
			return nil
		}
		left := time.Until(end)
		if left <= 0 {
			return errors.New("killed, and still not empty after " + emptyTime.String())
		}
		sys.PollChange(events, left)
	}
}

// rmdir makes an unlinkat(2). A payload that may make namespaces can mount
// cgroup2 and make cgroups below its own, and they are nobody else's to remove.
func (r *run) rmdir(i int, s plan.Rmdir) error {
	err := r.call(i)
	if errors.Is(err, unix.EBUSY) && s.Dir != plan.AtFDCWD {
		_ = removeBelow(int(r.value(s.Dir)), s.Path, "") // what stays shows in the call
		err = r.call(i)
	}
	return err
}

// giveBack leaves a cgroup as it was found, if no other jail is in it.
func giveBack(top int, child string, controllers []string) error {
	err := sys.FlockExclusive(top)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err == nil {
		// The leaves of jails whose supervisors were killed: each that lives
		// shares the lock. One that cannot go is left to the next.
		_ = removeBelow(top, ".", cgroupdelegate.Prefix)
	}
	if err == nil && len(controllers) > 0 {
		err = sys.WriteFileAt(top, "cgroup.subtree_control", "-"+strings.Join(controllers, " -"))
	}
	if err == nil {
		err = sys.MoveProcesses(top, child+"/cgroup.procs", "cgroup.procs")
	}
	if err == nil {
		err = sys.Rmdirat(top, child)
	}
	return err
}

// value is the result that a plan.FD stands for; negative if there is none.
func (r *run) value(fd plan.FD) int64 {
	k, ok := fd.Result()
	if !ok {
		return int64(fd)
	}
	for i := range r.plan.Entries {
		if r.plan.Entries[i].Out == fd {
			return r.prog.board.outcomes[i].result
		}
	}
	return r.prog.board.outcomes[len(r.plan.Entries)+k].result
}

// known is the descriptor that a plan's FD stands for, or -1 where there is none.
func (r *run) known(fd plan.FD) int {
	if fd == 0 {
		return -1
	}
	return int(max(r.value(fd), -1))
}

// otherError is the failure of an entry that is more than one system call.
func (r *run) otherError(i int, err error) error {
	r.prog.board.set(i, -int64(sys.Errno(err)))
	e := r.stepError(i, sys.Errno(err))
	e.Err = err
	return e
}

// usage reads what the accounts of the jail's cgroup said.
func (r *run) cgroupUsage() (u cgroupdelegate.Usage, known bool) {
	if r.plan.Leaf == 0 {
		return u, false
	}
	files := make(map[string]string)
	names := map[plan.FD]string{r.plan.Events: cgroupdelegate.MemoryEvents}
	for i := r.plan.End; i < len(r.plan.Entries); i++ {
		e := &r.plan.Entries[i]
		switch s := e.Step.(type) {
		case plan.Openat:
			names[e.Out] = s.Path
		case plan.Read:
			if n := r.prog.board.outcomes[i].result; n >= 0 {
				files[names[s.FD]] = string(r.prog.buffer(i, 1)[:n])
			}
		}
	}
	return cgroupdelegate.ParseUsage(files), len(files) > 0
}

// sampleTime is the least time between two looks at the processes of a jail
// whose memory is at its limit: each costs the supervisor some reads.
const sampleTime = 50 * time.Millisecond

// sampleMemory notes the largest processes of the jail, when its memory has met
// the limit. It is what can be known of the time of a kill: afterwards they
// are gone.
func (r *run) sampleMemory(events int) {
	_, _ = sys.Pread(events, 512) // what is read is what ppoll waits for a change of
	if now := time.Now(); now.Sub(r.sampled) >= sampleTime {
		r.sampled = now
		// One that comes after the kill shows only what is left.
		if list := r.largest(); len(list) > 0 && (len(r.largestSeen) == 0 || list[0].Memory >= r.largestSeen[0].Memory) {
			r.largestSeen = list
			r.shmemSeen = r.shmem()
		}
	}
}

// shmem is how much of the jail's memory is in files of a tmpfs and the like:
// memory.stat.
func (r *run) shmem() uint64 {
	fd, err := sys.Openat(r.known(r.plan.Leaf), "memory.stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer sys.Close(fd)
	text, _ := sys.Pread(fd, 8192)
	return cgroupdelegate.Shmem(text)
}

// Process is a process of a jail, as the host sees it.
type Process struct {
	Pid    int
	Name   string
	Memory uint64 // bytes of its own, and of shared memory that it has mapped
}

// largest are the three processes of the jail's cgroup with the most memory.
func (r *run) largest() []Process {
	fd, err := sys.Openat(r.known(r.plan.Leaf), "cgroup.procs", unix.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	defer sys.Close(fd)
	text, _ := sys.Pread(fd, 1<<16)
	var list []Process
	for pid := range strings.FieldsSeq(text) {
		status, err := sys.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			continue
		}
		p := Process{}
		p.Pid, _ = strconv.Atoi(pid)
		for line := range strings.Lines(status) { // proc(5)
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch key {
			case "Name":
				p.Name = strings.TrimSpace(value)
			case "RssAnon", "RssShmem":
				n, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
				p.Memory += n << 10
			}
		}
		if p.Memory >= 1<<20 { // with less it is PID 1, or is being killed and its memory gone
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b Process) int { return cmp.Compare(b.Memory, a.Memory) })
	return list[:min(len(list), 3)]
}
