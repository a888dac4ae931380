package contain

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestRootIdentity: root as the caller. The payload is never the host's root nor
// any other user of its, and the maps have nobody but whoever builds the jail and
// the payload.
func TestRootIdentity(t *testing.T) {
	for _, tt := range []struct {
		options  []string
		uid, gid int // inside
	}{
		{nil, 1000, 1000},
		{[]string{"--id", "subid"}, 1000, 1000},
		{[]string{"--id", "subid", "--user", "5:6"}, 5, 6},
		{[]string{"--pid1", "payload"}, 1000, 1000},
		{[]string{"--profile", "build", "--id", "auto", "--user", "1000"}, 1000, 1000},
	} {
		t.Run(strings.Join(tt.options, " "), func(t *testing.T) {
			kerneltest.BeginRoot(t)
			options := append([]string{"--cgroup", "off"}, tt.options...)
			cmd := command(t, options, "wait")
			cmd.Stderr, cmd.Dir = os.Stderr, "/"
			if slices.Contains(tt.options, "build") { // which shows it for writing
				cmd.Dir = t.TempDir()
				if err := os.Chmod(cmd.Dir, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			w := kerneltest.StartWaiting(t, cmd)
			payload := payloadOf(t, cmd.Process.Pid)
			uid, gid := outsideIDs(t, payload)
			if uid == 0 || gid == 0 || listed(t, "/etc/passwd", uid) || listed(t, "/etc/group", gid) {
				t.Errorf("the payload is %d:%d outside", uid, gid)
			}
			for p := payload; p != cmd.Process.Pid; p = kerneltest.Parent(p) {
				if u, g := outsideIDs(t, p); u != uid || g != gid {
					t.Errorf("process %d is %d:%d outside, the payload %d:%d", p, u, g, uid, gid)
				}
				for file, want := range map[string]string{
					"uid_map": fmt.Sprintf("0 0 1 %d %d 1", tt.uid, uid),
					"gid_map": fmt.Sprintf("0 0 1 %d %d 1", tt.gid, gid),
				} {
					if got := strings.Join(strings.Fields(text("/proc/"+itoa(p)+"/"+file)), " "); got != want {
						t.Errorf("%s of process %d: %s, want %s", file, p, got, want)
					}
				}
			}
			if code := w.End(); code != 0 {
				t.Errorf("exit %d", code)
			}
			var got report
			cmd = command(t, options, "report")
			cmd.Dir = w.Cmd.Dir
			decode(t, kerneltest.RunCommand(t, cmd), &got)
			ids := func(n int) string { return strings.TrimSpace(strings.Repeat(itoa(n)+" ", 4)) }
			for key, want := range map[string]string{
				"Uid": ids(tt.uid), "Gid": ids(tt.gid), "Groups": "", "CapInh": noCaps, "CapPrm": noCaps, "CapEff": noCaps, "CapBnd": noCaps, "CapAmb": noCaps, "NoNewPrivs": "1",
			} {
				if got.Status[key] != want {
					t.Errorf("%s: %q, want %q", key, got.Status[key], want)
				}
			}
		})
	}
}

const noCaps = "0000000000000000"

// listed tells whether passwd(5) or group(5) has an id.
func listed(t *testing.T, file string, id int) bool {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == itoa(id) {
			return true
		}
	}
	return false
}

// TestRootRefused: what would make the payload root is refused before anything is
// done.
func TestRootRefused(t *testing.T) {
	kerneltest.BeginRoot(t)
	for _, tt := range []struct{ options, err string }{
		{"--id self", "procjail: error: --id self: the payload would be uid 0 of the host: root's own ids are not for a payload\n"},
		{"--id self --user 5", "procjail: error: --id self: the payload would be uid 0 of the host: root's own ids are not for a payload\n"},
		{"--user 0", "procjail: error: --id auto: with subordinate user ids the payload's user id cannot be 0 inside\n"},
		{"--user 5:0", "procjail: error: --id auto: with subordinate group ids the payload's group id cannot be 0 inside\n"},
		{"--id subid --cap-add SETUID", "act as you"},
		{"--id subid --cap-add CHOWN", "act as you"},
	} {
		got := kerneltest.Run(t, append(strings.Fields("-q --cgroup off "+tt.options), "true")...)
		if got.Code != 125 || !strings.Contains(got.Stderr, tt.err) {
			t.Errorf("%s: %+v, want %q", tt.options, got, tt.err)
		}
	}
}

// TestRootFiles: what is root's on the host is root's to the payload too, whether
// it is shown for writing or not.
func TestRootFiles(t *testing.T) {
	kerneltest.BeginRoot(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"private": 0o600, "public": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("kept"), mode); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{"/data/private", "/data/public"}
	got := kerneltest.RunCommand(t, command(t, []string{"--cgroup", "off", "--ro", dir + ":/data"}, "files", files...))
	if want := "/data/private EACCES\n/data/public \"kept\"\n"; got.Code != 0 || got.Stdout != want {
		t.Errorf("%+v, want %q", got, want)
	}
	got = kerneltest.Run(t, "-q", "--cgroup", "off", "--rw", dir+":/data", "true")
	if got.Code != 125 || !strings.Contains(got.Stderr, "which may not write there (owner 0, mode 0755)") {
		t.Errorf("--rw: %+v", got)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	got = kerneltest.RunCommand(t, command(t, []string{"--cgroup", "off", "--rw", dir + ":/data"}, "write", append(files, "/data/new")...))
	if want := "/data/private EACCES\n/data/public EACCES\n/data/new ok\n"; got.Code != 0 || got.Stdout != want {
		t.Errorf("%+v, want %q", got, want)
	}
}
