package seccomp

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/seccomp/entry"
)

func TestBuiltin(t *testing.T) {
	if got, want := Builtins(), []string{"strict", "default", "build"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Builtins() = %q, want %q", got, want)
	}
	for _, name := range Builtins() {
		f, err := Load(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Name != name || f.Source != "built-in" || f.Len() < 10 || f.Len() > 200 || f.Flags != 0 {
			t.Errorf("Load(%q) = %s from %s, %d instructions, flags %d", name, f.Name, f.Source, f.Len(), f.Flags)
		}
		f.Program[0]++ // the caller's own
		if again, _ := Builtin(name); again.Program[0] == f.Program[0] {
			t.Errorf("%s: the caller can change the built-in filter", name)
		}
	}
	if f, ok := Builtin("lax"); ok {
		t.Errorf("Builtin(lax) = %v", f)
	}
}

func TestLoadErrors(t *testing.T) {
	b := newBench(t)
	dir := filepath.Dir(b.policy)
	b.write(dir+"/fail.toml", "fail unknown key \"colour\"")
	b.write(dir+"/garbage.toml", "garbage")
	b.write(dir+"/crash.toml", "crash")
	b.write(dir+"/large.toml", strings.Repeat("#", maxPolicy+1))
	var policyError *PolicyError
	var companionError *CompanionError
	for _, tt := range []struct {
		policy string
		opt    Options
		is     error
		as     any
		want   string
	}{
		{"lax", b.opt, ErrUnknownPolicy, nil, `seccomp policy "lax": no built-in seccomp policy and no file of that name`},
		{dir + "/none.toml", b.opt, syscall.ENOENT, nil, `seccomp policy "` + dir + `/none.toml": open ` + dir + `/none.toml: no such file or directory`},
		{b.policy, Options{}, ErrNoCompanion, nil, `seccomp policy "` + b.policy + `": procjail-seccomp is not installed beside procjail nor in ../libexec/procjail`},
		{b.policy, Options{Companion: filepath.Base(b.opt.Companion)}, ErrNoCompanion, nil, ""},
		{b.policy, Options{Companion: b.policy}, ErrNoCompanion, nil, ""}, // not executable
		{dir + "/fail.toml", b.opt, nil, &policyError, `seccomp policy "` + dir + `/fail.toml": ` + dir + `/fail.toml:1:1: unknown key "colour"`},
		{dir + "/garbage.toml", b.opt, nil, &companionError, `seccomp policy "` + dir + `/garbage.toml": ` + b.opt.Companion + `: bad seccomp entry: checksum does not match`},
		{dir + "/crash.toml", b.opt, nil, &companionError, `seccomp policy "` + dir + `/crash.toml": ` + b.opt.Companion + `: exit status 2: out of memory`},
		{dir + "/large.toml", b.opt, nil, nil, `seccomp policy "` + dir + `/large.toml": more than 1048576 bytes`},
		{dir, b.opt, syscall.EISDIR, nil, `seccomp policy "` + dir + `": read ` + dir + `: is a directory`},
	} {
		_, err := Load(tt.policy, tt.opt)
		var load *LoadError
		if !errors.As(err, &load) || tt.is != nil && !errors.Is(err, tt.is) || tt.as != nil && !errors.As(err, tt.as) ||
			tt.want != "" && err.Error() != tt.want {
			t.Errorf("Load(%q) = %v\nwant %s", tt.policy, err, tt.want)
		}
	}
}

// A name wins over a file; ./NAME is the file.
func TestLoadNameOrFile(t *testing.T) {
	b := newBench(t)
	t.Chdir(filepath.Dir(b.policy))
	b.write("strict", "")
	if f, err := Load("strict", b.opt); err != nil || f.Source != SourceBuiltin {
		t.Errorf("Load(strict) = %v, %v", f.Source, err)
	}
	if f, err := Load("./strict", b.opt); err != nil || f.Source != "./strict" {
		t.Errorf("Load(./strict) = %v, %v", f.Source, err)
	}
	b.write("plain", "")
	if f, err := Load("plain", b.opt); err != nil || f.Source != "plain" {
		t.Errorf("Load(plain) = %v, %v", f.Source, err)
	}
}

func TestLoadLeaksNoDescriptor(t *testing.T) {
	b := newBench(t)
	b.load()
	before := kerneltest.Descriptors(t)
	for range 3 {
		os.RemoveAll(b.root)
		b.load()
		b.load()
		Load("/nonexistent/policy", b.opt)
	}
	if after := kerneltest.Descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestKernelVersion(t *testing.T) {
	v := kernelVersion()
	major, minor, ok := strings.Cut(v, ".")
	if !ok || major == "" || minor == "" || strings.Trim(major+minor, "0123456789") != "" {
		t.Errorf("kernelVersion() = %q", v)
	}
}

// The places in order, of which each wins over those after it.
func TestFindCompanion(t *testing.T) {
	dir := t.TempDir()
	exe := dir + "/bin/procjail"
	places := []string{dir + "/bin/" + companionName, dir + "/libexec/procjail/" + companionName, dir + "/elsewhere"}
	t.Setenv("PATH", dir+"/path")
	for _, path := range append(places, dir+"/path/"+companionName) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range places {
		if c, err := findCompanion(exe, dir+"/elsewhere"); err != nil || c.path != path {
			t.Errorf("findCompanion() = %q, %v, want %q", c.path, err, path)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := findCompanion(exe, dir+"/elsewhere"); !errors.Is(err, ErrNoCompanion) {
		t.Errorf("findCompanion() = %q, %v, want none: PATH is not searched", c.path, err)
	}
}

func TestJoinSorted(t *testing.T) {
	caps := []string{"CAP_KILL", "CAP_CHOWN", "CAP_KILL"}
	if got := joinSorted(caps); got != "CAP_CHOWN,CAP_KILL" || caps[0] != "CAP_KILL" {
		t.Errorf("joinSorted() = %q, argument now %q", got, caps)
	}
	k := entry.Key{Capabilities: "a"}
	if k.FileName() == (entry.Key{Kernel: "a"}).FileName() {
		t.Error("fields of a key run together")
	}
}
