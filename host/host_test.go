package host

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/plan"
)

// TestKeptIsTheCallers: --keep-fd with the number of a descriptor that procjail
// has opened meanwhile finds none.
func TestKeptIsTheCallers(t *testing.T) {
	own, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	inherited, err := unix.Dup(int(own.Fd())) // without FD_CLOEXEC, as after execve(2)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(inherited)
	h, err := Probe(&plan.Spec{Cgroup: cgroupdelegate.Off, KeepFDs: []int{int(own.Fd()), inherited, 1 << 15}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h.Kept[int(own.Fd())].Open || h.Kept[1<<15].Open || !h.Kept[inherited].Open {
		t.Errorf("Kept = %+v, want %d alone to be open", h.Kept, inherited)
	}
}

func TestVersion(t *testing.T) {
	for _, tt := range []struct {
		release      string
		major, minor int
	}{
		{"6.12.48+deb13-amd64", 6, 12},
		{"5.14.0-570.el9.x86_64", 5, 14},
		{"6.1", 6, 1},
		{"6.18.44-fc-v669", 6, 18},
		{"7", 7, 0},
		{"6.19-rc1", 6, 19},
		{"", 0, 0},
		{"x.y", 0, 0},
		{"-6.1", 0, 1},
		{"99999999999999999999.1", 65535, 1},
	} {
		if major, minor := version(tt.release); major != tt.major || minor != tt.minor {
			t.Errorf("version(%q) = %d, %d, want %d, %d", tt.release, major, minor, tt.major, tt.minor)
		}
	}
}

func FuzzVersion(f *testing.F) {
	f.Add("6.12.48+deb13-amd64")
	f.Add("-1.-1")
	f.Fuzz(func(t *testing.T, release string) {
		if major, minor := version(release); major < 0 || minor < 0 {
			t.Errorf("version(%q) = %d, %d", release, major, minor)
		}
	})
}
