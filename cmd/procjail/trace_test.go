package main

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/seccomp/denial"
	"github.com/Emmanuel326/procjail/wall"
)

// TestHear: what is written in pieces is one message, of each process by itself, and
// the last ones are kept.
func TestHear(t *testing.T) {
	var m met
	for _, s := range strings.Split("no route\n", "") {
		m.hear(2, s)
	}
	m.hear(3, "one\n")
	m.hear(2, "two\n")
	if want := []message{{2, "no route\n"}, {3, "one\n"}, {2, "two\n"}}; !slices.Equal(m.messages, want) {
		t.Errorf("%q, want %q", m.messages, want)
	}
	for range 2 * mostMessages {
		m.hear(4, "more\n")
	}
	if n := len(m.messages); n != mostMessages || m.messages[0] != (message{4, "more\n"}) {
		t.Errorf("%d messages, the first %q", n, m.messages[0])
	}
}

// TestMetForgets: launch drops what says nothing, and what was found of it goes as well.
func TestMetForgets(t *testing.T) {
	m := (&options{trace: true}).met(&plan.Spec{}, &plan.Plan{})
	const times, room = 10_000, 100
	var gone atomic.Int64
	for range times {
		f := &launch.Failure{
			Call: denial.Call{NR: unix.SYS_OPENAT, Arch: denial.AuditArch(runtime.GOARCH)}, Paths: []string{"/sys/"}, Errno: unix.ENOENT,
			Pid: 1 << 30, // a process that is not there: nothing is inside
		}
		if m.failed(f); !f.Idle || verdictOf(f).Wall != wall.NotShown {
			t.Fatalf("%+v, idle %v: want one that programs go on without", verdictOf(f), f.Idle)
		}
		runtime.AddCleanup(f, func(int) { gone.Add(1) }, 0)
	}
	for until := time.Now().Add(10 * time.Second); gone.Load() < times-room && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		runtime.GC()
	}
	if n := times - gone.Load(); n > room {
		t.Errorf("%d failures of %d are still kept", n, times)
	}
	runtime.KeepAlive(m)
}

// TestJudgeOnce: the longest list and the longest messages are judged in a moment, not in minutes.
func TestJudgeOnce(t *testing.T) {
	m := &met{}
	for range mostMessages {
		m.hear(2, strings.Repeat("Name and address. ", 4096/18)+"\n")
	}
	var res launch.Result
	for i := range 256 {
		f := &launch.Failure{Paths: []string{"/home/alice/file" + strconv.Itoa(i)}, Errno: unix.ENOENT, At: time.Duration(i)}
		f.Verdict = &verdict{Met: wall.Met{Wall: []wall.Kind{wall.NotShown, wall.Privilege, wall.Network, wall.ReadOnly}[i%4]}}
		res.Failed = append(res.Failed, f)
	}
	began := time.Now()
	m.telling(res)
	m.explains(res)
	m.report(res)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
