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
	at := time.Duration(0)
	hear := func(pid int, text string) {
		at++
		m.hear(denial.Process{PID: pid, Name: "sh"}, text, at)
	}
	said := func(pid int, text string, at time.Duration) message {
		return message{wall.Message{PID: pid, Name: "sh", Text: text}, at}
	}
	for _, s := range strings.Split("no route\n", "") {
		hear(2, s)
	}
	hear(3, "one\n")
	hear(2, "two\n")
	if want := []message{said(2, "no route\n", 9), said(3, "one\n", 10), said(2, "two\n", 11)}; !slices.Equal(m.messages, want) {
		t.Errorf("%v, want %v", m.messages, want)
	}
	for range 2 * mostMessages {
		hear(4, "more\n")
	}
	if n := len(m.messages); n != mostMessages || m.messages[0].Text != "more\n" {
		t.Errorf("%d messages, the first %v", n, m.messages[0])
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
		m.hear(denial.Process{PID: 2}, strings.Repeat("Name and address. ", 4096/18)+"\n", 1000)
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

// TestJudge: what a payload says after a failure, and who, tells whether it was the
// reason. Each row has failures of the process 3 that one wall was found behind, in
// their order, and messages; want are the paths of those that are named.
func TestJudge(t *testing.T) {
	type fail struct {
		kind  wall.Kind
		errno unix.Errno
		path  string // an address, of the network
	}
	type say struct {
		pid  int
		text string
	}
	const at192 = "192.0.2.1:443"
	for _, c := range []struct {
		what   string
		failed []fail
		said   []say
		want   string
	}{
		{"the network, spoken of", []fail{{wall.Network, unix.ENETUNREACH, at192}}, []say{{3, "connect: Network is unreachable\n"}}, at192},
		{"the network, and the shell speaks", []fail{{wall.Network, unix.ENETUNREACH, at192}}, []say{{2, "no page\n"}}, at192},
		{"the network, and nobody speaks", []fail{{wall.Network, unix.ENETUNREACH, at192}}, nil, at192},
		{"a name of Python's", []fail{{wall.Network, unix.ENETUNREACH, at192}}, []say{{3, "NameError: name 'x' is not defined\n"}}, ""},
		{"another process that fails of itself", []fail{{wall.Network, unix.ENETUNREACH, at192}}, []say{{4, "ZeroDivisionError: division by zero\n"}}, ""},

		{"a file, spoken of by its errno", []fail{{wall.NotShown, unix.ENOENT, "/a/cfg"}}, []say{{3, "app: No such file or directory\n"}}, "/a/cfg"},
		{"the last file of two", []fail{{wall.NotShown, unix.ENOENT, "/a/cfg"}, {wall.NotShown, unix.ENOENT, "/a/key"}}, []say{{3, "app: No such file or directory\n"}}, "/a/key"},
		{"the last file of two, which is nowhere", []fail{{wall.NotShown, unix.ENOENT, "/a/cfg"}, {wall.None, unix.ENOENT, "/a/key"}}, []say{{3, "app: No such file or directory\n"}}, ""},
		{"another file", []fail{{wall.NotShown, unix.ENOENT, "/a/cfg"}, {wall.None, unix.ENOENT, "/b/data.csv"}}, []say{{3, "No such file or directory: 'data.csv'\n"}}, ""},
		{"another process's file", []fail{{wall.NotShown, unix.ENOENT, "/a/cfg"}}, []say{{4, "cat: nothere.txt: No such file or directory\n"}}, ""},
		{"a file, and nobody speaks", []fail{{wall.NotShown, unix.ENOENT, "/a/cfg"}}, nil, "/a/cfg"},

		{"a read-only place, spoken of", []fail{{wall.ReadOnly, unix.EROFS, "/usr/local/lib/cache.db"}}, []say{{3, "cache.db: Read-only file system\n"}}, "/usr/local/lib/cache.db"},
		{"a read-only place that does not matter", []fail{{wall.ReadOnly, unix.EROFS, "/usr/local/lib/cache.db"}}, []say{{3, "invalid argument: --colour=purple\n"}}, ""},
		{"a mode that does not matter", []fail{{wall.Mode, unix.EACCES, "/srv/log"}}, []say{{3, "invalid argument: --colour=purple\n"}}, ""},

		{"a setuid program that speaks of it", []fail{{wall.Privilege, 0, "/usr/bin/su"}}, []say{{3, "su: must be run as root\n"}}, "/usr/bin/su"},
		{"words of an owner that a call explains", []fail{{wall.ReadOnly, unix.EROFS, "/usr/bin/ls"}, {wall.IDMap, 0, ""}}, []say{{3, "changing ownership of '/usr/bin/ls'\n"}}, "/usr/bin/ls"},
		{"words of an owner, after what programs go on without", []fail{{wall.NotShown, unix.ENOENT, "/a/cfg"}, {wall.IDMap, 0, ""}}, []say{{3, "dubious ownership\n"}}, "words"},
	} {
		m, res := &met{}, launch.Result{}
		for i, f := range c.failed {
			failure := &launch.Failure{Errno: f.errno, Process: denial.Process{PID: 3, Name: "app"}, At: time.Duration(i)}
			switch {
			case f.kind == wall.Network:
				failure.Address = f.path
			case f.path == "":
				failure.Data, failure.Address = "words", "words"
			default:
				failure.Paths = []string{f.path}
			}
			failure.Verdict = &verdict{Met: wall.Met{Wall: f.kind}}
			res.Failed = append(res.Failed, failure)
		}
		for i, s := range c.said {
			m.hear(denial.Process{PID: s.pid, Name: "app"}, s.text, time.Duration(len(c.failed)+i))
		}
		var named []string
		for _, f := range m.telling(res) {
			if verdictOf(f).rank < didWithout {
				named = append(named, append(f.Paths, f.Address)[0])
			}
		}
		if got := strings.Join(named, " "); got != c.want || m.explains(res) != (c.want != "") {
			t.Errorf("%s: %q is named, want %q", c.what, got, c.want)
		}
	}
	// su --help, whose output goes nowhere, and another's failure.
	f := &launch.Failure{Process: denial.Process{PID: 3}, Paths: []string{"/usr/bin/su"}, EndedWell: true, Verdict: &verdict{Met: wall.Met{Wall: wall.Privilege}}}
	m := &met{messages: []message{{wall.Message{PID: 2, Text: "not root: bad document\n"}, 1}}}
	if m.explains(launch.Result{Failed: []*launch.Failure{f}}) {
		t.Error("a setuid program that ended well is named for what another says")
	}
}
