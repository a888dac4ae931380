package truth

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// quickly is how long a run may take that nothing holds up; it is much longer than
// that takes, and much shorter than what would hold it up.
const quickly = 5 * time.Second

// unanswered is a payload in a file system that it serves itself and that never
// answers a read, in a jail in which it may.
func unanswered(t *testing.T, options []string, act string) []string {
	t.Helper()
	kerneltest.Require(t, kerneltest.FUSE)
	self, dir := kerneltest.Self(t), "/tmp/fuse"
	args := append([]string{"-p", "build", "--allow-degraded", "cgroup", "--rw", "/dev/fuse", "--ro", self}, options...)
	return append(args, "--", "unshare", "--user", "--map-current-user", "--keep-caps", "--mount",
		self, kerneltest.VictimWord, "hang", dir, self, kerneltest.VictimWord, act, filepath.Join(dir, kerneltest.Mapped))
}

// TestKernelMappedFile: memory that cannot be read holds up neither the answer nor
// what procjail has to do besides.
func TestKernelMappedFile(t *testing.T) {
	start(t)
	for _, options := range [][]string{nil, {"--pid1", "payload"}, {"--trace-denials"}} {
		name := filepath.Join(t.TempDir(), "report.json")
		began := time.Now()
		got := kerneltest.Run(t, unanswered(t, append(options, "--report", name), "mapped")...)
		if took := time.Since(began); got.Stdout != "EPERM\n" || took > quickly {
			t.Fatalf("%q: %+v after %v", options, got, took)
		}
		calls := read(t, name).Denials.Calls
		if len(calls) != 1 || !strings.HasPrefix(calls[0].Call, `add_key("user", 0x`) {
			t.Errorf("%q: %+v", options, calls)
		}
	}
}

// TestKernelMappedFileKilled: nothing is left of the jail of a procjail that is killed
// while it waits for such memory, from which no signal wakes it.
func TestKernelMappedFileKilled(t *testing.T) {
	start(t)
	for _, options := range [][]string{nil, {"--pid1", "payload"}, {"--trace-denials"}} {
		w := kerneltest.StartWaiting(t, kerneltest.Command(t, unanswered(t, options, "mapped-then-ready")...))
		if err := w.Cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = w.Cmd.Wait()
		kerneltest.NobodyLeft(t, strings.Join(options, " "))
	}
}

// TestKernelTracedExec: an execve(2) of a process of several threads, by its first or
// by another, which then has another id.
func TestKernelTracedExec(t *testing.T) {
	start(t)
	for _, act := range []string{"exec", "exec-thread"} {
		for _, pid1 := range []string{"init", "payload"} {
			began := time.Now()
			got := run(t, []string{"--trace-denials", "--timeout", "10s", "--pid1", pid1}, act, "/bin/sh", "-c", "cat /nowhere; sleep 0.1; echo through; exit 3")
			if got.Stdout != "through\n" || got.Code != 3 || !strings.Contains(got.Stderr, "cat: /nowhere: ") || time.Since(began) > quickly {
				t.Errorf("%s, --pid1 %s: %+v", act, pid1, got)
			}
		}
	}
}

// TestKernelTracedKilled: processes that are killed with the jail at any moment of a
// call that is looked at, also between its look and its going on, hold up nobody's end.
func TestKernelTracedKilled(t *testing.T) {
	start(t)
	for i := range kerneltest.Often(100, 500) {
		began := time.Now()
		got := kerneltest.Run(t, "-q", "--trace-denials", "--id", "self", "sh", "-c",
			fmt.Sprintf(`for i in 1 2 3 4; do while :; do test -e /nowhere/$i; done & done; sleep 0.%03d; exit 3`, i%100))
		if took := time.Since(began); got.Code != 3 || took > quickly {
			t.Fatalf("run %d: %+v after %v", i, got, took)
		}
	}
}

// TestKernelTracedThreads: an execve(2) ends the threads of its process, of which one is
// looked at, and another about to be.
func TestKernelTracedThreads(t *testing.T) {
	start(t)
	self := kerneltest.Self(t)
	script := fmt.Sprintf(`for i in $(seq %d); do "$0" "$@" || exit 1; done; echo through`, kerneltest.Often(50, 300))
	began := time.Now()
	got := kerneltest.Run(t, "-q", "--trace-denials", "--ro", self, "sh", "-c", script, self, kerneltest.VictimWord, "exec-busy", "/bin/true")
	if got.Stdout != "through\n" || got.Code != 0 {
		t.Errorf("%+v after %v", got, time.Since(began))
	}
}

// TestKernelTracedNowhere: an address is the payload's word for it.
func TestKernelTracedNowhere(t *testing.T) {
	start(t)
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for _, options := range [][]string{{"--id", id}, {"--id", id, "--trace-denials"}} {
			if got := run(t, options, "nowhere"); got.Stdout != "through\n" || strings.Contains(got.Stderr, "panic") {
				t.Errorf("%q: %+v", options, got)
			}
		}
	})
}

// TestKernelTracedSend: a call that is looked at does what it does otherwise.
func TestKernelTracedSend(t *testing.T) {
	start(t)
	for _, options := range [][]string{nil, {"--trace-denials"}} {
		if got := run(t, options, "send"); got.Stdout != "4194304\n" {
			t.Errorf("%q: %+v", options, got)
		}
		if got := run(t, options, "connect-limited"); got.Stdout != "EAGAIN\n" {
			t.Errorf("%q: %+v", options, got)
		}
	}
}

// TestKernelTracedElsewhere: paths are told of as the payload knows them, whatever it
// has made its root and its directory, and nothing in there holds procjail up.
func TestKernelTracedElsewhere(t *testing.T) {
	start(t)
	name, self := filepath.Join(t.TempDir(), "report.json"), kerneltest.Self(t)
	paths := func() (list []string) {
		for _, f := range read(t, name).Failures.Calls {
			if strings.Contains(f.Call, `"nothing"`) {
				list = append(list, strings.Join(append(f.Paths, f.Errno), " "))
			}
		}
		slices.Sort(list)
		return list
	}
	began := time.Now()
	got := kerneltest.Run(t, "-p", "build", "--allow-degraded", "cgroup", "--trace-denials", "--timeout", "10s", "--report", name, "--ro", self, "--",
		"unshare", "--user", "--map-current-user", "--keep-caps", self, kerneltest.VictimWord, "chroot")
	if want := []string{"/here/nothing ENOENT"}; got.Stdout != "ENOENT\n" || !slices.Equal(paths(), want) || time.Since(began) > quickly {
		t.Errorf("%+v, %q, want %q", got, paths(), want)
	}
	got = run(t, []string{"--trace-denials", "--report", name}, "removed")
	if want := []string{"ENOENT", "ENOTDIR"}; got.Code != 1 || !slices.Equal(paths(), want) {
		t.Errorf("%+v, %q, want %q", got, paths(), want)
	}
}

// TestKernelFullBlank: a limited file system that was full, whatever its name.
func TestKernelFullBlank(t *testing.T) {
	start(t)
	const dir = "/a b"
	name := filepath.Join(t.TempDir(), "report.json")
	got := kerneltest.Run(t, "--allow-degraded", "cgroup,subid", "--tmpfs", dir+":16K", "--report", name, "sh", "-c", `sleep 0.1; head -c 1M /dev/zero > "`+dir+`/file"`)
	if r := read(t, name); !slices.Equal(r.Full, []string{dir}) {
		t.Errorf("%+v, %q", got, r.Full)
	}
}

// TestKernelStatusFull: who does not read what --json-status-fd writes holds up neither
// the payload nor its end, and gets all of it once it reads.
func TestKernelStatusFull(t *testing.T) {
	start(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd := int(w.Fd())
	filled := fill(t, fd)
	name := filepath.Join(t.TempDir(), "report.json")
	cmd := kerneltest.Command(t, "-q", "--allow-degraded", "cgroup,subid", "--json-status-fd", "3", "--timeout", "500ms", "--report", name, "sleep", "60")
	cmd.ExtraFiles = []*os.File{w}
	said := make(chan string, 1)
	go func() {
		time.Sleep(3 * time.Second)
		text, _ := io.ReadAll(r)
		said <- string(text[filled:])
	}()
	got := kerneltest.RunCommand(t, cmd)
	w.Close()
	lines := strings.Split(strings.TrimSpace(<-said), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"child-pid":`) || !strings.Contains(lines[1], `"reason":"timeout"`) {
		t.Errorf("said %q", lines)
	}
	if wall := read(t, name).Usage.Wall; got.Code != 124 || wall > 2 {
		t.Errorf("%+v; the payload ran for %.1f s", got, wall)
	}
}

// fill fills a pipe.
func fill(t *testing.T, fd int) (n int) {
	t.Helper()
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); ; {
		k, err := unix.Write(fd, block)
		if err == unix.EAGAIN { //nolint:errorlint // an errno
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return n
}
