package failures

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
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

// Shell is the command of a row, with the directory and the environment of its
// script. WORK is that directory.
func (r Row) Shell(ts *testscript.TestScript) *exec.Cmd {
	cmd := exec.Command("sh", "-c", r.Command)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "WORK=" + cmd.Dir, "BIN=" + ts.Getenv("BIN"), "LC_ALL=C"}
	return cmd
}
