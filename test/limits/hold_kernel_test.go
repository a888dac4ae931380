package limits

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// work is how long the victim's fixed amount of work takes in a jail.
func work(t *testing.T) time.Duration {
	t.Helper()
	got := run(t, []string{"-q"}, "work")
	f := strings.Fields(got.Stdout)
	if got.Code != 0 || len(f) != 2 {
		t.Fatalf("%+v", got)
	}
	return time.Duration(number(f[0])) * time.Millisecond
}

// TestKernelHold: each kind of greed meets its limit, the result says which, and
// a second jail beside works on as before.
func TestKernelHold(t *testing.T) {
	const mib = `[0-9]+\.[0-9]M`
	oom := func(limit, largest string) string {
		return `procjail: oom: killed for memory: it had ` + mib + ` of ` + limit + largest + "\nprocjail: remedy: --memory SIZE allows more\n"
	}
	const largest = `(; largest: [a-z.-]+ \(pid [0-9]+\) [0-9]+\.[0-9]M(, [^\n]*)?)?`
	for _, tt := range []struct {
		name           string
		options        []string
		act            []string
		code           int
		stdout, stderr string
	}{
		{"memory", []string{"--memory", "48M"}, []string{"hog", "200"}, 137, "", oom("48M", largest)},
		{"memory with swap", []string{"--memory", "48M", "--memory-swap", "-1"}, []string{"hog", "400"}, 137, "", oom("48M", largest)},
		{"memory by a share", []string{"-P", "MemoryMax=3%"}, []string{"hog", "400"}, 137, "", oom("MemoryMax=3%", largest)},
		{"memory of a child", []string{"--memory", "48M"}, []string{"hog-child", "200"}, 137, "", oom("48M", largest)},
		{"memory of PID 1", []string{"--memory", "48M", "--pid1", "payload"}, []string{"hog", "200"}, 137, "", oom("48M", largest)},
		{"tmpfs in memory", []string{"--memory", "48M", "--tmpfs", "/fill:1G"}, []string{"fill", "/fill", "500"}, 137, "", oom("48M", `(; [^\n]*)?`)},
		{"tmpfs", []string{"--tmpfs", "/fill:8M"}, []string{"fill", "/fill", "500"}, 1, "filled 8 ENOSPC\n", "(procjail: full: /fill had no room left of its 8.0M [^\n]*\nprocjail: remedy: --tmpfs /fill:SIZE [^\n]*\n)?"},
		{
			"forks",
			[]string{"--pids", "30"},
			[]string{"forks", "100"},
			1, `children [0-9]+ EAGAIN\n`,
			`procjail: pids: [0-9]+ forks were refused at the limit of 30 processes and threads` + "\nprocjail: remedy: --pids COUNT allows more\n",
		},
		{"fork bomb", []string{"--pids", "30"}, []string{"bomb"}, 1, ".*", `.*procjail: pids: [0-9]+ forks were refused at the limit of 30 processes and threads` + "\nprocjail: remedy: --pids COUNT allows more\n"},
		{"under every limit", []string{"--memory", "64M", "--pids", "30"}, []string{"hog", "8"}, 0, "touched 8\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start(t)
			beside := startWaiting(t, []string{"--memory", "32M", "--pids", "20"})
			var got kerneltest.Result
			if tt.act[0] == "bomb" {
				// Each refused fork ends a shell with a status of its own.
				got = kerneltest.Run(t, append(tt.options, "sh", "-c", `f() { f & f & wait; }; f 2>/dev/null; exit 1`)...)
			} else {
				got = run(t, tt.options, tt.act[0], tt.act[1:]...)
			}
			if got.Code != tt.code {
				t.Errorf("exit %d, want %d", got.Code, tt.code)
			}
			match(t, "stdout", tt.stdout, got.Stdout)
			match(t, "stderr", tt.stderr, got.Stderr)
			events := text(beside.top + "/payload/memory.events")
			if !strings.Contains(events, "oom_kill 0\n") {
				t.Errorf("the jail beside: %s", events)
			}
			if code := beside.End(); code != 0 || beside.stderr.Len() != 0 {
				t.Errorf("the jail beside: exit %d, %s", code, beside.stderr)
			}
		})
	}
}

// TestKernelCPU: a busy loop on all processors has the share that it was given,
// and leaves the rest.
func TestKernelCPU(t *testing.T) {
	start(t)
	alone := work(t)
	loop := startWaiting(t, []string{"-q"}) // so that the start of one does not count
	_ = loop.End()
	cmd := command(t, []string{"--cpus", "0.5"}, "spin", "6")
	out := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	beside := work(t)
	_ = cmd.Wait()
	alone = max(alone, work(t)) // what else the machine does is no fault of the jail's
	stat := map[string]int{}
	for line := range strings.Lines(out.String()) {
		var key string
		var n int
		if _, err := fmt.Sscan(line, &key, &n); err == nil {
			stat[key] = n
		}
	}
	used := float64(stat["usage_usec"]) / 6e6
	t.Logf("--cpus 0.5 on %d processors had %.2f; work alone %v, beside %v", runtime.NumCPU(), used, alone, beside)
	if used < 0.2 || used > 0.6 || stat["nr_throttled"] == 0 {
		t.Errorf("--cpus 0.5 had %.2f processors: %v", used, stat)
	}
	if beside > 3*alone {
		t.Errorf("the jail beside took %v for what takes %v", beside, alone)
	}
}

// TestKernelUndisturbed: a jail's own work takes about its usual time beside a
// hog, a fork bomb, and a filler.
func TestKernelUndisturbed(t *testing.T) {
	start(t)
	alone := work(t)
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"memory", []string{"--memory", "32M", "--cpus", "0.3", "-P", "MemoryHigh=30M", "--", self(t), victimWord, "hog", "400"}},
		{"fork bomb", []string{"--pids", "50", "--cpus", "0.3", "sh", "-c", `f() { f & f & wait; }; while :; do f 2>/dev/null; done`}},
	} {
		cmd := kerneltest.Command(t, append([]string{"-q"}, tt.args...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		beside := work(t)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		alone := max(alone, work(t)) // what else the machine does is no fault of the jail's
		t.Logf("work alone %v, beside %s %v", alone, tt.name, beside)
		if beside > 3*alone+200*time.Millisecond {
			t.Errorf("beside %s: %v for what takes %v", tt.name, beside, alone)
		}
	}
}

// TestKernelIO needs a manager that has the io controller (cgroupdelegate.DropIn).
func TestKernelIO(t *testing.T) {
	start(t)
	if err := kerneltest.HasControllers("io"); err != nil {
		kerneltest.Missing(t, "io", "probed cgroup.controllers, found: "+err.Error())
	}
	dir, err := os.MkdirTemp(os.Getenv("HOME"), "disk")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	took := func(options ...string) time.Duration {
		got := run(t, append(options, "--id", "self", "--rw", dir), "disk", filepath.Join(dir, "file"), "4096")
		if got.Code != 0 || got.Stderr != "" && !strings.HasPrefix(got.Stderr, "procjail: note: ") {
			t.Fatalf("%+v", got)
		}
		return time.Duration(number(strings.TrimSpace(got.Stdout))) * time.Millisecond
	}
	free := took("-q")
	bytes := took("-q", "--io-max", dir+":wbps=1M")
	iops := took("-q", "-P", "IOWriteIOPSMax="+dir+" 20") // 64 writes
	t.Logf("4 MB: %v without a limit, %v with wbps=1M, %v with 20 operations a second", free, bytes, iops)
	if free > 2*time.Second || bytes < 3*time.Second || iops < 2*time.Second {
		t.Errorf("4 MB: %v without a limit, %v with wbps=1M, %v with 20 operations a second", free, bytes, iops)
	}
	got := run(t, []string{"-q", "-P", "IOWeight=50"}, "show", "/sys/fs/cgroup/io.weight")
	t.Logf("IOWeight: %+v", got)
}

// TestKernelNoIO: a controller that the manager has not is named, with what would
// give it.
func TestKernelNoIO(t *testing.T) {
	start(t)
	if kerneltest.HasControllers("io") == nil {
		t.Skip("probed cgroup.controllers, found: io is delegated")
	}
	dir := os.Getenv("HOME")
	const want = `procjail: note: the io controller is not delegated to you: io-max %s not in force \(as root: mkdir -p /etc/systemd/system/user@.service.d && ` +
		`printf '\[Service\]\\nDelegate=cpu memory pids io\\n' > /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload; then log in again\)` + "\n"
	got := kerneltest.Run(t, "--io-max", dir+":wbps=1M", "true")
	if got.Code != 0 {
		t.Errorf("%+v", got)
	}
	match(t, "stderr", fmt.Sprintf(want, dir), got.Stderr)
	if got := kerneltest.Run(t, "--require", "cgroup", "--io-max", dir+":wbps=1M", "true"); got.Code != 125 {
		t.Errorf("--require cgroup: %+v", got)
	}
}
