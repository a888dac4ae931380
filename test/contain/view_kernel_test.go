package contain

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// hostTree makes what the tests of the view show of the host, and asserts at
// the end that none of it has changed but what changes names.
func hostTree(t *testing.T, changes ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []string{"a/one", "a/sub/two", "a/secret/key", "b/three", "file"} {
		name := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(f+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "a", "a/out": "/etc", "a/up": "../b"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	before := snapshot(t, dir)
	t.Cleanup(func() {
		after := snapshot(t, dir)
		for _, c := range changes {
			delete(after, c)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the host's tree has changed:\n%s", diff)
		}
	})
	return dir
}

// snapshot is each file below dir: mode, owner, time and content. Directories
// stand without their times, which a change that is expected would change.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		s := fmt.Sprintf("%v %d", info.Mode(), info.Sys().(*syscall.Stat_t).Uid)
		if !info.IsDir() {
			s += fmt.Sprint(" ", info.ModTime(), " ", describe(name))
		}
		all[rel] = s
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// views are options, in which HOST is hostTree's directory, and what the payload
// then sees and may write.
var views = []struct {
	name    string
	options string
	files   []string // paths to describe
	want    []string // each line, without its path
	write   []string // paths to write
	errnos  []string
	changes []string // of the host's tree
}{
	{
		name: "ro", options: "--ro HOST/a:/data --ro HOST/file:/etc/one",
		files: []string{"/data", "/data/one", "/data/up", "/etc/one", "/HOST"},
		want:  []string{"/ [one out secret sub up]", ` "a/one\n"`, " -> ../b", ` "file\n"`, " ENOENT"},
		write: []string{"/data/one", "/data/new", "/etc/one"}, errnos: []string{"EACCES|EROFS", "EACCES|EROFS", "EACCES|EROFS"},
	},
	{
		name: "rw", options: "--rw HOST/a:/data --rw HOST/b",
		files: []string{"/data/one", "HOST/b", "HOST", "HOST/a"}, want: []string{` "a/one\n"`, "/ [three]", "/ [b]", " ENOENT"},
		write: []string{"/data/new", "HOST/b/new", "/data/sub/new"}, errnos: []string{"ok", "ok", "ok"},
		changes: []string{"a/new", "b/new", "a/sub/new"},
	},
	{
		name: "ro below rw", options: "--rw HOST/a:/data --ro HOST/b:/data/sub",
		files: []string{"/data/sub"}, want: []string{"/ [three]"},
		write: []string{"/data/new", "/data/sub/new"}, errnos: []string{"ok", "EACCES|EROFS"}, changes: []string{"a/new"},
	},
	{
		name: "rw below ro", options: "--ro HOST/a:/data --rw HOST/b:/data/sub",
		write: []string{"/data/new", "/data/sub/new"}, errnos: []string{"EACCES|EROFS", "ok"}, changes: []string{"b/new"},
	},
	{
		name: "a later line covers an earlier one", options: "--rw HOST/a:/data --ro HOST/b:/data",
		files: []string{"/data"}, want: []string{"/ [three]"}, write: []string{"/data/new"}, errnos: []string{"EACCES|EROFS"},
	},
	{
		name: "the same the other way round", options: "--ro HOST/b:/data --rw HOST/a:/data",
		files: []string{"/data"}, want: []string{"/ [one out secret sub up]"}, write: []string{"/data/new"}, errnos: []string{"ok"}, changes: []string{"a/new"},
	},
	{
		name: "tmpfs over a part", options: "--ro HOST/a:/data --tmpfs /data/secret",
		files: []string{"/data/secret", "/data/one"}, want: []string{"/ []", ` "a/one\n"`},
		write: []string{"/data/secret/new"}, errnos: []string{"ok"},
	},
	{
		name: "hide a directory and a file", options: "--rw HOST/a --hide HOST/a/secret --hide HOST/a/one",
		files: []string{"HOST/a/secret", "HOST/a/one", "HOST/a/sub/two"}, want: []string{"/ []", " device", ` "a/sub/two\n"`},
		write: []string{"HOST/a/secret/key"}, errnos: []string{"EACCES|EROFS"},
	},
	{
		name: "a symbolic link as source", options: "--ro HOST/link:/data",
		files: []string{"/data/one"}, want: []string{` "a/one\n"`}, write: []string{"/data/one"}, errnos: []string{"EACCES|EROFS"},
	},
	{
		name: "a symbolic link of the profile's as destination", options: "--ro HOST/b:/var/run/data",
		files: []string{"/run/data"}, want: []string{"/ [three]"},
	},
	{
		name: "overlay-tmp", options: "--overlay-tmp HOST/a:/data",
		files: []string{"/data/one"}, want: []string{` "a/one\n"`},
		write: []string{"/data/one", "/data/new", "/data/sub/two"}, errnos: []string{"ok", "ok", "ok"},
	},
	{
		name: "overlay", options: "--overlay HOST/a:/data",
		files: []string{"/data/one"}, want: []string{` "a/one\n"`}, write: []string{"/data/one", "/data/new"}, errnos: []string{"ok", "ok"},
	},
	{
		name: "workdir", options: "--ro HOST/a:/data --workdir /data",
		files: []string{"one", "."}, want: []string{` "a/one\n"`, "/ [one out secret sub up]"},
	},
	{
		// The rest of /usr is the host's again, for a test binary that is linked
		// with its libraries.
		name: "rootfs", options: "--rootfs HOST/a --ro /usr --ro /lib64 --ro SELF",
		files: []string{"/one", "/sub/two", "/etc", "/out"}, want: []string{` "a/one\n"`, ` "a/sub/two\n"`, " ENOENT", " -> /etc"},
		write: []string{"/one", "/sub/two", "/tmp/new"}, errnos: []string{"EACCES|EROFS", "EACCES|EROFS", "ok"},
	},
}

func TestKernelView(t *testing.T) {
	for _, v := range views {
		t.Run(v.name, func(t *testing.T) {
			kerneltest.Begin(t)
			host := hostTree(t, v.changes...)
			self := kerneltest.Self(t)
			state := t.TempDir()
			options := strings.Fields(v.options)
			place := strings.NewReplacer("HOST", host, "SELF", self)
			for i := range options {
				options[i] = place.Replace(options[i])
			}
			options = append([]string{"--id", "self"}, options...)
			lines := func(act string, paths []string) []string {
				for i := range paths {
					paths[i] = place.Replace(paths[i])
				}
				cmd := command(t, options, act, paths...)
				cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
				got := kerneltest.RunCommand(t, cmd)
				if got.Code != 0 {
					t.Fatalf("%+v", got)
				}
				var out []string
				for i, line := range strings.Split(strings.TrimSuffix(got.Stdout, "\n"), "\n") {
					out = append(out, strings.TrimPrefix(line, paths[i]))
				}
				return out
			}
			if len(v.files) > 0 {
				if diff := cmp.Diff(v.want, lines("files", slices.Clone(v.files))); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
			if len(v.write) > 0 {
				for i, got := range lines("write", slices.Clone(v.write)) {
					if !slices.Contains(strings.Split(v.errnos[i], "|"), strings.TrimSpace(got)) {
						t.Errorf("write %s: %s, want %s", v.write[i], got, v.errnos[i])
					}
				}
			}
			if kept, _ := filepath.Glob(state + "/procjail/overlays/*/upper/new"); v.name == "overlay" && len(kept) != 1 {
				t.Errorf("the overlay's changes are not kept: %q", kept)
			}
		})
	}
}

// TestKernelSwap: a payload that may write a directory swaps what is below it
// for symbolic links while others are started with places below it.
func TestKernelSwap(t *testing.T) {
	kerneltest.Begin(t)
	host := hostTree(t, "a/new")
	outside := t.TempDir()
	if err := os.WriteFile(outside+"/marker", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/", "/proc", "/proc/self/root", "/..", outside, "../../../../../../.."} {
		trap := filepath.Join(host, "a/new")
		if err := os.Symlink(target, trap); err != nil {
			t.Fatal(err)
		}
		// Where it leads is refused, or it is a place of the jail's.
		cmd := command(t, []string{"--id", "self", "--rw", host + "/a", "--rw", host + "/b:" + trap + "/tmp"}, "files", outside+"/marker", "/tmp")
		got := kerneltest.RunCommand(t, cmd)
		if strings.Contains(got.Stdout, "marker \"") {
			t.Errorf("through %s: %+v", target, got)
		}
		if _, err := os.Stat(outside + "/tmp"); err == nil {
			t.Errorf("through %s: procjail has made a directory outside", target)
		}
		if err := os.Remove(trap); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKernelLinkAsDestination: in a tree of the host's a destination follows no
// symbolic link, for whoever may write the tree would choose where it leads.
func TestKernelLinkAsDestination(t *testing.T) {
	kerneltest.Begin(t)
	host := hostTree(t)
	got := kerneltest.Run(t, "-q", "--id", "self", "--rw", host+"/a:/data", "--ro", host+"/b:/data/out/ssl", "true")
	if got.Code != 125 || !strings.Contains(got.Stderr, "RESOLVE_IN_ROOT}, 24): ELOOP\n") || !strings.Contains(got.Stderr, "a destination follows none") {
		t.Errorf("%+v", got)
	}
}

// TestKernelPrivateProgram: only the caller may enter its home and read it.
func TestKernelPrivateProgram(t *testing.T) {
	kerneltest.RequireID(t, "subid")
	kerneltest.Begin(t)
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	self := kerneltest.Self(t)
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(home, "untrusted")
	for name, content := range map[string][]byte{program: data, filepath.Join(home, "neighbour"): []byte("secret")} {
		if err := os.WriteFile(name, content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got := kerneltest.Run(t, "-q", "--id", "subid", program, victimWord, "files", home, home+"/neighbour")
	if got.Code != 0 || got.Stdout != home+"/ [untrusted]\n"+home+"/neighbour ENOENT\n" {
		t.Errorf("%+v", got)
	}
	got = kerneltest.Run(t, "-q", "--id", "subid", program, victimWord, "write", program, home+"/new")
	if got.Code != 0 || strings.Contains(got.Stdout, " ok\n") {
		t.Errorf("%+v", got)
	}
}

// TestKernelGroupProgram: the caller may read the program only as a member of a
// supplementary group.
func TestKernelGroupProgram(t *testing.T) {
	kerneltest.Begin(t)
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	other := slices.IndexFunc(groups, func(g int) bool { return g != os.Getgid() })
	if other < 0 {
		kerneltest.Missing(t, "group", "probed getgroups(2), found: no supplementary group")
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho ran\n"), 0o070); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(program, -1, groups[other]); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(program, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, id := range kerneltest.Identities {
		kerneltest.RequireID(t, id)
		if got := kerneltest.Run(t, "-q", "--id", id, program); got.Code != 0 || got.Stdout != "ran\n" {
			t.Errorf("--id %s: %+v", id, got)
		}
	}
}

// TestKernelNested makes jails in a jail: build in build, and strict in that.
func TestKernelNested(t *testing.T) {
	kerneltest.Begin(t)
	self := kerneltest.Self(t)
	procjail := kerneltest.Binary(t)
	shown := []string{"--ro", procjail, "--ro", self}
	outer := append([]string{"-q", "-p", "build"}, shown...)
	inner := append([]string{"--", procjail, "-q", "-p", "build"}, shown...)
	strict := []string{"--", procjail, "-q", "-p", "strict", "--id", "self"}
	payload := []string{"--", self, victimWord, "report"}
	for level, argv := range [][]string{
		slices.Concat(outer, payload),
		slices.Concat(outer, inner, payload),
		slices.Concat(outer, inner, strict, payload),
	} {
		cmd := kerneltest.Command(t, argv...)
		cmd.Dir = t.TempDir()
		var got report
		decode(t, kerneltest.RunCommand(t, cmd), &got)
		if got.Status["CapEff"] != "0000000000000000" || got.Status["NoNewPrivs"] != "1" || len(got.Pids) != 2 {
			t.Errorf("level %d: %v, processes %q", level+1, got.Status, got.Pids)
		}
		// Each level has added a filter: the payload is in all of the jails.
		if n := itoa(level + 1); got.Status["Seccomp_filters"] != n {
			t.Errorf("level %s: %s filters", n, got.Status["Seccomp_filters"])
		}
		for name, inside := range got.Namespaces {
			if outside, err := os.Readlink("/proc/self/ns/" + name); err != nil || inside == outside {
				t.Errorf("level %d is in the caller's %s namespace (%v)", level+1, name, err)
			}
		}
	}
}
