package failures

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// Params is what testscript runs a case's script by, from the directory of the
// laboratory. Besides testscript's own commands scripts have one:
//
//	rows SECTION
//
// hands the rows of that section, and its name, to rows. The programs are in bin, of which the
// variable BIN tells; path is what PATH begins with, and has to have procjail.
func Params(f Failure, c Case, bin, path string, rows func(ts *testscript.TestScript, section string, rows []Row)) testscript.Params {
	return testscript.Params{
		Files: []string{filepath.Join(f.Name, c.File)},
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", path+":/usr/bin:/bin")
			e.Setenv("BIN", bin)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Cd = filepath.Join(e.WorkDir, "work")
			// The payload may be another user, and is to find neither in the other.
			return errors.Join(os.Chmod(e.WorkDir, 0o755), os.Mkdir(e.Getenv("HOME"), 0o755), os.Mkdir(e.Cd, 0o755))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"rows": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 1 || len(c.Sections[args[0]]) == 0 {
					ts.Fatalf("usage: rows SECTION")
				}
				rows(ts, args[0], c.Sections[args[0]])
			},
		},
	}
}

// rowTime is more than a row takes on the slowest machine, one that is emulated.
const rowTime = 2 * time.Minute

// Run runs a row by sh, in the directory and the environment of its script, of which
// the variable WORK tells. It returns what the row printed, and its exit status. A
// row that takes more than two minutes is killed, and is an error that says of each
// of its processes what it waited for.
func (r Row) Run(ts *testscript.TestScript) (out string, code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), rowTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", r.Command)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "WORK=" + cmd.Dir, "BIN=" + ts.Getenv("BIN"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 2 * time.Second // for who has left the group
	var hung string
	cmd.Cancel = func() error {
		hung = kerneltest.Descendants(cmd.Process.Pid)
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case hung != "":
		return string(text), -1, fmt.Errorf("$ %s\nwas not over after %v:\n%s%s", r.Command, rowTime, hung, text)
	case err != nil && !errors.As(err, &exit):
		return string(text), -1, fmt.Errorf("$ %s\n%w", r.Command, err)
	}
	return string(text), cmd.ProcessState.ExitCode(), nil
}
