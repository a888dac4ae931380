package host

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
)

// TestDisk looks at paths that are the same on every Linux.
func TestDisk(t *testing.T) {
	for path, want := range map[string]cgroupdelegate.Disk{
		"/nonexistent":    {Err: unix.ENOENT},
		"/proc/version/x": {Err: unix.ENOTDIR},
		"/proc":           {Unnamed: true},
		"/dev/null":       {Unnamed: true}, // a character device, on a file system in memory
	} {
		if got := disk(path); got != want {
			t.Errorf("disk(%q) = %+v, want %+v", path, got, want)
		}
	}
}
