package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/Emmanuel326/procjail/examples/failures"
	"github.com/Emmanuel326/procjail/report"
)

// bench runs things under procjail and keeps what it says.
type bench struct {
	dir, temporary string
	wanted         *regexp.Regexp
}

// said is what came of some runs of procjail.
type said struct {
	lines   []string // procjail's own, in their order
	reports []report.Report
}

// laboratory runs every script of examples/failures.
func (b *bench) laboratory() (outcomes []Outcome, err error) {
	lab := filepath.Join(b.dir, "lab")
	all, err := failures.Load(lab)
	if err != nil {
		return nil, err
	}
	if err := os.Chdir(lab); err != nil {
		return nil, err
	}
	for _, f := range all {
		for _, c := range f.Cases {
			o := Outcome{Group: "lab", Name: f.Name + "/" + strings.TrimSuffix(c.File, ".txtar"), Cause: c.Cause}
			if !b.wanted.MatchString(o.Group + "/" + o.Name) {
				continue
			}
			w, err := wants(c.Cause)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", o.Name, err)
			}
			missing := b.missing(c.Needs)
			for _, m := range modes {
				if missing != "" {
					o.Verdicts = append(o.Verdicts, Verdict{Result: "no " + missing})
					continue
				}
				rows, err := b.script(f, c, m.options)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", o.Name, err)
				}
				o.Verdicts = append(o.Verdicts, worst(w, rows))
			}
			outcomes = append(outcomes, o)
		}
	}
	return outcomes, nil
}

// worst judges each row, and is the worst of the verdicts.
func worst(w want, rows []said) (v Verdict) {
	order := []string{right, unknown, wrong}
	v.Result = right
	for _, s := range rows {
		if one := w.judge(s); slices.Index(order, one) > slices.Index(order, v.Result) {
			v.Result = one
		}
		v.Said = append(v.Said, s.lines...)
	}
	return v
}

// missing is what a script needs and this host has not.
func (b *bench) missing(needs []string) string {
	for _, need := range needs {
		switch need {
		case "systemd", "limits":
			if out, err := exec.Command(filepath.Join(b.dir, "procjail"), "--require", "cgroup", "true").CombinedOutput(); err != nil {
				if strings.Contains(string(out), "cgroup") {
					return "cgroup"
				}
				return string(out)
			}
		case "i386":
			cmd := exec.Command(filepath.Join(b.dir, "failures", "i386"))
			_ = cmd.Run()
			if cmd.ProcessState.ExitCode() != 32 {
				return "i386"
			}
		default:
			return need
		}
	}
	return ""
}

// script runs the rows of a script's section failure, and before them those that
// stand before it.
func (b *bench) script(f failures.Failure, c failures.Case, options []string) (rows []said, err error) {
	wrapper, reports, err := b.wrapper(options)
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(b.dir, "failures")
	done := false
	t := &script{}
	t.Run("", func(testscript.T) {
		testscript.RunT(t, failures.Params(f, c, bin, wrapper+":"+bin, func(ts *testscript.TestScript, section string, list []failures.Row) {
			if done {
				return
			}
			for _, row := range list {
				out, _, err := row.Run(ts)
				ts.Check(err)
				one, err := collect(out, reports)
				if err != nil {
					ts.Fatalf("$ %s\n%s%v", row.Command, out, err)
				}
				if done = section == "failure"; done {
					rows = append(rows, one)
				}
			}
		}))
	})
	if t.failed {
		return nil, fmt.Errorf("%w: %s", errFailed, t.log)
	}
	return rows, nil
}

// wrapper makes a directory with a procjail of its own, which adds options and puts
// a report into another directory.
func (b *bench) wrapper(options []string) (dir, reports string, err error) {
	if dir, err = os.MkdirTemp(b.temporary, ""); err != nil {
		return "", "", err
	}
	reports = filepath.Join(dir, "reports")
	text := "#!/bin/sh\n" +
		"exec '" + filepath.Join(b.dir, "procjail") + "' " + strings.Join(options, " ") + " --report \"" + reports + "/$(date +%s%N).$$\" \"$@\"\n"
	return dir, reports, errors.Join(os.Chmod(dir, 0o755), os.Mkdir(reports, 0o755), os.WriteFile(filepath.Join(dir, "procjail"), []byte(text), 0o755))
}

// collect takes procjail's lines from what was printed, and the reports.
func collect(out, dir string) (s said, err error) {
	for line := range strings.Lines(out) {
		if text, ok := strings.CutPrefix(line, "procjail: "); ok && !strings.HasPrefix(text, "note: no cgroup") {
			s.lines = append(s.lines, strings.TrimSpace(text))
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return s, err
	}
	for _, name := range names { // in the order in which they began
		text, err := os.ReadFile(name)
		if err != nil {
			return s, err
		}
		var r report.Report
		if err := json.Unmarshal(text, &r); err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		s.reports = append(s.reports, r)
		if err := os.Remove(name); err != nil {
			return s, err
		}
	}
	return s, nil
}

// script is what testscript asks of a test.
type script struct {
	log    string
	failed bool
}

var errFailed = errors.New("the script failed")

func (t *script) Skip(args ...any)  { t.Fatal(args...) }
func (t *script) Fatal(args ...any) { t.Log(args...); t.FailNow() }
func (t *script) FailNow()          { panic(errFailed) }
func (t *script) Parallel()         {}
func (t *script) Verbose() bool     { return false }
func (t *script) Log(args ...any)   { t.log += fmt.Sprint(args...) }

func (t *script) Run(_ string, f func(testscript.T)) {
	defer func() {
		if r := recover(); r != nil {
			if r != any(errFailed) {
				panic(r)
			}
			t.failed = true
		}
	}()
	f(t)
}
