package launch

import (
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// result reads how the payload ended: from the eventfd that PID 1 wrote, or,
// where the payload was PID 1 or PID 1 was killed, from waitid(2).
func (r *run) result() (Result, error) {
	res := Result{Results: r.results()}
	wait, status := -1, -1
	for i, e := range r.plan.Entries {
		if e.Stage != plan.Supervisor {
			break
		}
		switch e.Step.(type) {
		case plan.Waitid:
			wait = i
		case plan.Eventfd:
			if status < 0 {
				status = i
			}
		}
	}
	if wait < 0 {
		return res, errors.New("internal error: the plan does not wait")
	}
	info := (*siginfo)(addr(r.prog.ops[wait].args[2]))
	usage := (*unix.Rusage)(addr(r.prog.ops[wait].args[4]))
	res.Usage = Usage{
		Wall:   time.Since(r.began),
		User:   time.Duration(usage.Utime.Nano()),
		System: time.Duration(usage.Stime.Nano()),
		MaxRSS: usage.Maxrss * 1024,
	}
	if r.reports() {
		n, err := sys.ReadEventfd(int(r.prog.board.results[status]))
		if err != nil {
			return res, err
		}
		if n != 0 {
			res.Status = unix.WaitStatus(n - 1)
			return res, nil
		}
	}
	res.Status = info.waitStatus()
	return res, nil
}

// reports tells whether the plan has a PID 1 that writes the payload's status.
func (r *run) reports() bool {
	for _, e := range r.plan.Entries {
		if _, ok := e.Step.(plan.ExecFD); ok {
			return true
		}
	}
	return false
}

// siginfo is what waitid(2) fills in of siginfo_t, on 64-bit architectures.
type siginfo struct {
	signo, errno, code int32
	_                  int32
	pid                int32
	uid                uint32
	status             int32
}

// waitStatus is the status in the form of wait(2).
func (s *siginfo) waitStatus() unix.WaitStatus {
	const cldExited = 1
	if s.code == cldExited {
		return unix.WaitStatus(s.status&0xff) << 8
	}
	return unix.WaitStatus(s.status & 0x7f)
}

// watch passes signals on and reports progress until stop is called.
func (r *run) watch() (stop func()) {
	if r.opt.Signals == nil && r.opt.Progress == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		seen := 0
		var tick <-chan time.Time
		if r.opt.Progress != nil {
			t := time.NewTicker(time.Millisecond)
			defer t.Stop()
			tick = t.C
		}
		for {
			select {
			case sig := <-r.opt.Signals:
				if fd := r.initPidfd(); fd > 0 {
					if s, ok := sig.(unix.Signal); ok {
						_ = sys.PidfdSendSignal(fd, s)
					}
				}
			case <-tick:
				seen = r.progress(seen)
			case <-quit:
				if r.opt.Progress != nil {
					r.progress(seen)
				}
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// initPidfd is the pidfd as clone3 has stored it, 0 before that.
func (r *run) initPidfd() int {
	for _, e := range r.plan.Entries {
		if s, ok := e.Step.(plan.Clone3); ok {
			k, _ := s.Pidfd.Result()
			n := atomic.LoadInt64(&r.prog.board.results[len(r.plan.Entries)+k])
			return int(max(n, 0))
		}
	}
	return 0
}

// progress reports the entries that have a result now and had none before,
// and the one that is under way.
func (r *run) progress(seen int) int {
	for seen < len(r.plan.Entries) {
		r.opt.Progress(seen)
		if atomic.LoadInt64(&r.prog.board.results[seen]) == notRun {
			break
		}
		seen++
	}
	return seen
}
