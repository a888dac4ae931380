package limits

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// inside are the files that show a payload its own limits.
var inside = []string{
	"/proc/self/cgroup", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.swap.max", "/sys/fs/cgroup/cpu.max",
	"/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/memory.oom.group", "/sys/fs/cgroup/cgroup.procs",
}

// TestKernelScope looks at a jail from systemd's side, from the kernel's, and
// from inside.
func TestKernelScope(t *testing.T) {
	start(t)
	j := startWaiting(t, []string{"-q", "--memory", "64M", "--memory-swap", "80M", "--cpus", "0.5", "--pids", "40"}, inside...)
	pid := strconv.Itoa(j.Cmd.Process.Pid)
	unit := filepath.Base(j.top)
	match(t, "cgroup", managerDir()+`/app\.slice/procjail-`+pid+`-[0-9a-z]+\.scope`, j.top)
	match(t, "inside", `/proc/self/cgroup: 0::/
/sys/fs/cgroup/memory.max: 67108864
/sys/fs/cgroup/memory.swap.max: 16777216
/sys/fs/cgroup/cpu.max: 50000 100000
/sys/fs/cgroup/pids.max: 40
/sys/fs/cgroup/memory.oom.group: 1
/sys/fs/cgroup/cgroup.procs: 1
[0-9]+
`, j.Shown)
	show := systemctl(t, "show", unit, "-p", "Delegate,CollectMode,Description,Slice,ActiveState,SubState,Transient,FragmentPath")
	for _, want := range []string{
		"Delegate=yes", "CollectMode=inactive-or-failed", "Description=procjail: " + filepath.Base(os.Args[0]),
		"Slice=app.slice", "ActiveState=active", "SubState=running", "Transient=yes",
	} {
		if !strings.Contains("\n"+show+"\n", "\n"+want+"\n") {
			t.Errorf("systemctl show has no %s:\n%s", want, show)
		}
	}
	leaves := map[string]string{}
	for _, dir := range []string{"", "supervisor", "payload"} {
		leaves[dir] = strings.Join(strings.Fields(text(filepath.Join(j.top, dir, "cgroup.procs"))), " ")
	}
	if leaves[""] != "" || leaves["supervisor"] != pid || len(strings.Fields(leaves["payload"])) != 2 {
		t.Errorf("processes: %q", leaves)
	}
	if got := text(filepath.Join(j.top, "cgroup.subtree_control")); got != "cpu memory pids\n" {
		t.Errorf("enabled: %q", got)
	}
	if code := j.End(); code != 0 || j.stderr.Len() != 0 {
		t.Errorf("exit %d, %s", code, j.stderr)
	}
}

// TestKernelReadOnly: nothing in the cgroup's directory takes a write.
func TestKernelReadOnly(t *testing.T) {
	for _, id := range []string{"subid", "self"} {
		for _, profile := range []string{"strict", "build"} {
			t.Run(id+"/"+profile, func(t *testing.T) {
				start(t)
				got := run(t, []string{"-q", "--id", id, "-p", profile}, "write", "max",
					"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/cgroup.freeze", "/sys/fs/cgroup/cgroup.kill")
				for line := range strings.Lines(got.Stdout) {
					if !strings.HasSuffix(line, ": EROFS\n") {
						t.Errorf("%s", line)
					}
				}
				if got.Code != 0 || strings.Count(got.Stdout, "\n") != 4 {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

// TestKernelBorn: the payload's account begins with it, and the memory of PID 1
// and of procjail is not the payload's.
func TestKernelBorn(t *testing.T) {
	start(t)
	got := kerneltest.Run(t, "-q", "cat", "/sys/fs/cgroup/pids.peak", "/sys/fs/cgroup/memory.current")
	f := strings.Fields(got.Stdout)
	if got.Code == 1 && len(f) == 1 { // no pids.peak before Linux 6.1
		f = append([]string{"2"}, f...)
	}
	if len(f) != 2 || number(f[0]) > 3 || number(f[1]) == 0 || number(f[1]) > 8<<20 {
		t.Errorf("pids.peak and memory.current: %+v, want at most 3 and 8M", got)
	}
}

// TestKernelDescription: a program's name is no way into a unit's file.
func TestKernelDescription(t *testing.T) {
	for name, want := range map[string]string{
		"a b%n$x":                     "procjail: a b%n$x",
		"new\nMemoryMax=1":            "procjail: new?MemoryMax=1",
		"not\xffutf8":                 "procjail: not?utf8",
		"esc\x1b[31m":                 "procjail: esc?[31m",
		`quote"'\`:                    `procjail: quote"'\`,
		strings.Repeat("é", 100):      "procjail: " + strings.Repeat("é", 32),
		"x" + strings.Repeat("é", 99): "procjail: x" + strings.Repeat("é", 31) + "?",
		"-":                           "procjail: -",
	} {
		t.Run(want, func(t *testing.T) {
			start(t)
			file := filepath.Join(t.TempDir(), name)
			if err := os.Link(self(t), file); err != nil {
				copyFile(t, self(t), file)
			}
			j := waitReady(t, kerneltest.Command(t, "-q", "--", file, victimWord, "wait"))
			unit := filepath.Base(j.top)
			got := systemctl(t, "show", unit, "-p", "Description")
			if got != "Description="+want {
				t.Errorf("%q, want %q", got, want)
			}
			fragment := text(os.Getenv("XDG_RUNTIME_DIR") + "/systemd/transient/" + unit)
			for line := range strings.Lines(fragment) {
				if strings.HasPrefix(line, "MemoryMax") {
					t.Errorf("the unit's file has %q", line)
				}
			}
			if code := j.End(); code != 0 {
				t.Errorf("exit %d, %s", code, j.stderr)
			}
		})
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestKernelManager: the user's manager can go and come back while a jail runs.
func TestKernelReload(t *testing.T) {
	start(t)
	j := startWaiting(t, []string{"-q", "--memory", "64M"})
	systemctl(t, "daemon-reload")
	systemctl(t, "daemon-reexec")
	if got := strings.TrimSpace(text(j.top + "/payload/memory.max")); got != "67108864" {
		t.Errorf("memory.max after a reload: %s", got)
	}
	if code := j.End(); code != 0 {
		t.Errorf("exit %d, %s", code, j.stderr)
	}
}

// TestKernelStopped: systemctl stop ends the jail, which is procjail's end too.
func TestKernelStopped(t *testing.T) {
	start(t)
	j := startWaiting(t, []string{"-q"})
	systemctl(t, "stop", filepath.Base(j.top))
	done := make(chan struct{})
	go func() { _ = j.Cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		_ = j.Cmd.Process.Signal(unix.SIGKILL)
		t.Error("procjail outlives its scope")
	}
}
