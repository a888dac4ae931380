// Package programs runs real programs of the distribution in a jail, each at a
// real job, and asks for what it makes of it. It is a list of tests only.
package programs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// limit ends a job that hangs. On a machine that does much else go test has taken
// more than 30 seconds.
const limit = 3 * time.Minute

// program is one job.
type program struct {
	name    string
	needs   []string // looked up in PATH; the table's name where it is empty
	options string   // of procjail, by words; PROCJAIL is its own file
	script  string   // what sh runs inside, with -eu; /data is testdata
	want    string   // the whole of standard output, but for a newline at the end
	match   string   // or an expression that it matches
}

// TestKernelProgramsStrict runs each job of an untrusted program twice: as a
// subordinate id and as the caller. Both write below /tmp and their home only.
func TestKernelProgramsStrict(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		data := readable(t, "testdata")
		for _, p := range strict {
			t.Run(p.name, func(t *testing.T) {
				p.run(t, t.TempDir(), "--id", id, "--ro", data+":/data", "-w", "/tmp")
			})
		}
	})
}

// TestKernelProgramsBuild runs each job in a directory that it may write.
func TestKernelProgramsBuild(t *testing.T) {
	kerneltest.Begin(t)
	data := readable(t, "testdata")
	for _, p := range build {
		t.Run(p.name, func(t *testing.T) {
			p.run(t, t.TempDir(), "--profile", "build", "--ro", data+":/data")
		})
	}
}

// run runs the job in dir. One that fails is run again without a jail, so that
// the report says whose fault it is.
func (p program) run(t *testing.T, dir string, options ...string) {
	t.Helper()
	needs := p.needs
	if len(needs) == 0 {
		needs = strings.Fields(p.name)[:1]
	}
	kerneltest.RequirePrograms(t, needs...)
	binary := kerneltest.Binary(t)
	args := append([]string{"--quiet"}, options...)
	args = append(args, strings.Fields(strings.ReplaceAll(p.options, "PROCJAIL", binary))...)
	if slices.Contains(needs, "go") {
		args = append(args, goRoot(t)...)
	}
	args = append(args, "--", "sh", "-euc", p.script)
	stdout, stderr, err := capture(t, exec.Command(binary, args...), dir, limit)
	if err == nil && p.good(stdout) {
		return
	}
	t.Errorf("inside: %v\nstdout: %s\nwant: %s%s\nstderr: %s", err, stdout, p.want, p.match, stderr)
	outside := t.TempDir()
	cmd := exec.Command("sh", "-euc", strings.ReplaceAll(p.script, "/data", filepath.Join(here(t), "testdata")))
	cmd.Env = append(os.Environ(), "HOME="+outside)
	stdout, stderr, err = capture(t, cmd, outside, limit)
	t.Logf("outside: %v (good: %v)\nstdout: %s\nstderr: %s", err, p.good(stdout), stdout, stderr)
}

func (p program) good(stdout string) bool {
	if p.match != "" {
		return regexp.MustCompile(p.match).MatchString(stdout)
	}
	return strings.TrimSuffix(stdout, "\n") == p.want
}

// capture runs a command in dir for at most limit, with nothing on its standard
// input.
func capture(t *testing.T, cmd *exec.Cmd, dir string, limit time.Duration) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "PWD="+dir, "LANG=C.UTF-8", "TERM=xterm")
	cmd.WaitDelay = 2 * time.Second
	// A group of its own, so that what a job leaves running outside ends too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	timer := time.AfterFunc(limit, end)
	defer timer.Stop()
	err = cmd.Wait()
	end()
	return out.String(), errs.String(), err
}

func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// readable copies a directory to where every id may read it: a checkout may lie
// below a home that only its owner enters, with files that only the owner reads.
func readable(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if entry.IsDir() {
			mode = 0o755
		}
		return os.Chmod(name, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
