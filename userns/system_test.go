package userns

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes a root with the given files and returns it. Programs are files below /usr/bin.
func tree(t *testing.T, files map[string]string) System {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(name, helperDir) {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return NewFromRoot(root)
}

const passwd = "root:x:0:0:root:/root:/bin/sh\nalice:x:1001:1001::/home/alice:/bin/sh\n"

func TestLookupFiles(t *testing.T) {
	s := tree(t, map[string]string{
		passwdFile: passwd,
		subuidFile: "alice:100000:65536\nbob:100000:65536\n",
		subgidFile: "1001:200000:65536\nalice:x:y\n",
	})
	login, uids, gids := s.Lookup(1001)
	if diff := cmp.Diff(&Login{"alice", 1001, 1001, "/home/alice"}, login); diff != "" {
		t.Error(diff)
	}
	if uids.Name != subuidFile || !cmp.Equal(uids.Ranges, []Range{{100000, 65536}}) || len(uids.Overlaps) != 1 || uids.Err != nil {
		t.Errorf("uids: %+v", uids)
	}
	if want := `/etc/subgid:2: "alice:x:y": first id is no number`; text(gids.Err) != want || !cmp.Equal(gids.Ranges, []Range{{200000, 65536}}) {
		t.Errorf("gids: %+v, want error %s", gids, want)
	}
}

func TestLookupNothing(t *testing.T) {
	login, uids, gids := tree(t, nil).Lookup(1001)
	if login != nil || uids.Ranges != nil || uids.Err != nil || gids.Ranges != nil || gids.Err != nil {
		t.Errorf("an empty tree: %v, %+v, %+v", login, uids, gids)
	}
}

func TestLookupGetsubids(t *testing.T) {
	// The script answers with its arguments and its environment.
	const script = `#!/bin/sh
test "$(env | grep -cv -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=)" = 2 || exit 9
case "$*" in
alice) echo "0: alice 500000 65536" ;;
"-g alice") echo "0: alice 600000 65536" ;;
3000000000) echo "Error fetching ranges" >&2; exit 1 ;;
"-g 3000000000") echo "no server" >&2; exit 2 ;;
esac
`
	s := tree(t, map[string]string{
		passwdFile: passwd, nsswitchFile: "subid: sss\n", getsubidsPath: script,
		subuidFile: "alice:100000:65536\n",
	})
	_, uids, gids := s.Lookup(1001)
	if !cmp.Equal(uids.Ranges, []Range{{500000, 65536}}) || !cmp.Equal(gids.Ranges, []Range{{600000, 65536}}) || uids.Err != nil || gids.Err != nil {
		t.Errorf("alice: %+v, %+v", uids, gids)
	}
	if want := "getsubids (subid: sss)"; uids.Name != want {
		t.Errorf("name %q, want %q", uids.Name, want)
	}
	_, uids, gids = s.Lookup(3000000000)
	if uids.Ranges != nil || uids.Err != nil {
		t.Errorf("a user with no ids: %+v", uids)
	}
	if want := "run /usr/bin/getsubids: exit status 2: no server"; text(gids.Err) != want {
		t.Errorf("a failing server: %v, want %s", gids.Err, want)
	}
}

func TestLookupGetsubidsMissing(t *testing.T) {
	_, uids, _ := tree(t, map[string]string{passwdFile: passwd, nsswitchFile: "subid: sss\n", subuidFile: "alice:1:1\n"}).Lookup(1001)
	if !errors.Is(uids.Err, fs.ErrNotExist) || uids.Ranges != nil {
		t.Errorf("%+v, want ErrNotExist", uids)
	}
}

func TestHelpers(t *testing.T) {
	s := tree(t, map[string]string{helperDir + newUIDMap: "", helperDir + newGIDMap: ""})
	uid, gid := s.Helpers()
	if uid.Path == "" || uid.Usable() || gid.Path == "" || gid.Usable() {
		t.Errorf("plain files: %+v, %+v, want found and not usable", uid, gid)
	}
	if err := os.Chmod(uid.Path, 0o755|fs.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	uid, _ = s.Helpers()
	if want := os.Geteuid() == 0; uid.Setuid != want {
		t.Errorf("set-user-ID of uid %d: %+v, want Setuid %t", os.Geteuid(), uid, want)
	}
	if err := os.Remove(gid.Path); err != nil {
		t.Fatal(err)
	}
	if _, gid = s.Helpers(); gid != (Helper{}) {
		t.Errorf("missing: %+v", gid)
	}
}

func TestGrants(t *testing.T) {
	// As setcap cap_setuid=ep, cap_setuid=p and cap_setgid=ep write them.
	for _, tt := range []struct {
		xattr string
		want  bool
	}{
		{"\x01\x00\x00\x02\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", true},
		{"\x00\x00\x00\x02\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", false},
		{"\x01\x00\x00\x02\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", false},
		{"\x01\x00\x00", false},
		{"", false},
	} {
		if got := grants([]byte(tt.xattr), capSetuid); got != tt.want {
			t.Errorf("grants(%q) = %t, want %t", tt.xattr, got, tt.want)
		}
	}
}

// TestCallerOfThisHost asks that the running system can be read; what it says is its own.
func TestCallerOfThisHost(t *testing.T) {
	c := New().Caller(uint32(os.Geteuid()), uint32(os.Getegid()))
	if len(c.UIDMap) == 0 || len(c.GIDMap) == 0 {
		t.Errorf("no id maps: %+v", c)
	}
	if _, ok := c.UIDMap.ToOutside(c.UID); !ok {
		t.Errorf("uid %d is not in %v", c.UID, c.UIDMap)
	}
}
