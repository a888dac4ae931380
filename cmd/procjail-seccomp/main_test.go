//go:build cgo

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/seccomp"
	"github.com/Emmanuel326/procjail/seccomp/entry"
	"github.com/Emmanuel326/procjail/seccomp/libseccomp"
)

// The test binary is also the program that it tests.
func TestMain(m *testing.M) {
	if os.Args[0] == "procjail-seccomp" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command runs procjail-seccomp and returns what a shell would see.
func command(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(exe)
	cmd.Args = append([]string{"procjail-seccomp"}, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

const example = `default = "errno EPERM"
foreign = "kill_process"
[[rule]]
action = "allow"
names = ["exit_group"]
`

const exampleOCI = `{"defaultAction": "SCMP_ACT_ERRNO", "flags": ["SECCOMP_FILTER_FLAG_LOG"], "syscalls": [
  {"names": ["exit_group", "no_such_call"], "action": "SCMP_ACT_ALLOW"},
  {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}]}`

func TestCompileAndDisasm(t *testing.T) {
	file := t.TempDir() + "/filter.bpf"
	if out, errs, status := command(t, example, "compile", "--arch", "amd64", "-o", file, "-"); out+errs != "" || status != 0 {
		t.Fatalf("compile: %q, %q, exit %d", out, errs, status)
	}
	out, errs, status := command(t, "", "disasm", file)
	want := `   0: 20 00 00 00000004  ld   arch
   1: 15 00 06 c000003e  jeq  0xc000003e  true:0002 false:0008
   2: 20 00 00 00000000  ld   nr
   3: 15 00 01 000000e7  jeq  0xe7  true:0004 false:0005
   4: 06 00 00 7fff0000  ret  ALLOW
   5: 35 00 01 40000000  jge  0x40000000  true:0006 false:0007
   6: 35 00 01 ffffffff  jge  0xffffffff  true:0007 false:0008
   7: 06 00 00 00050001  ret  ERRNO(1)
   8: 06 00 00 80000000  ret  KILL_PROCESS
`
	if out != want || errs != "" || status != 0 {
		t.Errorf("disasm: exit %d, %q\n%swant\n%s", status, errs, out, want)
	}
}

func TestCommandLine(t *testing.T) {
	bad := t.TempDir() + "/bad.toml"
	if err := os.WriteFile(bad, []byte("default = \"allow\"\ncolour = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const wrong = "procjail-seccomp: wrong usage; procjail-seccomp --help says how it goes"
	for _, tt := range []struct {
		args           []string
		stdout, stderr string
		status         int
	}{
		{[]string{"--help"}, usage, "", 0},
		{[]string{"version"}, "libseccomp " + libseccomp.Version() + ", linux/" + runtime.GOARCH + "\n", "", 0},
		{nil, "", wrong + "\n", 2},
		{[]string{"frobnicate"}, "", wrong + "\n", 2},
		{[]string{"compile"}, "", wrong + "\n", 2},
		{[]string{"compile", "--fast", "strict"}, "", wrong + "\n", 2},
		{[]string{"compile", "--arch", "386", "strict"}, "", wrong + ": without --raw, --arch is one of amd64, arm64\n", 2},
		{[]string{"compile", bad}, "", bad + ":2:1: unknown key \"colour\"\n", 1},
		{[]string{"compile", "/none"}, "", "procjail-seccomp: open /none: no such file or directory\n", 2},
		{[]string{"compile", "--raw", "--arch", "vax", "strict"}, "", "procjail-seccomp: cannot compile for \"vax\"\n", 2},
		{[]string{"disasm", bad}, "", "procjail-seccomp: " + bad + ": 29 bytes are not an array of struct sock_filter\n", 2},
		{[]string{"generate"}, "", wrong + "\n", 2},
		{[]string{"entry"}, "", "procjail-seccomp: request: bad seccomp entry: too short\n", 2},
	} {
		stdout, stderr, status := command(t, "", tt.args...)
		if diff := cmp.Diff([]any{tt.stdout, tt.stderr, tt.status}, []any{stdout, stderr, status}); diff != "" {
			t.Errorf("procjail-seccomp %q: -want +got\n%s", tt.args, diff)
		}
	}
}

// generate writes what the launcher has embedded.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	if out, errs, status := command(t, "", "generate", dir); out+errs != "" || status != 0 {
		t.Fatalf("generate: %q, %q, exit %d", out, errs, status)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != len(seccomp.Builtins())*len(generated) {
		t.Fatalf("%d files, %v", len(list), err)
	}
	for _, name := range seccomp.Builtins() {
		got, err := os.ReadFile(dir + "/" + name + "." + runtime.GOARCH + ".bpf")
		if err != nil {
			t.Fatal(err)
		}
		if f, _ := seccomp.Builtin(name); !bytes.Equal(got, f.Program) {
			t.Errorf("%s: generated and embedded filters differ: run go generate ./seccomp", name)
		}
	}
}

// The launcher's way: Load runs this program, caches, and needs it no more.
func TestLoad(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir+"/cache")
	for _, tt := range []struct {
		name, text string
		flags      uint32
		caps       []string
	}{
		{"own.toml", example, 0, nil},
		{"included.toml", "include = \"default\"\n", 0, nil},
		{"docker.json", exampleOCI, 2, nil},
		{"docker.json", exampleOCI, 2, []string{"CAP_SYS_ADMIN"}},
	} {
		file := dir + "/" + tt.name
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		opt := seccomp.Options{Companion: exe, Capabilities: tt.caps}
		first, err := seccomp.Load(file, opt)
		if err != nil {
			t.Fatal(err)
		}
		again, err := seccomp.Load(file, opt)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" || first.Flags != tt.flags || first.Len() == 0 {
			t.Errorf("%s: flags %d, %d instructions; from the cache: %s", tt.name, first.Flags, first.Len(), diff)
		}
		t.Logf("%s %v: %d instructions", tt.name, tt.caps, first.Len())
		if builtin, _ := seccomp.Builtin("default"); tt.name == "included.toml" && !bytes.Equal(first.Program, builtin.Program) {
			t.Error("a file that only includes default is not default")
		}
	}
	if list, err := os.ReadDir(dir + "/cache/procjail/seccomp"); err != nil || len(list) != 4 {
		t.Errorf("%d entries in the cache, %v, want 4", len(list), err)
	}
	_, err = seccomp.Load(write(t, dir+"/bad.toml", "colour = 1\n"), seccomp.Options{Companion: exe})
	var mistake *seccomp.PolicyError
	if want := dir + "/bad.toml:1:1: unknown key \"colour\""; !errors.As(err, &mistake) || mistake.Message != want {
		t.Errorf("Load() = %v, want %s", err, want)
	}
}

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The entry names the shared library that this test is linked with.
func TestEntryNamesLibrary(t *testing.T) {
	key := entry.Key{Compiler: "test", Kernel: "6.1", Policy: example}
	out, errs, status := command(t, string(key.Request()), "entry", "--name", "x.toml")
	if status != 0 {
		t.Fatalf("exit %d: %s", status, errs)
	}
	e, err := entry.Decode([]byte(out), key)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := libseccomp.SharedLibrary()
	if err != nil {
		t.Fatal(err)
	}
	if got := entry.IdentityPath(e.Library); got != shared || e.Libseccomp != libseccomp.Version() {
		t.Errorf("library %q, version %q, want %q, %q", got, e.Libseccomp, shared, libseccomp.Version())
	}
}
