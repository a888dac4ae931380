package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/userns"
)

var update = flag.Bool("update", false, "rewrite the rows of testdata/script and testdata/hosts.golden")

// TestKernelScript runs the files of testdata/script, one for each family of
// behaviour. Besides testscript's own commands they have one:
//
//	rows FILE
//
// FILE is a list of rows with an empty line between them. Each begins with a
// shell command after "$ ", whose standard output, standard error and exit
// status follow, whole. What differs from run to run is written as in the
// function steady.
func TestKernelScript(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces, kerneltest.SubordinateIDs, kerneltest.NewIDMap)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	bin := filepath.Dir(kerneltest.Binary(t))
	counted := 0
	t.Run("files", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir: "testdata/script",
			Setup: func(e *testscript.Env) error {
				// The program that is run lies where no other user may look.
				e.Setenv("PATH", bin+":/usr/bin:/bin")
				e.Setenv("HOME", e.WorkDir)
				e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
				return os.Chmod(e.WorkDir, 0o755)
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"rows": func(ts *testscript.TestScript, _ bool, args []string) {
					if len(args) != 1 {
						ts.Fatalf("usage: rows FILE")
					}
					counted += rows(ts, args[0])
				},
			},
		})
	})
	t.Logf("%d rows", counted)
}

// rows runs the rows of a file and returns how many they are.
func rows(ts *testscript.TestScript, name string) int {
	want := ts.ReadFile(name)
	var got strings.Builder
	n := 0
	for line := range strings.Lines(want) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		if n++; n > 1 {
			got.WriteByte('\n')
		}
		got.WriteString(line)
		cmd := exec.Command("sh", "-c", strings.TrimSuffix(command, "\n"))
		cmd.Dir = ts.MkAbs(".")
		cmd.Env = []string{
			"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "WORK=" + ts.Getenv("WORK"),
			"XDG_STATE_HOME=" + ts.Getenv("XDG_STATE_HOME"), "LC_ALL=C",
		}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", line, err)
		}
		// 1 and 2 are the shell's own: -update must not make a broken row right.
		if code := cmd.ProcessState.ExitCode(); code == 1 || code == 2 || strings.HasPrefix(string(out), "sh: ") {
			ts.Fatalf("%sexit %d: the row itself is wrong:\n%s", line, code, out)
		}
		got.WriteString(strings.ReplaceAll(steady(out), ts.Getenv("WORK"), "$WORK"))
		fmt.Fprintf(&got, "exit %d\n", cmd.ProcessState.ExitCode())
	}
	if got.String() == want {
		return n
	}
	if !*update {
		ts.Fatalf("-want +got:\n%s", cmp.Diff(want, got.String()))
	}
	ts.Check(rewrite(ts.Name(), want, got.String()))
	return n
}

// rewrite puts the rows that came out in place of those of a script.
func rewrite(name, want, got string) error {
	file := filepath.Join("testdata", "script", name+".txtar")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, bytes.Replace(text, []byte(want), []byte(got), 1), 0o644)
}

var (
	stepNumbers = regexp.MustCompile(`step \d+/\d+`)
	results     = regexp.MustCompile(`\bfd\d+\b`)
	releases    = regexp.MustCompile(`\d+\.\d+\.\d+[-\w.+]*`)
	longRun     = regexp.MustCompile(`a{100,}`)
	lengths     = regexp.MustCompile(`len=\d+`)
	mounts      = regexp.MustCompile(`mounts\[\d+\]`)
	unfinished  = regexp.MustCompile(`\.json\.\d+`)
	wanted      = regexp.MustCompile(`is to have \d+`)
	amounts     = regexp.MustCompile(`\.\.\., \d+\)`)
	processes   = regexp.MustCompile(`pidfd_open\(\d+,`)
	noCgroup    = regexp.MustCompile(`(?m)^procjail: note: (no cgroup:|the \w+ controller) .*\n`) // test/limits tests that
	newKernels  = regexp.MustCompile(`(clone3\({flags=)CLONE_VM\|(.*?)\|CLONE_NEWTIME`)           // since Linux 6.2
)

// people are the ids of whoever runs the test, with what stands before them.
var people = sync.OnceValue(func() map[string]string {
	ids := map[string]string{}
	c := userns.New().Caller(uint32(os.Getuid()), uint32(os.Getgid()))
	if len(c.SubUIDs.Ranges) > 0 {
		ids[fmt.Sprint("host uid ", c.SubUIDs.Ranges[0].First)] = "host uid SUBID"
		ids[fmt.Sprintf(`"1000", "%d`, c.SubUIDs.Ranges[0].First)] = `"1000", "SUBID`
	}
	for _, before := range []string{"of uid ", "owner ", `"0", "`} {
		ids[before+fmt.Sprint(c.UID)] = before + "UID"
	}
	return ids
})

// steady writes what changes with the plan or the host, and means nothing
// here, as a letter.
func steady(out []byte) string {
	s := stepNumbers.ReplaceAllString(string(out), "step N/N")
	s = results.ReplaceAllString(s, "fdN")
	s = lengths.ReplaceAllString(s, "len=N")
	s = mounts.ReplaceAllString(s, "mounts[N]")
	s = unfinished.ReplaceAllString(s, ".json.N")
	s = amounts.ReplaceAllString(s, "..., N)")
	s = wanted.ReplaceAllString(s, "is to have N")
	s = processes.ReplaceAllString(s, "pidfd_open(PID,")
	s = noCgroup.ReplaceAllString(s, "")
	s = newKernels.ReplaceAllString(s, "$1$2")
	for before, name := range people() {
		s = regexp.MustCompile(`(`+before+`)\b`).ReplaceAllString(s, name)
	}
	s = longRun.ReplaceAllString(s, "aaa...")
	return releases.ReplaceAllString(s, "VERSION")
}
