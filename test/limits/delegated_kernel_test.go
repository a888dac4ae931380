package limits

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelDelegated starts jails in a scope that systemd has delegated, and
// holds the scope afterwards against what it was.
func TestKernelDelegated(t *testing.T) {
	const (
		one   = "enabled [] below [] processes 1\n"
		two   = "enabled [] below [] processes 2\n"
		inner = "/proc/self/cgroup: 0::/\n/sys/fs/cgroup/memory.max: 67108864\n/sys/fs/cgroup/pids.max: 40\n"
		show  = `"$self" victim show /proc/self/cgroup /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max`
	)
	for _, tt := range []struct{ name, script, want string }{
		{
			"alone with its shell", `state before; payload -q --memory 64M --pids 40 ` + show + `; state after`,
			"before: " + one + inner + "after: " + one,
		},
		{
			"the only process", `exec "$procjail" -q --memory 64M --pids 40 ` + show, inner,
		},
		{
			"another process beside", `sleep 60 & state before; payload -q --memory 64M --pids 40 ` + show + `; state after; kill $!`,
			"before: " + two + inner + "after: " + two,
		},
		{
			"by its name", `payload -q --cgroup delegated --memory 64M --pids 40 ` + show + `; state after`, inner + "after: " + one,
		},
		{
			"off", `payload -q --cgroup off sh -c 'cat /proc/self/cgroup; ls -A /sys/fs/cgroup 2>/dev/null' | sed 's,/.*,/,'; state after`, "0::/\nafter: " + one,
		},
		{
			"while it runs", `payload -q sleep 3 & sleep 2; state during; wait; state after`,
			// The shell and procjail stand in procjail.callers, the payload beside.
			"during: enabled [cpu memory pids] below [procjail-N/ procjail.callers/ ] processes 0\nafter: " + one,
		},
		{
			"the first ends first", `payload -q sleep 3 & sleep 1; payload -q sleep 5 & wait; state after`, "after: " + one,
		},
		{
			"the second ends first", `payload -q sleep 6 & sleep 1; payload -q --pids infinity true; state during | sed 's,\[c.*,,'; wait; state after`,
			"during: enabled \nafter: " + one,
		},
		{
			"different controllers", `payload -q -P CPUWeight=50 --cpus 1 sleep 2 & sleep 1; payload -q --cpus infinity sleep 4 & wait; state after`, "after: " + one,
		},
		{
			"many, again and again", `for round in 1 2 3; do for i in 1 2 3 4 5 6; do payload -q sh -c "exit $i" || echo "$?" >>$HOME/codes.$$ & done; wait; done
sort $HOME/codes.$$ | uniq -c | tr -s ' \n' ' '; rm $HOME/codes.$$; echo; state after`, " 3 1 3 2 3 3 3 4 3 5 3 6 \nafter: " + one,
		},
		{
			"a leaf beside others", `mkdir "$dir/main"; echo $$ >"$dir/main/cgroup.procs"; echo '+memory +pids +cpu' >"$dir/cgroup.subtree_control"
state before; payload -q --memory 64M --pids 40 ` + show + `; state after`,
			"before: enabled [cpu memory pids] below [main/ ] processes 0\n" + inner + "after: enabled [cpu memory pids] below [main/ ] processes 0\n",
		},
		{
			"a leaf below one with nothing enabled", `mkdir "$dir/main"; echo $$ >"$dir/main/cgroup.procs"
payload -q --memory 64M --pids 40 ` + show, inner,
		},
		{
			"a leaf whose parent has processes", `mkdir "$dir/main"; sleep 60 & echo $$ >"$dir/main/cgroup.procs"
payload -q --cgroup delegated "$self" victim show /proc/self/cgroup; state after; kill $!`,
			"/proc/self/cgroup: 0::/\nafter: enabled [] below [main/ ] processes 1\n",
		},
		{
			"a failure on the way", `payload -q --ro /nonexistent/x true 2>/dev/null; echo $?; payload -q -P AllowedCPUs=77 true; payload -q no-such-program 2>/dev/null; echo $?; state after`,
			"125\n127\nafter: " + one,
		},
		{
			"a process from outside ends with the jail", `fifo=$HOME/fifo.$$; mkfifo $fifo; payload -q cat <$fifo & jail=$!; exec 3>$fifo
until grep -qs . "$dir"/procjail-*/cgroup.procs; do sleep 0.1; done
sleep 600 3>&- & other=$!; echo $other >$(echo "$dir"/procjail-*/cgroup.procs); exec 3>&-
wait $jail; echo "jail $?"; wait $other; echo "other $?"; rm $fifo; state after`,
			"jail 0\nother 137\nafter: " + one,
		},
		{
			"killed, and the next one gives back", `"$procjail" -q sleep 60 & sleep 2; kill -9 $!; wait; sleep 1; payload -q true; state after`,
			"after: " + one,
		},
		{
			"ended by a signal", `"$procjail" -q sleep 60 & sleep 2; kill -TERM $!; wait $!; echo $?; state after`, "143\nafter: " + one,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start(t)
			got := inScope(t, tt.script)
			out := leafName.ReplaceAllString(got.Stdout, "procjail-N/")
			if got.Code != 0 || out != tt.want {
				t.Errorf("exit %d, stdout:\n%s\nwant:\n%s\nstderr: %s", got.Code, out, tt.want, got.Stderr)
			}
		})
	}
}

// TestKernelNoBus: where the cgroup is delegated, nobody is asked for one.
func TestKernelNoBus(t *testing.T) {
	start(t)
	kerneltest.Require(t, kerneltest.Strace)
	trace := filepath.Join(t.TempDir(), "trace")
	got := inScope(t, `strace -f -qq -e signal=none -e trace=connect -o `+trace+` "$procjail" -q --id self --memory 64M true; echo $?`)
	if got.Stdout != "0\n" {
		t.Errorf("%+v", got)
	}
	if calls := text(trace); strings.Contains(calls, "connect(") {
		t.Errorf("%s", calls)
	}
	// And it is seen where there is one.
	out, err := exec.Command("strace", "-f", "-qq", "-e", "trace=connect", "-o", trace, kerneltest.Binary(t), "-q", "--id", "self", "true").CombinedOutput()
	if calls := text(trace); err != nil || !strings.Contains(calls, "/systemd/private") {
		t.Errorf("%v, %s, %s", err, out, calls)
	}
}

// TestKernelBySystemd: a scope of its own, also out of a delegated one.
func TestKernelBySystemd(t *testing.T) {
	start(t)
	got := inScope(t, `state before; "$procjail" -q --cgroup systemd sleep 4 & sleep 2
cat /proc/$!/cgroup; wait; state after`)
	match(t, "stdout", `before: enabled \[\] below \[\] processes 1
0::/.*/app\.slice/procjail-[0-9a-z-]+\.scope/supervisor
after: enabled \[\] below \[\] processes 1
`, got.Stdout)
}

// TestKernelNotDelegated: a session's cgroup is root's.
func TestKernelNotDelegated(t *testing.T) {
	start(t)
	got := kerneltest.Run(t, "--cgroup", "delegated", "true")
	own := strings.TrimPrefix(kerneltest.CgroupOf(t, os.Getpid()), "/sys/fs/cgroup")
	want := "procjail: error: --cgroup delegated: the cgroup " + own + " is not yours to make children in\n" +
		"procjail: remedy: systemd-run --user --scope -p Delegate=yes procjail ..., or --cgroup systemd\n"
	if got.Code != 125 || got.Stdout != "" || got.Stderr != want {
		t.Errorf("%+v\nwant %s", got, want)
	}
}

// TestKernelOwnScope: a scope of the user's that is not marked as delegated is
// the manager's to arrange.
func TestKernelOwnScope(t *testing.T) {
	start(t)
	out, err := exec.Command("systemd-run", "--user", "--scope", "--quiet", "sh", "-c",
		`dir=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
"$1" -q sleep 4 & sleep 2; cat /proc/$!/cgroup; wait; ls -d "$dir"/*/; echo $(cat "$dir/cgroup.subtree_control")`, "sh", kerneltest.Binary(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	match(t, "stdout", "0::/.*/app\\.slice/procjail-[0-9a-z-]+\\.scope/supervisor\n\n", string(out))
}

// TestKernelUnderManagersTop: what the manager itself was given is not for a
// jail, although it is marked as delegated.
func TestKernelUnderManagersTop(t *testing.T) {
	start(t)
	out, err := exec.Command("systemd-run", "--user", "--scope", "--quiet", "--slice=-.slice", "sh", "-c",
		`"$1" -q sleep 4 & sleep 2; cat /proc/$!/cgroup; wait`, "sh", kerneltest.Binary(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	match(t, "stdout", "0::/.*/app\\.slice/procjail-[0-9a-z-]+\\.scope/supervisor\n", string(out))
}

// TestKernelSubgroup: DelegateSubgroup= of systemd 254 puts a service's process
// into a leaf, and enables nothing beside it.
func TestKernelSubgroup(t *testing.T) {
	start(t)
	out, err := exec.Command("systemd-run", "--user", "--wait", "--pipe", "--quiet", "-p", "Delegate=yes", "-p", "DelegateSubgroup=main",
		kerneltest.Binary(t), "-q", "--memory", "64M", "--", self(t), victimWord, "show", "/proc/self/cgroup", "/sys/fs/cgroup/memory.max").CombinedOutput()
	if strings.Contains(string(out), "DelegateSubgroup") {
		kerneltest.Missing(t, "subgroup", "probed DelegateSubgroup=, found: "+strings.TrimSpace(string(out)))
	}
	if err != nil || string(out) != "/proc/self/cgroup: 0::/\n/sys/fs/cgroup/memory.max: 67108864\n" {
		t.Errorf("%v, %s", err, out)
	}
}
