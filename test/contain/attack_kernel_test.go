package contain

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelGroup: a payload under the caller's id signals and renices its
// process group, in which a shell or make(1) would be.
func TestKernelGroup(t *testing.T) {
	kerneltest.Begin(t)
	beside := exec.Command("sleep", "60")
	beside.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := beside.Start(); err != nil {
		t.Fatal(err)
	}
	for _, profile := range []string{"strict", "build"} {
		cmd := command(t, []string{"-p", profile, "--id", "self"}, "attack", "group")
		cmd.Dir = t.TempDir()
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: beside.Process.Pid}
		var got map[string]string
		decode(t, kerneltest.RunCommand(t, cmd), &got)
		if nice, err := unix.Getpriority(unix.PRIO_PROCESS, beside.Process.Pid); err != nil || nice != 20 { // the system call's, 20-nice
			t.Errorf("%s: the neighbour's nice value is %d (%v)", profile, 20-nice, err)
		}
		var status unix.WaitStatus
		if pid, err := unix.Wait4(beside.Process.Pid, &status, unix.WNOHANG, nil); pid != 0 || err != nil {
			t.Fatalf("%s: kill(0, SIGTERM) has ended a process outside: %v %v", profile, status, err)
		}
	}
	_ = beside.Process.Kill()
	_ = beside.Wait()
}

// TestKernelPipes: a payload with an id of its own opens a stream that is a pipe
// again in its direction, and not in the other, where others' data is.
func TestKernelPipes(t *testing.T) {
	kerneltest.RequireID(t, "subid")
	kerneltest.Begin(t)
	cmd := command(t, []string{"--id", "subid"}, "attack", "streams")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var got map[string]string
	decode(t, kerneltest.RunCommand(t, cmd), &got)
	want := map[string]string{
		"stdin read": "ok", "stdin write": "EACCES", "stdout read": "EACCES",
		"stdout write": "ok", "stderr read": "EACCES", "stderr write": "ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestKernelFileStreams: a file that the caller opened in one direction. Without
// Landlock only the file's own mode would keep the payload from the other.
func TestKernelFileStreams(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		kerneltest.Require(t, kerneltest.Landlock)
		dir := t.TempDir()
		in, err := os.Create(dir + "/in")
		if err != nil {
			t.Fatal(err)
		}
		in.Close()
		if err := os.Chmod(in.Name(), 0o666); err != nil {
			t.Fatal(err)
		}
		if in, err = os.Open(in.Name()); err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		cmd := command(t, []string{"--id", id}, "attack", "streams")
		cmd.Stdin = in
		var got map[string]string
		decode(t, kerneltest.RunCommand(t, cmd), &got)
		if got["stdin read"] != "ok" || got["stdin write"] != "EACCES" {
			t.Errorf("%v", got)
		}
	})
}

// TestKernelArguments: procjail's command line names paths of the host. A shell
// is quick enough to look before PID 1 is its own program, in one run of four.
func TestKernelArguments(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for range kerneltest.Often(40, 40) {
			got := kerneltest.Run(t, "-q", "--id", id, "-e", "MARK=secret", "sh", "-c", `read -r line </proc/1/cmdline; echo "$line"`)
			if got.Code != 0 || strings.Contains(got.Stdout, "MARK") {
				t.Fatalf("/proc/1/cmdline: %+v", got)
			}
		}
	})
}

// TestKernelCrossing: with an id of its own, a payload that could change its uid
// would become the caller.
func TestKernelCrossing(t *testing.T) {
	kerneltest.RequireID(t, "subid")
	kerneltest.Begin(t)
	for _, c := range []string{"SETUID", "SETGID", "DAC_OVERRIDE", "FOWNER", "CHOWN"} {
		if got := kerneltest.Run(t, "--id", "subid", "--cap-add", c, "true"); got.Code != 125 || !strings.Contains(got.Stderr, "act as you") {
			t.Errorf("--cap-add %s: %+v", c, got)
		}
	}
	if got := kerneltest.Run(t, "-q", "--id", "subid", "--cap-add", "NET_RAW", "grep", "CapEff", "/proc/self/status"); got.Stdout != "CapEff:\t0000000000002000\n" {
		t.Errorf("--cap-add NET_RAW: %+v", got)
	}
}

func TestKernelResources(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for name, want := range map[string]map[string]string{
			"processes": {"below 128": "yes", "ended by": "EAGAIN"},
			"terminals": {"at most 256": "yes", "ended by": "ENOSPC"},
			"tmpfs": {
				"/tmp bytes": "ENOSPC", "/tmp inodes": "ENOSPC", "/dev/shm bytes": "ENOSPC", "/dev/shm inodes": "ENOSPC",
				"/home/user bytes": "ENOSPC", "/home/user inodes": "ENOSPC",
			},
		} {
			var got map[string]string
			ask(t, &got, []string{"--id", id}, "attack", name)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", name, diff)
			}
		}
	})
}
