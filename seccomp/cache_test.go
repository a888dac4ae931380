package seccomp

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/seccomp/entry"
)

func TestCacheHit(t *testing.T) {
	b := newBench(t)
	if n := b.load(); n != 1 {
		t.Fatalf("first load: the companion ran %d times", n)
	}
	if n := b.load(); n != 1 {
		t.Errorf("second load: the companion ran again")
	}
	for path, want := range map[string]os.FileMode{
		b.root: os.ModeDir | 0o700, b.root + "/procjail": os.ModeDir | 0o700,
		b.root + "/procjail/seccomp": os.ModeDir | 0o700, b.cached(): 0o600,
	} {
		if st, err := os.Stat(path); err != nil || st.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", path, st.Mode(), err, want)
		}
	}
}

// Whatever a filter depends on is part of its key.
func TestCacheMiss(t *testing.T) {
	copyOf := func(t *testing.T, exe string) string {
		text, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		path := t.TempDir() + "/" + companionName
		if err := os.WriteFile(path, text, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	library := t.TempDir() + "/libseccomp.so.2"
	if err := os.WriteFile(library, []byte("2.5.4"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(b *bench)
		want   int
	}{
		{"nothing", func(*bench) {}, 1},
		{"policy", func(b *bench) { b.write(b.policy, "library "+library+"\n#\ncount "+b.count) }, 2},
		{"capabilities", func(b *bench) { b.opt.Capabilities = []string{"CAP_SYS_ADMIN"} }, 2},
		{"companion written again", func(b *bench) {
			if err := os.Chtimes(b.opt.Companion, time.Time{}, time.Unix(1, 0)); err != nil {
				b.t.Fatal(err)
			}
		}, 2},
		{"another companion", func(b *bench) { b.opt.Companion = copyOf(b.t, b.opt.Companion) }, 2},
		{"another libseccomp.so", func(b *bench) { b.write(library, "2.6.0") }, 2},
		{"libseccomp.so gone", func(*bench) { os.Remove(library) }, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(library, []byte("2.5.4"), 0o644); err != nil {
				t.Fatal(err)
			}
			b := newBench(t, "library "+library)
			b.opt.Companion = copyOf(t, b.opt.Companion)
			b.load()
			tt.change(&b)
			if strings.HasSuffix(tt.name, "gone") {
				// The fake companion cannot name it any more: only look.
				if e, ok := lookupOnly(t, &b); ok {
					t.Errorf("lookup = %+v", e)
				}
				return
			}
			if n := b.load(); n != tt.want {
				t.Errorf("the companion ran %d times, want %d", n, tt.want)
			}
		})
	}
}

func lookupOnly(t *testing.T, b *bench) (entry.Entry, bool) {
	t.Helper()
	c, err := findCompanion("/none/procjail", b.opt.Companion)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(b.policy)
	if err != nil {
		t.Fatal(err)
	}
	dir := openCache()
	defer dir.close()
	return dir.lookup(entry.Key{Compiler: c.identity(), Kernel: kernelVersion(), Policy: string(text)})
}

// Somebody else could have written it: then it is not used, however right it
// looks. Each case plants a well-formed entry with another program.
func TestCacheNotTrusted(t *testing.T) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, root, file string)
		hits bool // the planted entry is used: the case's own control
	}{
		{"control", func(*testing.T, string, string) {}, true},
		{"file writable for group", func(t *testing.T, _, file string) { must(t, os.Chmod(file, 0o620)) }, false},
		{"file writable for others", func(t *testing.T, _, file string) { must(t, os.Chmod(file, 0o602)) }, false},
		{"file of another user", func(t *testing.T, _, file string) { chown(t, file) }, false},
		{"second link", func(t *testing.T, root, file string) { must(t, os.Link(file, root+"/link")) }, false},
		{"symbolic link", func(t *testing.T, root, file string) {
			must(t, os.Rename(file, root+"/elsewhere"))
			must(t, os.Symlink(root+"/elsewhere", file))
		}, false},
		{"FIFO", func(t *testing.T, _, file string) {
			must(t, os.Remove(file))
			must(t, syscall.Mkfifo(file, 0o600))
		}, false},
		{"directory", func(t *testing.T, _, file string) {
			must(t, os.Remove(file))
			must(t, os.Mkdir(file, 0o700))
		}, false},
		{"directory writable for group", func(t *testing.T, root, _ string) { must(t, os.Chmod(root+"/procjail/seccomp", 0o770)) }, false},
		{"directory writable for others", func(t *testing.T, root, _ string) { must(t, os.Chmod(root+"/procjail/seccomp", 0o702)) }, false},
		{"its parent writable", func(t *testing.T, root, _ string) { must(t, os.Chmod(root+"/procjail", 0o777)) }, false},
		{"sticky is not enough", func(t *testing.T, root, _ string) { must(t, os.Chmod(root+"/procjail", 0o777|os.ModeSticky)) }, false},
		{"root writable", func(t *testing.T, root, _ string) { must(t, os.Chmod(root, 0o777)) }, false},
		{"directory of another user", func(t *testing.T, root, _ string) { chown(t, root+"/procjail") }, false},
		{"directory is a symbolic link", func(t *testing.T, root, _ string) {
			must(t, os.Rename(root+"/procjail", root+"/elsewhere"))
			must(t, os.Symlink("elsewhere", root+"/procjail"))
		}, false},
		{"root is a symbolic link", func(t *testing.T, root, _ string) {
			must(t, os.Rename(root, root+".d"))
			must(t, os.Symlink(root+".d", root))
		}, true}, // the user's own choice
		{"truncated", func(t *testing.T, _, file string) { must(t, os.Truncate(file, 40)) }, false},
		{"empty", func(t *testing.T, _, file string) { must(t, os.Truncate(file, 0)) }, false},
		{"one bit", func(t *testing.T, _, file string) {
			text, err := os.ReadFile(file)
			must(t, err)
			text[len(text)-20] ^= 1
			must(t, os.WriteFile(file, text, 0o600))
		}, false},
		{"too large", func(t *testing.T, _, file string) { must(t, os.Truncate(file, maxEntry+1)) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.load()
			file := b.cached()
			plant(t, file)
			tt.do(t, b.root, file)
			f, err := Load(b.policy, b.opt)
			if err != nil {
				t.Fatal(err)
			}
			if hit := string(f.Program) == string(evilProgram); hit != tt.hits {
				t.Errorf("planted entry used: %v, want %v", hit, tt.hits)
			}
		})
	}
}

// plant replaces the program of an entry and keeps all else, checksum included.
func plant(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := entry.ParseRequest(raw[:requestLength(t, raw)])
	if err != nil {
		t.Fatal(err)
	}
	e, err := entry.Decode(raw, key)
	if err != nil {
		t.Fatal(err)
	}
	e.Program = evilProgram
	if err := os.WriteFile(file, e.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// requestLength finds where the key ends in an entry.
func requestLength(t *testing.T, raw []byte) int {
	t.Helper()
	for n := range raw {
		if _, err := entry.ParseRequest(raw[:n]); err == nil {
			return n
		}
	}
	t.Fatal("no key in the entry")
	return 0
}

func chown(t *testing.T, path string) {
	t.Helper()
	kerneltest.Privileged(t)
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
}

// Without a cache there is a filter nevertheless.
func TestCacheUnusable(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, b bench)
	}{
		{"root is a file", func(t *testing.T, b bench) { b.write(b.root, "") }},
		{"root's parent is missing", func(t *testing.T, b bench) { t.Setenv("XDG_CACHE_HOME", b.root+"/a/b") }},
		{"read-only file system", func(t *testing.T, b bench) { t.Setenv("XDG_CACHE_HOME", "/proc/self") }},
		{"full file system", func(t *testing.T, b bench) { t.Setenv("XDG_CACHE_HOME", "/dev/full") }},
		{"relative XDG_CACHE_HOME, no HOME", func(t *testing.T, b bench) {
			t.Setenv("XDG_CACHE_HOME", "cache")
			t.Setenv("HOME", "")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			tt.do(t, b)
			b.load()
			if n := b.load(); n != 2 {
				t.Errorf("the companion ran %d times, want 2", n)
			}
		})
	}
}

// A relative XDG_CACHE_HOME is ignored: XDG base directory specification.
func TestCacheRoot(t *testing.T) {
	for _, tt := range []struct{ xdg, home, want string }{
		{"/x", "/h", "/x"},
		{"x", "/h", "/h/.cache"},
		{"", "/h", "/h/.cache"},
		{"", "h", ""},
	} {
		t.Setenv("XDG_CACHE_HOME", tt.xdg)
		t.Setenv("HOME", tt.home)
		if got := cacheRoot(); got != tt.want {
			t.Errorf("XDG_CACHE_HOME=%q HOME=%q: %q, want %q", tt.xdg, tt.home, got, tt.want)
		}
	}
}

// A writer that was killed leaves one file, and not for ever.
func TestCacheLeftover(t *testing.T) {
	b := newBench(t)
	b.load()
	file := b.cached()
	if err := os.Rename(file, file+".tmp"); err != nil {
		t.Fatal(err)
	}
	b.load() // removes it
	if n := b.load(); n != 3 {
		t.Errorf("the companion ran %d times, want 3", n)
	}
	if n := b.load(); n != 3 || b.cached() != file {
		t.Errorf("not cached after a leftover: the companion ran %d times", n)
	}
}

// A full cache starts afresh.
func TestCachePrune(t *testing.T) {
	b := newBench(t)
	b.load()
	dir := openCache()
	defer dir.close()
	for i := range maxEntries + 4 {
		dir.store(entry.Key{Policy: fmt.Sprint(i)}, []byte{0})
	}
	list, err := os.ReadDir(b.root + "/procjail/seccomp")
	if err != nil || len(list) != 5 {
		t.Errorf("%d entries, %v, want 5", len(list), err)
	}
	if n := b.load(); n != 2 {
		t.Errorf("the companion ran %d times, want 2", n)
	}
}
