package launch

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// entries makes those of the list that are the supervisor's. The programs that
// map ids run side by side.
func (r *run) entries(list []plan.Entry) error {
	for i := 0; i < len(list); i++ {
		if list[i].Stage != plan.Supervisor {
			continue
		}
		if isNewidmap(list[i]) {
			n := 1
			for i+n < len(list) && isNewidmap(list[i+n]) {
				n++
			}
			if err := r.newidmaps(i, n); err != nil {
				return err
			}
			i += n - 1
			continue
		}
		if err := r.entry(i); err != nil {
			return err
		}
	}
	return nil
}

// entry makes one entry: a system call, or what stands for several. One that
// needs a result that never came is passed over.
func (r *run) entry(i int) error {
	switch s := r.plan.Entries[i].Step.(type) {
	case plan.SignalMask: // cloneAndRun's
		r.prog.board.set(i, 0)
		return nil
	case plan.SchedSetaffinity: // too; it ends no start
		return nil
	case plan.Clone3:
		return r.clone3(i, s)
	case plan.Forward:
		return r.forward(i, s)
	case plan.WriteMap:
		return r.writeMap(i, s)
	case plan.Waitid:
		return r.waitid(i)
	case plan.Socketpair:
		return r.socketpair(i, s)
	case plan.ReceiveFD:
		if r.plan.Entries[i].Out == r.plan.Listener {
			return r.takeListener(i, s)
		}
		return r.takeTerminal(i, s)
	case plan.Ioctl:
		return r.setTerminal(i, s)
	case plan.StartScope:
		return r.startScope(i, s)
	case plan.AwaitScope:
		return r.awaitScope(i)
	case plan.OpenCgroup:
		return r.openCgroup(i, s)
	case plan.MoveProcesses:
		return r.with(i, s.From, func(fd int) error { return r.moveProcesses(fd, s) })
	case plan.MoveProcess:
		return r.with(i, s.To, func(fd int) error { return r.moveProcess(fd, s.Pid) })
	case plan.AwaitEmpty:
		return r.with(i, s.Leaf, func(leaf int) error { return r.awaitEmpty(leaf, r.known(s.Events)) })
	case plan.Flock:
		return r.lock(i)
	case plan.Rmdir:
		return r.rmdir(i, s)
	case plan.GiveBack:
		return r.with(i, s.Top, func(fd int) error { return giveBack(fd, s.Child, s.Controllers) })
	}
	return r.call(i)
}

// waitid makes the entry that waits for the end of init.
func (r *run) waitid(i int) error {
	if r.listener == 0 {
		r.look(r.known(r.plan.Init), func() {})
	}
	if err := r.await(); err != nil {
		return err
	}
	r.unheard = !r.silent()
	if r.tty != nil {
		r.tty.end()
	}
	return r.call(i)
}

// with makes an entry of several calls on fd, if there is one.
func (r *run) with(i int, fd plan.FD, f func(fd int) error) error {
	n := r.value(fd)
	if n < 0 {
		r.prog.board.set(i, passed)
		return nil
	}
	if err := f(int(n)); err != nil {
		return r.otherError(i, err)
	}
	r.prog.board.set(i, 0)
	return nil
}

func isNewidmap(e plan.Entry) bool { _, ok := e.Step.(plan.Newidmap); return ok }

// call makes the system call of entry i, as the child's loop does.
func (r *run) call(i int) error {
	o := &r.prog.ops[i]
	n, errno := o.call()
	r.prog.board.set(i, n)
	switch {
	case n == passed || errno != 0 && o.skips(errno):
		return nil
	case errno != 0:
		return r.stepError(i, errno)
	}
	for _, ref := range r.prog.refs {
		if ref.i == i {
			*(*int32)(ref.at) = int32(n)
		}
	}
	if s, ok := r.plan.Entries[i].Step.(plan.Close); ok {
		closed := int(r.value(s.FD))
		r.owned = slices.DeleteFunc(r.owned, func(fd int) bool { return fd == closed })
	}
	if r.plan.Entries[i].Out != 0 {
		r.owned = append(r.owned, int(n))
	}
	if o.want >= 0 && n != o.want {
		return r.stepError(i, 0)
	}
	return nil
}

// call makes one system call, again if a signal interrupts it. The result of a
// failure is the negative errno.
func (o *op) call() (int64, unix.Errno) {
	args := o.args
	for k := range args {
		if o.ind&(1<<k) != 0 {
			v := *(*int64)(addr(args[k]))
			if v < 0 {
				return passed, 0
			}
			args[k] = uint64(v)
		}
	}
	for {
		n, _, errno := unix.Syscall6(uintptr(o.nr), uintptr(args[0]), uintptr(args[1]), uintptr(args[2]), uintptr(args[3]), uintptr(args[4]), uintptr(args[5]))
		switch errno {
		case 0:
			return int64(n), 0
		case unix.EINTR:
			continue
		}
		return -int64(errno), errno
	}
}

func (o *op) skips(errno unix.Errno) bool {
	for skip := o.skip; skip != 0; skip >>= 16 {
		if skip&0xffff == uint64(errno) {
			return true
		}
	}
	return false
}

// addr is an address in the arena or the board, neither of which moves.
func addr(v uint64) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&v)) }

// cloneAndRun calls clone3(2) with args, with every signal blocked, between the calls
// of two other ops, if they are not nil. In the supervisor it returns the process id or a
// negative errno, the id of the thread that called, and the results of those two; in the
// child it runs table from first, the op with that index, and never returns.
//
//go:noescape
func cloneAndRun(args unsafe.Pointer, size uintptr, first, table *op, outcomes *outcome, index uintptr, before, after *op) (pid, thread, tied, untied int64)

func (r *run) clone3(i int, s plan.Clone3) error {
	args := addr(r.prog.ops[i].args[0]) // with the number of the cgroup in it
	k, _ := s.Pidfd.Result()
	slot := &r.prog.board.outcomes[len(r.plan.Entries)+k].result
	*slot = 0
	*(*uint64)(unsafe.Add(args, 8)) = uint64(uintptr(unsafe.Pointer(slot)))
	first, began := r.prog.first, ticks()
	var before, after *op
	if _, ties := r.plan.Entries[i-1].Step.(plan.SchedSetaffinity); ties {
		before, after = &r.prog.ops[i-1], &r.prog.ops[i+1]
	}
	pid, thread, tied, untied := cloneAndRun(args, uintptr(len(s.CloneArgs())), &r.prog.ops[first], &r.prog.ops[0], &r.prog.board.outcomes[0], uintptr(first), before, after)
	r.thread = int(thread)
	r.prog.board.set(i, pid)
	if before != nil {
		r.prog.board.outcomes[i-1] = outcome{tied, began}
		r.prog.board.set(i+1, untied)
	}
	if pid < 0 {
		return r.stepError(i, unix.Errno(-pid))
	}
	r.pidfd = int(*slot)
	r.owned = append(r.owned, r.pidfd)
	return nil
}

// socketpair makes the entry whose two results have no other.
func (r *run) socketpair(i int, s plan.Socketpair) error {
	a, b, err := sys.Socketpair()
	if err != nil {
		return r.stepError(i, sys.Errno(err))
	}
	r.owned = append(r.owned, a, b)
	for fd, n := range map[plan.FD]int{s.A: a, s.B: b} {
		k, _ := fd.Result()
		r.prog.board.outcomes[len(r.plan.Entries)+k].result = int64(n)
	}
	r.prog.board.set(i, 0)
	return nil
}
