package limits

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// killedTime is how long procjail waits for the end of what it killed, by
// launch.
const killedTime = 10 * time.Second

// TestKernelStuck: a process in state D does not end by SIGKILL. procjail comes
// back all the same, in time, and says which process it is and what it waits in.
// When that lets go, nothing is left.
func TestKernelStuck(t *testing.T) {
	start(t)
	kerneltest.Require(t, kerneltest.FUSE)
	t.Cleanup(func() { kerneltest.NobodyLeft(t) })
	const thread = ` in state D \(request_wait_answer\)`
	type try struct {
		name           string
		cmd            *exec.Cmd
		stdout, stderr strings.Builder
		took           chan time.Duration
		want           string
	}
	// All at once: each takes half a minute, the most of it to be stuck on any machine.
	var tries []*try
	for name, tt := range map[string]struct {
		options []string
		act     []string
		stuck   string
	}{
		"with a scope": {[]string{"--cgroup", "systemd"}, []string{"cat"}, `[0-9]+ \(cat\)` + thread},
		"no cgroup":    {[]string{"--cgroup", "off"}, []string{"cat"}, `[0-9]+ \(cat\)` + thread},
		"delegated":    {[]string{"--cgroup", "delegated"}, []string{"cat"}, `[0-9]+ \(cat\)` + thread},
		"its start":    {[]string{"--ro", "DIR/late"}, []string{"true"}, `[0-9]+ \(procjail(-init)?\)` + thread},
		"PID 1":        {[]string{"--pid1", "payload"}, []string{"cat"}, `[0-9]+ \(cat\)` + thread},
		"a thread":     {nil, []string{self(t), victimWord, "open"}, `[0-9]+ \(limits.test\)` + thread},
		"the others":   {nil, []string{"sh", "-c", `setsid cat "$1" & sleep 1`, "sh"}, `[0-9]+ \(cat\)` + thread},
		"two":          {nil, []string{"sh", "-c", `setsid cat "$1" & cat "$1" & sleep 600`, "sh"}, `[0-9]+ \(cat\)` + thread + `, [0-9]+ \(cat\)` + thread},
	} {
		dir := t.TempDir()
		args := []string{
			"unshare", "--user", "--map-current-user", "--keep-caps", "--mount", self(t), victimWord, "hang", dir,
			kerneltest.Binary(t), "--id", "self", "--ro", dir, "--timeout", "15s", "--stop-timeout", "100ms",
		}
		for _, o := range tt.options {
			args = append(args, strings.Replace(o, "DIR", dir, 1))
		}
		args = append(append(args, tt.act...), dir+"/file")
		if name == "delegated" { // and the next jail there cleans up
			args = append([]string{
				"systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes", "sh", "-c",
				`"$@"; code=$?; "` + kerneltest.Binary(t) + `" -q --cgroup delegated true; ls "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)" | grep ^procjail; exit $code`, "sh",
			}, args...)
		}
		one := &try{name: name, cmd: exec.Command(args[0], args[1:]...), took: make(chan time.Duration, 1), want: tt.stuck}
		one.cmd.Stdout, one.cmd.Stderr = &one.stdout, &one.stderr
		began := time.Now()
		if err := one.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			_ = one.cmd.Wait()
			one.took <- time.Since(began)
		}()
		tries = append(tries, one)
	}
	for _, one := range tries {
		t.Run(one.name, func(t *testing.T) {
			took := time.Duration(0)
			select {
			case took = <-one.took:
			case <-time.After(6 * killedTime):
				_ = one.cmd.Process.Kill()
				took = <-one.took
			}
			match(t, "standard error", `procjail: error: the jail was killed and has not ended after 10s: `+one.want+"\n", one.stderr.String())
			if code := one.cmd.ProcessState.ExitCode(); code != 125 || took < killedTime || took > 5*killedTime || one.stdout.Len() > 0 {
				t.Errorf("exit %d after %v, %s", code, took, one.stdout.String())
			}
			t.Logf("it took %v", took)
		})
	}
}
