package kerneltest

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestInventory leaves one thing of each kind that any account can make, and
// asks that it is named.
func TestInventory(t *testing.T) {
	before := TakeInventory()
	file, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	sleep := exec.Command("sleep", "60")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	unshared := exec.Command("unshare", "-U", "sleep", "60")
	if err := unshared.Start(); err != nil {
		t.Fatal(err)
	}
	shm, err := os.CreateTemp("/tmp", "procjail-inventory")
	if err != nil {
		t.Fatal(err)
	}
	shm.Close()
	socket, err := net.Listen("unix", "@procjail-inventory")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	left := strings.Join(TakeInventory().Less(before), "\n")
	for _, want := range []string{"/status", "(sleep)", "namespace user:", shm.Name(), "socket @procjail-inventory"} {
		if !strings.Contains(left, want) {
			t.Errorf("inventory does not name %s:\n%s", want, left)
		}
	}
	file.Close()
	os.Remove(shm.Name())
	socket.Close()
	_ = unshared.Process.Kill()
	_ = unshared.Wait()
	if err := sleep.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = sleep.Wait()
	if left := TakeInventory().Less(before); len(left) != 0 {
		t.Errorf("inventory has %q after all was closed", left)
	}
}

func TestRequireNamesWhatItProbed(t *testing.T) {
	for feature, probe := range probes {
		if err := probe(); err != nil {
			t.Logf("%s: %v", feature, err)
		}
	}
	if err := lookPath("no-such-program"); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("lookPath(no-such-program) = %v, want its name", err)
	}
}
