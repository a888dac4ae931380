package programs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// long ends a download or a test suite that hangs.
const long = 5 * time.Minute

// TestKernelGoModule fetches a module of 19,000 lines through the module proxy,
// in a jail that has the host's network, and builds and tests it in one that
// has none. The home is the jail's own, so the module cache lies in the project.
func TestKernelGoModule(t *testing.T) {
	kerneltest.Unprivileged(t)
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.RequirePrograms(t, "go")
	kerneltest.Clean(t)
	const module, version = "github.com/pelletier/go-toml/v2", "v2.1.0"
	dir := t.TempDir()
	cache := append(goRoot(t), "-e", "GOPATH="+dir+"/.go", "-e", "GOFLAGS=-modcacherw -buildvcs=false")
	fetch(t, dir, cache, `
		go mod download `+module+`@`+version+`
		cp -r "$GOPATH/pkg/mod/`+module+`@`+version+`" module
		cd module
		go mod download`)

	stdout := offline(t, dir, append(cache, "-e", "GOPROXY=off"), `
		cd module
		go build ./...
		go vet ./unstable
		go test ./...
		go build -o ../tomljson ./cmd/tomljson
		echo 'a.b = [1, 0x10]' | ../tomljson | tr -d ' \n'`)
	if got := strings.Count(stdout, "ok  \t"+module); got != 10 {
		t.Errorf("%d packages passed, want 10", got)
	}
	if want := `{"a":{"b":[1,16]}}`; !strings.HasSuffix(stdout, want) {
		t.Errorf("the program that was built does not print %s", want)
	}
	owned(t, filepath.Join(dir, "tomljson"))
	if t.Failed() {
		t.Log(stdout)
	}
}

// TestKernelNpmProject installs testdata/npm as its lock file says: 200
// packages, of which esbuild and bufferutil bring native code and have install
// scripts, as has the project itself. In a jail without a network it is then
// built and tested: by nine tests of its own, and by those that two of the
// packages bring.
func TestKernelNpmProject(t *testing.T) {
	kerneltest.Unprivileged(t)
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.RequirePrograms(t, "node", "npm")
	kerneltest.Clean(t)
	dir := filepath.Join(t.TempDir(), "npm")
	if err := os.CopyFS(dir, os.DirFS("testdata/npm")); err != nil {
		t.Fatal(err)
	}
	var own []string
	if home, err := os.UserHomeDir(); err == nil {
		// It may hold a token: whoever runs a jail decides to hand it in.
		if file := filepath.Join(home, ".npmrc"); exists(file) {
			own = []string{"--ro", file}
		}
	}
	fetch(t, dir, own, `npm ci --no-audit --no-fund`)
	owned(t, filepath.Join(dir, "installed"))
	owned(t, filepath.Join(dir, "node_modules/esbuild/bin/esbuild"))

	stdout := offline(t, dir, nil, `npm test`)
	for _, want := range []string{"9 passing", "# tests 153\n# pass  153\n", "# tests 780\n# pass  780\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("npm test does not print %q", want)
		}
	}
	if t.Failed() {
		t.Log(stdout)
	}
}

// fetch runs a script in dir that needs the network. Where it fails outside a
// jail too there is no registry to be had, and the test is skipped.
func fetch(t *testing.T, dir string, options []string, script string) {
	t.Helper()
	stdout, stderr, err := capture(t, jail(t, append(options, "--net", "host"), script), dir, long)
	if err == nil {
		return
	}
	outside := t.TempDir()
	if err := os.CopyFS(outside, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-euc", script)
	cmd.Env = os.Environ()
	for i, word := range options {
		if word == "-e" {
			cmd.Env = append(cmd.Env, strings.ReplaceAll(options[i+1], dir, outside))
		}
	}
	if _, said, err := capture(t, cmd, outside, long); err != nil {
		kerneltest.Missing(t, kerneltest.Registries, "probed "+strings.TrimSpace(script)+", found: "+err.Error()+"\n"+said)
	}
	t.Fatalf("inside, and not outside: %v\nstdout: %s\nstderr: %s", err, stdout, stderr)
}

// offline runs a script in dir without a network, and returns what it prints.
func offline(t *testing.T, dir string, options []string, script string) string {
	t.Helper()
	stdout, stderr, err := capture(t, jail(t, options, script), dir, long)
	if err != nil {
		t.Fatalf("%v\nstdout: %s\nstderr: %s", err, stdout, stderr)
	}
	return stdout
}

func jail(t *testing.T, options []string, script string) *exec.Cmd {
	t.Helper()
	args := append([]string{"--quiet", "--profile", "build"}, options...)
	return exec.Command(kerneltest.Binary(t), append(args, "--", "sh", "-euc", script)...)
}

// goRoot shows a Go that lies outside of /usr, such as one in the caller's home,
// which the jail has one of its own in place of.
func goRoot(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(out))
	if strings.HasPrefix(root, "/usr/") {
		return nil
	}
	return []string{"--ro", root, "-e", "PATH=" + root + "/bin:" + os.Getenv("PATH")}
}

// owned asserts that a file was made, and belongs to who runs the test.
func owned(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Error(err)
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Getuid() {
		t.Errorf("%s belongs to another id than %d", name, os.Getuid())
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
