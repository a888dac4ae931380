package host

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
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

// TestPaths: a path that is named twice is looked at for all that is wanted of it, whichever
// comes first, and the entries of a tree with it.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	link, tree := filepath.Join(dir, "link"), filepath.Join(dir, "tree")
	for _, err := range []error{os.Mkdir(tree, 0o755), os.Symlink("tree", link), os.Symlink("nowhere", filepath.Join(tree, "dangling"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	missing := filepath.Join(dir, "missing")
	list := []plan.Source{{Path: link}, {Path: link, Link: true}, {Path: tree, Names: true}, {Path: tree}, {Path: missing, Link: true}, {Path: missing}}
	for range 2 {
		paths := probePaths(list)
		if p := paths[link]; p.Link != "tree" || p.Kind != plan.Directory || p.Err != 0 {
			t.Errorf("%+v: the link is %+v", list, p)
		}
		if p := paths[tree]; !slices.Equal(p.Names, []string{"dangling"}) {
			t.Errorf("%+v: the tree is %+v", list, p)
		}
		if p := paths[filepath.Join(tree, "dangling")]; p.Link != "nowhere" || p.Err != plan.Errno(unix.ENOENT) {
			t.Errorf("%+v: what leads nowhere is %+v", list, p)
		}
		if p := paths[missing]; p.Link != "" || p.Err != plan.Errno(unix.ENOENT) {
			t.Errorf("%+v: what is missing is %+v", list, p)
		}
		slices.Reverse(list)
	}
}

// TestLogin: passwd(5) is read where the payload has the caller's name, or the caller no
// HOME, and for subordinate ids.
func TestLogin(t *testing.T) {
	known := Login() != nil
	for _, tt := range []struct {
		id   userns.ID
		uid  profiles.Number
		home string
		want bool
	}{
		{userns.Self, 1000, "/home/x", false},
		{userns.Self, 1000, "", true},
		{userns.Self, 1000, "relative", true},
		{userns.Self, profiles.Caller, "/home/x", true},
		{userns.Auto, 1000, "/home/x", true},
	} {
		t.Setenv("HOME", tt.home)
		spec := &plan.Spec{Cgroup: cgroupdelegate.Off, Profile: profiles.Profile{ID: tt.id, UID: tt.uid}}
		h, err := Probe(spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Caller.Login != nil; got != (tt.want && known) {
			t.Errorf("%+v: a login %v, want %v", tt, got, tt.want && known)
		}
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
