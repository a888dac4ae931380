package main

import (
	"testing"

	"github.com/Emmanuel326/procjail/examples/failures"
	"github.com/Emmanuel326/procjail/report"
)

// TestJudge: right is the right kind and the right object, in the first line and in
// the report. Anything else that is named first is wrong.
func TestJudge(t *testing.T) {
	met := func(wall, cause string) report.Report {
		return report.Report{Failures: &report.Failures{Calls: []report.FailedCall{{Wall: wall, Cause: cause}}}}
	}
	refuses := func(call, text string) report.Report {
		return report.Report{Denials: report.Denials{Calls: []report.Denial{{Syscall: call, Call: text}}}}
	}
	const usr = `failed: mkdir("/usr/x", 0755): EROFS, /usr/x is on the mount /usr, which is read-only (mkdir, process 2)`
	const mount = `refused: mount("none", "/tmp", "tmpfs", 0, NULL): EPERM by the policy strict (x, process 2)`
	const shown = `failed: openat(AT_FDCWD, "/w/token", O_RDONLY): ENOENT, /w/token exists on the host and is not shown inside (x, process 2)`
	for _, c := range []struct {
		cause  string
		lines  []string
		report report.Report
		want   string
	}{
		{"mount:/usr is read-only", []string{usr, "remedy: x"}, met("read-only", "/usr/x is on the mount /usr, which is read-only"), right},
		{"mount:/usr is read-only", []string{usr}, met("mode", "/usr"), wrong},
		{"mount:/usr is read-only", []string{usr}, report.Report{}, wrong},
		{"mount:/proc is read-only", []string{usr}, met("read-only", "/usr"), wrong},
		{"mount:/usr is read-only", []string{mount, usr}, met("read-only", "/usr"), wrong},
		{"mount:/usr is read-only", []string{"note: x", "signal: killed by SIGBUS, which the kernel sends for memory"}, report.Report{}, unknown},
		{"mount:/usr is read-only", []string{"cause: unknown; looked at: x"}, report.Report{}, unknown},
		{"seccomp:mount", []string{mount, usr}, refuses("mount", `mount("none", "/tmp")`), right},
		{"seccomp:mount", []string{usr, mount}, refuses("mount", `mount("none", "/tmp")`), wrong},
		{"seccomp:umount2", []string{mount}, refuses("mount", `mount("none", "/tmp")`), wrong},
		{"seccomp:socket(AF_PACKET)", []string{`refused: socket(AF_PACKET, SOCK_RAW, 0): EAFNOSUPPORT`}, refuses("socket", "socket(AF_PACKET, SOCK_RAW, 0)"), right},
		{"seccomp:socket(AF_PACKET)", []string{`refused: socket(AF_NETLINK, SOCK_RAW, 0): EAFNOSUPPORT`}, refuses("socket", "socket(AF_NETLINK, SOCK_RAW, 0)"), wrong},
		{"view:$WORK/token is not shown", []string{shown}, met("view", "/w/token exists on the host and is not shown inside"), right},
		{"view:$WORK/key is not shown", []string{shown}, met("view", "/w/token exists on the host and is not shown inside"), wrong},
		{"limit:pids", []string{"pids: 1 forks were refused at the limit of 24 processes and threads"}, report.Report{Reason: "pids"}, right},
		{"limit:pids", []string{"oom: killed for memory"}, report.Report{Reason: "oom"}, wrong},
		{"limit:memory", []string{"oom: killed for memory"}, report.Report{Reason: "oom"}, right},
		{"none", nil, report.Report{}, right},
		{"none", []string{usr}, met("read-only", "/usr"), wrong},
		{"program:nobody reads what it writes", []string{"signal: killed by SIGPIPE, which the kernel sends to who writes to a pipe that nobody reads"}, report.Report{}, right},
		{"program:nobody reads what it writes", []string{usr}, met("read-only", "/usr"), wrong},
		{"program:it is open for writing", nil, report.Report{}, right},
		{"program:it is open for writing", []string{`failed: execve("/tmp/x"): ETXTBSY, /tmp/x is open for writing`}, met("program", "/tmp/x is open for writing"), right},
		{"program:it is open for writing", []string{`failed: execve("/tmp/x"): ETXTBSY, /tmp/x is open for writing`}, met("mode", ""), wrong},
		{"program:it is open for writing", []string{`failed: execve("/tmp/x"): ETXTBSY, /tmp/x is open for writing`, usr}, met("program", "/tmp/x is open for writing"), wrong},
	} {
		w, err := wants(c.cause)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.judge(said{c.lines, []report.Report{c.report}}); got != c.want {
			t.Errorf("%s, said %q: %s, want %s", c.cause, c.lines, got, c.want)
		}
	}
}

// TestWants: of every script of the laboratory it is known what would name its
// cause, so that a new one is asked about.
func TestWants(t *testing.T) {
	all, err := failures.Load("../../../examples/failures")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		for _, c := range f.Cases {
			if _, err := wants(c.Cause); err != nil {
				t.Errorf("%s/%s: %v", f.Name, c.File, err)
			}
		}
	}
}

func TestJudgeConditions(t *testing.T) {
	c := condition{id: "exec-busy", says: "program"}
	failed := func(id string) []report.Report {
		return []report.Report{{Error: &report.Failure{CauseID: id}}}
	}
	for _, one := range []struct {
		lines   []string
		reports []report.Report
		want    string
	}{
		{[]string{"error: step", "cause: DIR/program is open"}, failed("exec-busy"), right},
		{[]string{"cause: DIR/program is open"}, failed("exec-mode"), wrong},
		{[]string{"cause: something else"}, failed("exec-busy"), wrong},
		{[]string{"cause: unknown; looked at: x"}, failed("unknown"), unknown},
		{[]string{"error: DIR/program"}, failed("exec-busy"), wrong},
		{nil, nil, wrong},
	} {
		if got := c.judge(said{one.lines, one.reports}); got != one.want {
			t.Errorf("%q: %s, want %s", one.lines, got, one.want)
		}
	}
}

// TestCount: what would make the exit status 1.
func TestCount(t *testing.T) {
	outcome := func(plain, traced string) Outcome {
		return Outcome{Group: "x", Verdicts: []Verdict{{Result: plain}, {Result: traced}}}
	}
	repeat := func(n int, more ...Outcome) []Outcome {
		for range n {
			more = append(more, outcome(right, right))
		}
		return more
	}
	for _, c := range []struct {
		what string
		list []Outcome
		want bool
	}{
		{"all right", repeat(10), false},
		{"unknown, plain", repeat(10, outcome(unknown, right)), false},
		{"one unknown of 20", repeat(19, outcome(unknown, unknown)), false},
		{"one unknown of 19", repeat(18, outcome(unknown, unknown)), true},
		{"one wrong", repeat(100, outcome(wrong, right)), true},
		{"none was run", []Outcome{outcome("no cgroup", "no cgroup")}, true},
	} {
		if got := count(c.list); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
