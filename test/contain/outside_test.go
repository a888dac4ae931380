package contain

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func ignore(sig os.Signal) { signal.Ignore(sig) }

// waiting is a payload that waits for the end of its standard input.
type waiting struct {
	cmd   *exec.Cmd
	stdin io.Closer
	pid   int // outside
}

// startWaiting returns once the payload runs.
func startWaiting(t *testing.T, options ...string) waiting {
	t.Helper()
	cmd := command(t, options, "wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("payload said %q, %v", line, err)
	}
	return waiting{cmd, in, payloadOf(t, cmd.Process.Pid)}
}

func (w waiting) end(t *testing.T) {
	t.Helper()
	w.stdin.Close()
	if err := w.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// payloadOf is the last descendant of a procjail's, as it is numbered outside.
func payloadOf(t *testing.T, procjail int) int {
	t.Helper()
	parents := map[string]string{}
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		s := text(name)
		if f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:]); len(f) > 1 {
			parents[f[1]] = filepath.Base(filepath.Dir(name))
		}
	}
	pid := itoa(procjail)
	for parents[pid] != "" {
		pid = parents[pid]
	}
	var n int
	if _, err := fmt.Sscan(pid, &n); err != nil || n == procjail {
		t.Fatalf("procjail %d has no child (%v)", procjail, err)
	}
	return n
}

func outsideIDs(t *testing.T, pid int) (uid, gid int) {
	t.Helper()
	for line := range strings.Lines(text("/proc/" + itoa(pid) + "/status")) {
		var a, b, c, d int
		if n, _ := fmt.Sscanf(line, "Uid: %d %d %d %d", &a, &b, &c, &d); n == 4 {
			uid = a
			if b != a || c != a || d != a {
				t.Errorf("%s", line)
			}
		}
		if n, _ := fmt.Sscanf(line, "Gid: %d %d %d %d", &a, &b, &c, &d); n == 4 {
			gid = a
			if b != a || c != a || d != a {
				t.Errorf("%s", line)
			}
		}
	}
	return uid, gid
}

// subordinate tells whether a file of subuid(5) gives the caller the id. The
// probe of kerneltest has found the caller there by name or number.
func subordinate(t *testing.T, file string, id int) bool {
	t.Helper()
	login, err := exec.Command("id", "-un").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text(file)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		var first, count int
		if len(f) == 3 && (f[0] == strings.TrimSpace(string(login)) || f[0] == itoa(os.Getuid())) {
			_, _ = fmt.Sscan(f[1], &first)
			_, _ = fmt.Sscan(f[2], &count)
			if id >= first && id < first+count {
				return true
			}
		}
	}
	return false
}

// withKey gives this process a new session keyring with a key of that name, which
// only its holder may view, prints the keys that it sees, and becomes argv.
func withKey(name string, argv []string) error {
	runtime.LockOSThread() // a keyring is a thread's
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
		return err
	}
	key, err := unix.AddKey("user", name, []byte("secret"), unix.KEY_SPEC_SESSION_KEYRING)
	if err != nil {
		return err
	}
	const holderOnly = 0x3f000000
	if err := unix.KeyctlSetperm(key, holderOnly); err != nil {
		return err
	}
	print(keys())
	return unix.Exec(argv[0], argv, os.Environ())
}

// keys are the lines of /proc/keys (keyrings(7)) by serial number and name.
func keys() []string {
	var list []string
	for line := range strings.Lines(text("/proc/keys")) {
		if f := strings.Fields(line); len(f) > 8 {
			list = append(list, f[0]+" "+strings.Join(f[7:], " "))
		}
	}
	return list
}

// nobodyLeft asks, for up to three seconds, until this process has no child at
// all: what a jail leaves is given to it, as Clean has arranged.
func nobodyLeft(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Second); ; {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case err == unix.ECHILD:
			return
		case err == unix.EINTR || pid > 0:
		case time.Now().After(deadline):
			t.Fatalf("processes are left")
		default:
			time.Sleep(time.Millisecond)
		}
	}
}
