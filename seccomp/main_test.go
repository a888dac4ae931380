package seccomp

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/seccomp/entry"
)

// The test binary plays two more parts: procjail-seccomp, under that name, and
// a payload behind a filter.
func TestMain(m *testing.M) {
	switch {
	case os.Args[0] == companionName:
		os.Exit(fakeCompanion())
	case os.Args[0] == payloadName:
		payload(os.Args[1], os.Args[2:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fakeCompanion does what the policy's lines say, and has no environment.
//
//	count FILE     append a byte, to tell how often it ran
//	library FILE   name FILE as the shared libseccomp
//	fail TEXT      refuse the policy
//	garbage        write no entry
//	crash          exit as no policy makes it
func fakeCompanion() int {
	if len(os.Environ()) != 0 {
		fmt.Fprintf(os.Stderr, "environment: %q", os.Environ())
		return 3
	}
	request, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 3
	}
	key, err := entry.ParseRequest(request)
	if err != nil {
		fmt.Fprint(os.Stderr, err)
		return 3
	}
	e := entry.Entry{Key: key, Libseccomp: "0.0.0", Flags: 2, Program: fakeProgram}
	for _, line := range strings.Split(key.Policy, "\n") {
		verb, arg, _ := strings.Cut(line, " ")
		switch verb {
		case "count":
			f, err := os.OpenFile(arg, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
			if err != nil {
				fmt.Fprint(os.Stderr, err)
				return 3
			}
			f.Write([]byte{'.'})
			f.Close()
		case "library":
			if e.Library, err = entry.FileIdentity(arg); err != nil {
				return 3
			}
		case "fail":
			fmt.Fprintln(os.Stderr, os.Args[3]+":1:1: "+arg)
			return 1
		case "garbage":
			fmt.Print("no entry")
			return 0
		case "crash":
			fmt.Fprint(os.Stderr, "out of memory")
			return 2
		}
	}
	os.Stdout.Write(e.Encode())
	return 0
}

// fakeProgram is: return SECCOMP_RET_ALLOW.
var fakeProgram = []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}

// evilProgram is what an attacker would rather have: return SECCOMP_RET_LOG.
var evilProgram = []byte{6, 0, 0, 0, 0, 0, 0xfc, 0x7f}

// bench is a policy file, a cache root, and a count of the companion's runs.
type bench struct {
	t      *testing.T
	root   string // $XDG_CACHE_HOME
	policy string
	count  string
	opt    Options
}

func newBench(t *testing.T, lines ...string) bench {
	t.Helper()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := bench{
		t: t, root: dir + "/cache", policy: dir + "/test.toml", count: dir + "/count",
		opt: Options{Companion: exe},
	}
	t.Setenv("XDG_CACHE_HOME", b.root)
	b.write(b.policy, strings.Join(append(lines, "count "+b.count), "\n"))
	return b
}

func (b bench) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// load loads the policy, checks that the filter is the right one, and returns
// how often the companion ran until now.
func (b bench) load() int {
	b.t.Helper()
	f, err := Load(b.policy, b.opt)
	if err != nil {
		b.t.Fatal(err)
	}
	if !bytes.Equal(f.Program, fakeProgram) || f.Flags != 2 || f.Name != b.policy || f.Source != b.policy {
		b.t.Fatalf("Load() = %+v", f)
	}
	runs, err := os.ReadFile(b.count)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(runs)
}

// cached returns the path of the only entry.
func (b bench) cached() string {
	b.t.Helper()
	dir := b.root + "/procjail/seccomp"
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 {
		b.t.Fatalf("cache %v, %v: want one entry", list, err)
	}
	return dir + "/" + list[0].Name()
}
