package launch

import (
	"runtime"
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
