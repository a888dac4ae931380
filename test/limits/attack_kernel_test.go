package limits

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelOwnMount: under build a payload may make namespaces, and a cgroup2 of
// its own shows it its cgroup for writing. nsdelegate (cgroups(7)) keeps the
// limits from it where it is the caller, its id where it is not; what it makes
// there ends with the jail.
func TestKernelOwnMount(t *testing.T) {
	for _, id := range []string{"subid", "self"} {
		for _, place := range []string{"systemd", "delegated"} {
			t.Run(id+"/"+place, func(t *testing.T) {
				start(t)
				var got kerneltest.Result
				if place == "systemd" {
					got = run(t, []string{"-p", "build", "--id", id, "--memory", "64M", "--pids", "40"}, "descendants")
				} else {
					got = inScope(t, `work=$(mktemp -d); chmod 777 "$work"; cd "$work"; payload -p build --id `+id+` --memory 64M --pids 40 -- "$self" victim descendants; cd /; rmdir "$work"; state after`)
				}
				t.Logf("%s%s", got.Stdout, got.Stderr)
				for _, file := range []string{"memory.max", "pids.max", "cpu.max", "memory.oom.group", "cgroup.freeze"} {
					if strings.Contains(got.Stdout, file+" written") {
						t.Errorf("%s can be written to", file)
					}
				}
				if got.Code != 0 || got.Stderr != "" {
					t.Errorf("%+v", got)
				}
				if place == "delegated" && !strings.HasSuffix(got.Stdout, "after: enabled [] below [] processes 1\n") {
					t.Errorf("%s", got.Stdout)
				}
			})
		}
	}
}

// TestKernelNested: a jail in a jail has the outer one's limits, whatever it asks
// for, and says that it has no cgroup of its own.
func TestKernelNested(t *testing.T) {
	start(t)
	got := kerneltest.Run(t, "-q", "-p", "build", "--memory", "96M", "--ro", kerneltest.Binary(t), "--", kerneltest.Binary(t), "--id", "self",
		"--memory", "1G", "--", self(t), victimWord, "hog", "400")
	t.Logf("%+v", got)
	if strings.Contains(got.Stdout, "touched") {
		t.Error("the inner jail has more than the outer one")
	}
}

// TestKernelSmallest: the least memory that can be asked for starts a payload or
// says what is wrong.
func TestKernelSmallest(t *testing.T) {
	start(t)
	for _, memory := range []string{"1M", "2M", "4M", "8M"} {
		got := kerneltest.Run(t, "--memory", memory, "true")
		t.Logf("--memory %s: %+v", memory, got)
		if got.Code != 0 && !strings.Contains(got.Stderr, "memory") {
			t.Errorf("--memory %s: %+v", memory, got)
		}
	}
	// Here init is born in its cgroup, and what it does before it is the payload
	// counts; procjail, whose memory it shares until then, must outlive it.
	scope := inScope(t, `for m in 1M 2M 4M; do payload --memory $m true; echo $m $?; done; state after`)
	t.Logf("delegated: %+v", scope)
	if !strings.HasSuffix(scope.Stdout, "after: enabled [] below [] processes 1\n") || strings.Contains(scope.Stderr, "Killed") {
		t.Errorf("delegated: %+v", scope)
	}
}

// TestKernelFewestPids: PID 1 and the payload are two; what makes the network has
// ended before there is a payload. With fewer the start fails, and says so.
func TestKernelFewestPids(t *testing.T) {
	const refused = `procjail: error: step [0-9]+/[0-9]+ \((init|supervisor)[^)]*\): clone3?\(.*\): EAGAIN
procjail: cause: the jail's limit is 1 processes and threads.*
procjail: remedy: --pids .*
`
	for _, id := range []string{"self", "subid"} {
		for _, pid1 := range []string{"init", "payload"} {
			for _, pids := range []string{"1", "2"} {
				options := []string{"--id", id, "--pid1", pid1, "--pids", pids, "true"}
				for _, place := range []string{"systemd", "delegated"} {
					t.Run(strings.Join(options, " ")+" "+place, func(t *testing.T) {
						start(t)
						var got kerneltest.Result
						if place == "systemd" {
							got = kerneltest.Run(t, options...)
						} else {
							got = inScope(t, `payload `+strings.Join(options, " "))
						}
						// Under systemd, init comes into the cgroup when the network is made.
						want, code := "", 0
						if pids == "1" && (pid1 == "init" || place == "delegated") {
							want, code = refused, 125
						}
						match(t, "stderr", want, got.Stderr)
						if got.Code != code {
							t.Errorf("%+v", got)
						}
					})
				}
			}
		}
	}
}

// TestKernelName: what a payload calls itself is no way to the caller's terminal.
func TestKernelName(t *testing.T) {
	start(t)
	got := kerneltest.Run(t, "--memory", "32M", "perl", "-e", `$0 = "\x1b[2J\n\x9b"; open F, ">/proc/self/comm"; syswrite F, "\x1b[2J\x9b31m"; close F; $x = "a" x 200000000; print length $x`)
	if got.Code == 127 {
		t.Skip("probed PATH, found: no perl")
	}
	for _, r := range got.Stderr {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
			t.Fatalf("%q", got.Stderr)
		}
	}
	t.Logf("%s", got.Stderr)
}

// TestKernelTogether: jails that start at once do not meet.
func TestKernelTogether(t *testing.T) {
	start(t)
	var cmds []*exec.Cmd
	for range 8 {
		cmd := kerneltest.Command(t, "-q", "--memory", "32M", "true")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(100 * time.Millisecond)
}
