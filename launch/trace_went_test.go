package launch

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
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

// TestWritten: what a payload writes is read, and not repeated.
func TestWritten(t *testing.T) {
	const secret = "login with hunter2 failed\n"
	call := denial.Call{NR: unix.SYS_WRITE, Arch: denial.AuditArch(runtime.GOARCH), Args: [6]uint64{2, 4096, uint64(len(secret))}}
	f := written(call, func(_ uint64, n int) []byte { return []byte(secret)[:n] })
	if f.Text != "write(2, ..., 26)" || f.Data != secret {
		t.Errorf("%q and %q", f.Text, f.Data)
	}
	r := &run{opt: Options{Failed: func(*Failure) bool { return true }}}
	r.failed(f, 1)
	r.failed(written(call, func(uint64, int) []byte { return []byte("another of the same size\n") }), 1)
	if n := len(r.traced.failures); n != 2 {
		t.Errorf("%d messages are known, want 2", n)
	}
}

// TestUnheard: nobody reads what goes to /dev/null, unless everything does.
func TestUnheard(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	to := func(f *os.File) denial.Call { return denial.Call{Args: [6]uint64{uint64(f.Fd())}} }
	all, err := sys.StatFD(2)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := unheard(os.Getpid(), to(null)), !all.IsDevice() || all.Rdev != unix.Mkdev(1, 3); got != want {
		t.Errorf("/dev/null: %v, want %v", got, want)
	}
	if unheard(os.Getpid(), to(file)) {
		t.Error("a file is taken for /dev/null")
	}
}
