package launch

import "github.com/Emmanuel326/procjail/seccomp/denial"

// life is what is known of a process that something has failed for.
type life struct {
	calls       uint64 // that were looked at since the first of those
	ended, well bool   // by exit_group(2), with status 0
}

// mostLives are kept, of processes that have not ended by themselves.
const mostLives = 4096

// mark is a moment in it.
type mark struct {
	life  *life
	calls uint64
}

// wentOn reports whether the process did without and ended well, and how many calls
// it made meanwhile.
func (m mark) wentOn() (well bool, calls uint64) {
	if m.life == nil {
		return false, 0
	}
	return m.life.ended && m.life.well, m.life.calls - m.calls
}

// lives are of those that something has failed for, and the processes of threads.
type lives struct {
	of      map[int]*life
	leaders map[int]int
	denied  map[*denial.Denial]mark // of the last of each kind
}

func (l *lives) leader(tid int) int {
	pid, ok := l.leaders[tid]
	if !ok {
		if l.leaders == nil || len(l.leaders) > 1024 {
			l.leaders = make(map[int]int)
		}
		pid = leader(tid)
		l.leaders[tid] = pid
	}
	return pid
}

// mark notes that something has failed for a thread.
func (l *lives) mark(tid int) mark {
	pid := l.leader(tid)
	if l.of[pid] == nil {
		if l.of == nil || len(l.of) >= mostLives { // of those that were killed nobody told
			l.of = make(map[int]*life)
		}
		l.of[pid] = new(life)
	}
	return mark{l.of[pid], l.of[pid].calls}
}

// refused notes that it was a call that the policy refuses.
func (l *lives) refused(d *denial.Denial, tid int) {
	if l.denied == nil {
		l.denied = make(map[*denial.Denial]mark)
	}
	l.denied[d] = l.mark(tid)
}

// called notes a call of a thread's.
func (l *lives) called(tid int) {
	if len(l.of) == 0 {
		return
	}
	if life := l.of[l.leader(tid)]; life != nil {
		life.calls++
	}
}

// exits notes the end of a thread's process. Its id may be another's then.
func (l *lives) exits(tid int, status uint8) {
	pid := l.leader(tid)
	if life := l.of[pid]; life != nil {
		life.ended, life.well = true, status == 0
		delete(l.of, pid)
	}
	delete(l.leaders, tid)
}
