package launch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelDryRunIsTheStart runs real starts under strace(1) and holds every
// call of theirs against the dry run, in order: the child processes may make
// no call that was not announced and leave none out. Of the supervisor, whose
// runtime makes calls of its own, the announced ones must come in order.
func TestKernelDryRunIsTheStart(t *testing.T) {
	kerneltest.Unprivileged(t)
	kerneltest.Require(t, kerneltest.UserNamespaces, kerneltest.Strace)
	bin := kerneltest.Binary(t)
	for _, args := range [][]string{
		{"--id", "self", "/bin/true"},
		{"--id", "self", "--pid1", "payload", "/bin/true"},
		{"--profile", "build", "--net", "host", "/bin/true"},
		{"--id", "self", "--tmpfs", "/mnt", "--hide", "/etc/ssl", "--overlay-tmp", "/usr/share:/opt", "/bin/true"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			kerneltest.Clean(t)
			args := append([]string{"--quiet", "--cgroup", "off"}, args...)
			cmd := exec.Command(bin, append([]string{"--dry-run"}, args...)...)
			cmd.Dir = t.TempDir()
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			announced := dryRunCalls(string(out))
			trace := filepath.Join(t.TempDir(), "trace")
			cmd = exec.Command("strace", append([]string{"-ff", "-ttt", "-s", "4096", "-o", trace, bin}, args...)...)
			cmd.Dir = t.TempDir()
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			files, _ := filepath.Glob(trace + ".*")
			seen := map[string][]call{}
			for _, name := range files {
				calls := traceCalls(t, name)
				stage := stageOf(calls)
				seen[stage] = append(seen[stage], calls...)
			}
			if seen["payload"] == nil { // --pid1 payload: init goes on as the payload
				announced["init"] = append(announced["init"], announced["payload"]...)
				delete(announced, "payload")
			}
			for _, stage := range []string{"init", "network", "payload"} {
				want := announced[stage]
				got := seen[stage]
				if len(got) > len(want) { // the stub, or the program, comes after
					got = got[:len(want)]
				}
				blind(want)
				blind(got)
				if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
					t.Errorf("%s: announced (-), made (+):\n%s", stage, diff)
				}
			}
			super := seen["supervisor"]
			sort.SliceStable(super, func(i, j int) bool { return super[i].at < super[j].at })
			next := 0
			for _, c := range super {
				if next < len(announced["supervisor"]) && c.text == announced["supervisor"][next].text {
					next++
				}
			}
			if next < len(announced["supervisor"]) {
				t.Errorf("supervisor: announced, but not made in this order: %s", announced["supervisor"][next].text)
			}
		})
	}
}

// blind leaves out the strings of what comes after PR_SET_DUMPABLE: from then
// on not even strace may read the process's memory.
func blind(list []call) {
	undumpable := len(list) > 0 && strings.HasPrefix(list[0].text, "setpgid")
	for i, c := range list {
		if undumpable {
			name, rest, _ := strings.Cut(c.text, " ")
			flags, _, _ := strings.Cut(rest, " ")
			if name == "sendmsg" { // SCM_RIGHTS is behind a pointer
				flags = ""
			}
			list[i].text = strings.TrimSpace(name + " " + flags)
		}
		if strings.HasPrefix(c.text, "prctl PR_SET_DUMPABLE") {
			undumpable = true
		}
	}
}

// call is a system call without what differs from run to run.
type call struct {
	at   float64
	text string
}

func texts(list []call) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.text
	}
	return out
}

var (
	dryLine   = regexp.MustCompile(`^ *\d+ +(\w+) +(\w+\(.*)$`)
	traceLine = regexp.MustCompile(`^(\d+\.\d+) (\w+\(.*)$`)
	quoted    = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"(\.\.\.)?`)
	words     = regexp.MustCompile(`\b[A-Z][A-Z0-9_]{3,}\b`)
)

func dryRunCalls(text string) map[string][]call {
	m := map[string][]call{}
	for _, line := range strings.Split(text, "\n") {
		if f := dryLine.FindStringSubmatch(line); f != nil {
			body, _, _ := strings.Cut(f[2], "  # ")
			body, _, _ = strings.Cut(body, " (or ")
			m[f[1]] = append(m[f[1]], call{text: normal(body)})
		}
	}
	return m
}

func traceCalls(t *testing.T, name string) []call {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var list []call
	for _, line := range strings.Split(string(data), "\n") {
		f := traceLine.FindStringSubmatch(line)
		if f == nil {
			continue // a signal, or the end
		}
		at, _ := strconv.ParseFloat(f[1], 64)
		body := f[2]
		if i := strings.LastIndex(body, ") = "); i >= 0 {
			body = body[:i+1]
		}
		list = append(list, call{at, normal(body)})
	}
	return list
}

// stageOf tells the processes apart by the first thing they do.
func stageOf(calls []call) string {
	if len(calls) == 0 {
		return "?"
	}
	switch first := calls[0].text; {
	case strings.HasPrefix(first, "prctl PR_SET_PDEATHSIG"):
		return "init"
	case strings.HasPrefix(first, "unshare CLONE_NEWNET"):
		return "network"
	case strings.HasPrefix(first, "setpgid"):
		return "payload"
	}
	return "supervisor"
}

// unknown are calls whose flags the strace of Debian 12 does not know by name.
var unknown = regexp.MustCompile(`^(landlock_\w+|clone3|rt_sigaction|waitid|seccomp|capset|rt_sigprocmask|prlimit64|execve|execveat|ppoll)$`)

// normal is a call's name, its symbols in alphabetical order and its strings.
// Numbers are left out: descriptors, addresses and lengths differ between the
// two, and so do the orders in which flags are written.
func normal(body string) string {
	name, args, _ := strings.Cut(body, "(")
	if strings.HasPrefix(name, "fcntl") {
		name = "fcntl"
	}
	var strs []string
	for _, m := range quoted.FindAllStringSubmatch(args, -1) {
		s := m[1]
		if strings.Contains(s, `\`) {
			s = "data" // escaped in two different ways
		} else if len(s) > 40 {
			s = s[:40]
		}
		strs = append(strs, s)
	}
	syms := words.FindAllString(quoted.ReplaceAllString(args, ""), -1)
	kept := map[string]bool{}
	for _, s := range syms {
		switch s {
		case "NULL", "AT_FDCWD", "IPPROTO_IP", "SIG_BLOCK", "SUID_DUMP_DISABLE", "O_RDONLY":
			continue
		}
		kept[s] = true
	}
	var flags []string
	for s := range kept {
		flags = append(flags, s)
	}
	sort.Strings(flags)
	if unknown.MatchString(name) {
		flags = flags[:0]
		if name == "prlimit64" {
			flags = words.FindAllString(args, 1)
		}
		if strings.HasPrefix(name, "exec") && len(strs) > 1 {
			strs = strs[:1] // the path: arguments and environment are abbreviated
		}
		if name == "execveat" {
			strs = nil // strace cannot read memory that two processes share
		}
	}
	return strings.TrimSpace(name + " " + strings.Join(flags, "|") + " " + strings.Join(strs, " "))
}
