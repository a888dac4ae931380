package userns

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// newNamespace starts a process that waits in a user namespace with no maps and returns its /proc directory.
func newNamespace(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("/bin/cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("clone(CLONE_NEWUSER): %v", err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	return "/proc/" + strconv.Itoa(cmd.Process.Pid)
}

// TestRootValidateIsTheKernels writes each map of the table as root, who may map every id: what is left is the form.
func TestRootValidateIsTheKernels(t *testing.T) {
	kerneltest.Privileged(t)
	for _, tt := range validateCases {
		t.Run(tt.name, func(t *testing.T) {
			dir := newNamespace(t)
			if len(tt.m) == 0 {
				t.Skip("a write of no bytes never reaches the kernel's check")
			}
			file, err := os.OpenFile(dir+"/uid_map", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			_, err = file.Write(tt.m.Bytes())
			if (err == nil) != (tt.err == "") || err != nil && !errors.Is(err, syscall.EINVAL) {
				t.Fatalf("write: %v, Validate says %q", err, tt.err)
			}
			if err != nil {
				return
			}
			shown, err := os.ReadFile(dir + "/uid_map")
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseMap(strings.NewReader(string(shown)))
			if err != nil || !cmp.Equal(got, tt.m) {
				t.Errorf("the kernel shows %q, %v", shown, err)
			}
		})
	}
}

// TestNewIDMap has newuidmap and newgidmap write what Choose made of the ordinary user who runs the test.
func TestNewIDMap(t *testing.T) {
	caller := New().Caller(uint32(os.Geteuid()), uint32(os.Getegid()))
	if caller.UID == 0 {
		t.Skip("the programs are for ordinary users: euid is 0")
	}
	id, err := Choose(Request{ID: SubID, UID: 1000, GID: 1000}, caller)
	if err != nil {
		t.Skipf("no identity with subordinate ids: %v", err)
	}
	dir := newNamespace(t)
	pid := strings.TrimPrefix(dir, "/proc/")
	for _, w := range []struct {
		helper Helper
		file   string
		m      Map
	}{{caller.NewUIDMap, "/uid_map", id.UIDMap}, {caller.NewGIDMap, "/gid_map", id.GIDMap}} {
		if out, err := exec.Command(w.helper.Path, append([]string{pid}, w.m.Args()...)...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v: %s", w.helper.Path, w.m.Args(), err, out)
		}
		shown, err := os.ReadFile(dir + w.file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseMap(strings.NewReader(string(shown))); err != nil || !cmp.Equal(got, w.m) {
			t.Errorf("%s is %q, %v, want %v", w.file, shown, err, w.m)
		}
	}
	setgroups, err := os.ReadFile(dir + "/setgroups")
	if want := "allow\n"; err != nil || string(setgroups) != want || !id.Setgroups {
		t.Errorf("setgroups is %q, %v, want %q", setgroups, err, want)
	}
}
