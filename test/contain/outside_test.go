package contain

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

func ignore(sig os.Signal) { signal.Ignore(sig) }

// startWaiting returns once the payload runs, with its number outside.
func startWaiting(t *testing.T, options ...string) (procjail *kerneltest.Waiting, payload int) {
	t.Helper()
	cmd := command(t, options, "wait")
	cmd.Stderr = os.Stderr
	w := kerneltest.StartWaiting(t, cmd)
	return w, payloadOf(t, cmd.Process.Pid)
}

// payloadOf is the last descendant of a procjail's, as it is numbered outside.
func payloadOf(t *testing.T, procjail int) int {
	t.Helper()
	pid := procjail
	for list := kerneltest.Children(pid); len(list) > 0; list = kerneltest.Children(pid) {
		pid = list[len(list)-1]
	}
	if pid == procjail {
		t.Fatalf("procjail %d has no child", procjail)
	}
	return pid
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
