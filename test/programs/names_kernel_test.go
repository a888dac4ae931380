package programs

import (
	"os"
	"os/exec"
	"testing"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelResolvConf reads /etc/resolv.conf where there is a network to ask
// on, and looks for it in vain where there is none.
func TestKernelResolvConf(t *testing.T) {
	kerneltest.Begin(t)
	want, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		t.Skipf("probed /etc/resolv.conf, found: %v", err)
	}
	for _, profile := range []string{"strict", "build"} {
		cmd := exec.Command(kerneltest.Binary(t), "-q", "-p", profile, "--id", "self", "--net", "host", "cat", "/etc/resolv.conf")
		got, stderr, err := capture(t, cmd, t.TempDir(), limit)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v\n%s%s\nwant %s", profile, err, got, stderr, want)
		}
	}
	cmd := exec.Command(kerneltest.Binary(t), "-q", "--id", "self", "test", "!", "-e", "/etc/resolv.conf")
	if _, stderr, err := capture(t, cmd, t.TempDir(), limit); err != nil {
		t.Errorf("strict without a network has /etc/resolv.conf: %v %s", err, stderr)
	}
}
