package launch

import (
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// TestLivesBounded: what is kept of a payload does not grow with the processes that it
// makes, nor with those of them that are killed.
func TestLivesBounded(t *testing.T) {
	r := &run{}
	c := denial.Call{NR: unix.SYS_CLONE3, Arch: denial.AuditArch(runtime.GOARCH)}
	for tid := range 3 * mostLives {
		r.traced.lives.leaders = map[int]int{tid: tid}
		d, _ := r.denied.Add(c, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS), 0, func() denial.Process { return denial.Process{} }, func(uint64, int) []byte { return nil })
		r.traced.lives.refused(d, tid)
		r.traced.withoutClone3(tid, c)
		r.goesOn(tid)
	}
	l := &r.traced.lives
	if len(r.denied.Denials) > 0 || len(l.denied) > 0 || len(l.of) > mostLives {
		t.Errorf("%d denials, %d moments, %d lives", len(r.denied.Denials), len(l.denied), len(l.of))
	}
}

// TestFailuresBounded: neither does it with the calls that fail for nothing.
func TestFailuresBounded(t *testing.T) {
	r := &run{opt: Options{Failed: func(f *Failure) bool { f.Idle = true; return true }}}
	for i := range 10_000 {
		r.failed(&Failure{Call: denial.Call{NR: unix.SYS_STATX, Arch: denial.AuditArch(runtime.GOARCH)}, Paths: []string{"/sys/" + strconv.Itoa(i)}, Errno: unix.ENOENT}, 1)
	}
	if tr := &r.traced; len(tr.failures) != mostFailures || len(tr.index) != mostFailures || tr.others != 10_000-mostFailures {
		t.Errorf("%d failures, %d of the index, %d others", len(tr.failures), len(tr.index), tr.others)
	}
}
