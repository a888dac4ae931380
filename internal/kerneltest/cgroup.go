package kerneltest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
)

// CgroupOf is the directory of a process's cgroup v2. There must be one.
func CgroupOf(t testing.TB, pid int) string {
	t.Helper()
	dir, err := cgroupOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func cgroupOf(pid int) (string, error) {
	name := fmt.Sprintf("/proc/%d/cgroup", pid)
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	if own, _ := cgroupdelegate.Membership(string(text)); own != "" {
		for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			dir := filepath.Join(mount, own)
			if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
				return dir, nil
			}
		}
	}
	return "", fmt.Errorf("no cgroup v2 in %s: %q", name, text)
}
