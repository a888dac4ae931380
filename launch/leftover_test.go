package launch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// TestRemoveBelow removes ordinary directories, for which rmdir(2) is the same
// but that it refuses those with files, and not those with processes.
func TestRemoveBelow(t *testing.T) {
	outside := t.TempDir()
	if err := os.Mkdir(outside+"/kept", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, prefix string
		left         []string
		err          error
	}{
		{"all", "", []string{"busy", "busy/file", "file", "link"}, unix.ENOTEMPTY},
		{"by prefix", "procjail-", []string{"busy", "busy/a", "busy/file", "file", "link", "other"}, nil},
		{"nothing of that name", "x", []string{"busy", "busy/a", "busy/file", "file", "link", "other", "procjail-1", "procjail-1/b", "procjail-1/b/c", "procjail-2"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			for _, dir := range []string{"procjail-1/b/c", "procjail-2", "busy/a", "other"} {
				if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			err := errors.Join(os.WriteFile(top+"/file", nil, 0o644), os.WriteFile(top+"/busy/file", nil, 0o644), os.Symlink(outside, top+"/link"))
			if err != nil {
				t.Fatal(err)
			}
			if err := removeBelow(sys.AtFDCWD, top, tt.prefix); !errors.Is(err, tt.err) {
				t.Errorf("removeBelow = %v, want %v", err, tt.err)
			}
			var left []string
			err = fs.WalkDir(os.DirFS(top), ".", func(name string, _ fs.DirEntry, err error) error {
				if name != "." {
					left = append(left, name)
				}
				return err
			})
			if err != nil || !slices.Equal(left, tt.left) {
				t.Errorf("left %q (%v), want %q", left, err, tt.left)
			}
		})
	}
	if _, err := os.Stat(outside + "/kept"); err != nil {
		t.Errorf("what a symbolic link leads to: %v", err)
	}
	if err := removeBelow(sys.AtFDCWD, outside+"/none", ""); err != nil {
		t.Errorf("what is gone already: %v", err)
	}
}
