package failures

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

var update = flag.Bool("update", false, "rewrite the rows of the scripts, and README.md")

// TestKernelFailures runs every script, and compares the rows with their exit status
// and all that they print, where what differs from run to run is written as in the
// function steady.
func TestKernelFailures(t *testing.T) {
	start(t)
	bin := programs(t)
	for _, f := range loaded(t) {
		for _, c := range f.Cases {
			t.Run(f.Name+"/"+strings.TrimSuffix(c.File, ".txtar"), func(t *testing.T) {
				needs(t, bin, c.Needs)
				t.Cleanup(func() { // testscript's own tests are over only then
					if *update && !t.Failed() {
						if err := c.Write(f.Name); err != nil {
							t.Error(err)
						}
					}
				})
				testscript.Run(t, Params(f, c, bin, bin+":"+filepath.Dir(kerneltest.Binary(t)), rows))
			})
		}
	}
}

// TestKernelOutside runs every program without a jail and without arguments: that
// must do no harm to whoever tries it. Each ends by itself, by no signal, soon,
// and leaves nothing but in its own directory.
func TestKernelOutside(t *testing.T) {
	// The kernel makes a user's own keyrings at their first use, and keeps them (user-keyring(7)).
	_, _ = unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, false)
	start(t)
	bin := programs(t)
	for _, f := range loaded(t) {
		t.Run(f.Name, func(t *testing.T) {
			cmd := exec.Command(filepath.Join(bin, f.Name))
			cmd.Dir = t.TempDir()
			cmd.WaitDelay = 2 * time.Second // for what a daemon holds
			began := time.Now()
			out, err := cmd.Output()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code, took := cmd.ProcessState.ExitCode(), time.Since(began); code < 0 || took > 10*time.Second {
				t.Errorf("%v after %v, printed %.200q", cmd.ProcessState, took, out)
			}
		})
	}
}

func start(t *testing.T) {
	t.Helper()
	kerneltest.Require(t, kerneltest.UserNamespaces, kerneltest.SubordinateIDs, kerneltest.NewIDMap)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
}

func loaded(t *testing.T) []Failure {
	t.Helper()
	all, err := Load(".")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// needs skips a script that this host cannot run. Of what kerneltest does not
// probe there is one thing: a kernel that runs programs for i386.
func needs(t *testing.T, bin string, features []string) {
	t.Helper()
	for _, feature := range features {
		if feature != "i386" {
			kerneltest.Require(t, kerneltest.Feature(feature))
			continue
		}
		cmd := exec.Command(filepath.Join(bin, "i386"))
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 32 {
			kerneltest.Missing(t, "i386", "probed a program for i386 on "+runtime.GOARCH+", found: "+cmd.ProcessState.String()+" "+string(out))
		}
	}
}

// buildDir is where the programs are compiled, at most once for each test binary.
// kerneltest.Clean passes over a name like this one.
var buildDir string

var build = sync.OnceValue(func() (err error) {
	if buildDir, err = os.MkdirTemp("", "go-build-failures"); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", buildDir+"/", "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return os.Chmod(buildDir, 0o755) // the payload may be another user
})

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// programs returns the directory of the programs: that of PROCJAIL_FAILURES, which
// test/run sets, or one of those that are compiled from this tree.
func programs(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("PROCJAIL_FAILURES"); dir != "" {
		return dir
	}
	if err := build(); err != nil {
		t.Fatalf("cannot build the programs: %v", err)
	}
	return buildDir
}

// rows runs the rows of a section. With -update they become what came out.
func rows(ts *testscript.TestScript, _ string, want []Row) {
	got := make([]Row, len(want))
	for i, row := range want {
		out, code, err := row.Run(ts)
		ts.Check(err)
		text := steady(out, map[string]string{ts.MkAbs("."): "$WORK", ts.Getenv("HOME"): "$HOME", ts.Getenv("BIN"): "$BIN"})
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		got[i] = Row{Command: row.Command, Output: text, Exit: code}
		// What the shell itself could not do: -update must not make that right.
		if strings.HasPrefix(text, "sh: ") {
			ts.Fatalf("$ %s\n%s", row.Command, text)
		}
	}
	if *update {
		copy(want, got)
		return
	}
	if diff := cmp.Diff(formatRows(want), formatRows(got)); diff != "" {
		ts.Fatalf("-want +got:\n%s", diff)
	}
}

var (
	stepNumbers = regexp.MustCompile(`step \d+/\d+`)
	pids        = regexp.MustCompile(`pid \d+`)
	processes   = regexp.MustCompile(`process \d+\)`)
	pointers    = regexp.MustCompile(`\b0x[0-9a-f]{6,15}\b`)
	lengths     = regexp.MustCompile(`(connect\(\d+, "[^"]*"), \d+`) // of a socket's path
	ports       = regexp.MustCompile(`127\.0\.0\.1:\d{5}`)
	tracees     = regexp.MustCompile(`(PTRACE_\w+), \d+`)
	itself      = regexp.MustCompile(`\bkill\(\d+`)
	others      = regexp.MustCompile(`process \d+ has`)
	sizes       = regexp.MustCompile(`\d+\.\d+M`)
	throttled   = regexp.MustCompile(`in \d+ of \d+ periods (.*) waited for \S+ in all`)
	noCgroup    = regexp.MustCompile(`(?m)^procjail: note: (no cgroup:|the \w+ controller) .*\n`) // test/limits tests that
)

// steady writes what changes with the plan, the run or the host, and means nothing
// here, as a letter.
func steady(s string, paths map[string]string) string {
	for path, name := range paths {
		s = strings.ReplaceAll(s, path, name)
	}
	s = stepNumbers.ReplaceAllString(s, "step N/N")
	s = pids.ReplaceAllString(s, "pid N")
	s = processes.ReplaceAllString(s, "process N)")
	s = pointers.ReplaceAllString(s, "0x...")
	s = lengths.ReplaceAllString(s, "$1, N")
	s = ports.ReplaceAllString(s, "127.0.0.1:N")
	s = tracees.ReplaceAllString(s, "$1, N")
	s = itself.ReplaceAllString(s, "kill(N")
	s = others.ReplaceAllString(s, "process N has")
	s = sizes.ReplaceAllString(s, "N.NM")
	s = throttled.ReplaceAllString(s, "in N of N periods $1 waited for N in all")
	return noCgroup.ReplaceAllString(s, "")
}
