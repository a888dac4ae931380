// Package failures is a laboratory: each of its directories has one program that
// fails as containers fail in production, in a few system calls, and what becomes
// of it under procjail. A container is a Linux process with restrictions, and when
// it fails it is the kernel that one debugs.
//
// Load reads what there is, for the test that runs all of it and for whoever
// measures how often a sandbox names the cause:
//
//	NAME/main.go    the program; its comment says what one sees, what the kernel
//	                does and why, and what to do
//	NAME/*.txtar    what is run, with exit status and whole output: a script of
//	                testscript, whose command "rows" runs the rows of a section
//
// A script begins with its cause in one line, and with what it needs of the host
// beyond an ordinary account's user namespaces, by kerneltest's words:
//
//	# cause: seccomp:io_uring_setup
//	# needs: systemd limits
//
// The cause is what a truthful sandbox should name. It is of one of Kinds. Where
// it is of the kind "program" or "none", a sandbox that blames itself is wrong.
//
// The rows of section "failure" are the failure itself, those of "traced" the same
// with --trace-denials, those of "kernel" ask the kernel about it, those of "remedy" are
// the failure with its remedy, and those of "outside" without any jail.
package failures

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// Kinds are those of causes, each with what it means.
var Kinds = []struct{ Name, Means string }{
	{"limit", "a limit of the jail's, or one that it inherits"},
	{"seccomp", "a system call that the filter refuses"},
	{"view", "a file that is not shown"},
	{"mount", "how a mount is made"},
	{"capability", "a capability that it would take"},
	{"privilege", "privilege that cannot be gained"},
	{"ids", "an id that the user namespace does not map"},
	{"network", "the network namespace, which leads nowhere"},
	{"namespace", "what else a namespace has of its own"},
	{"terminal", "there is no terminal"},
	{"environment", "a variable that is not passed on"},
	{"program", "the program's own fault, which no sandbox should take for its own"},
	{"none", "nothing has failed"},
}

// Failure is a directory of the laboratory.
type Failure struct {
	Name                 string
	Seen, Kernel, Remedy string // paragraphs of the program's comment, each as one line
	Cases                []Case // by name of the file, run.txtar among them
}

// Case is one script of a failure.
type Case struct {
	File     string // run.txtar
	Cause    string // KIND:WHAT, or none
	Needs    []string
	Sections map[string][]Row
}

// Row is a command line for sh, and what it prints and ends with.
type Row struct {
	Command string
	Output  string // standard output and standard error, each line with its newline
	Exit    int
}

// Load reads the laboratory in dir, in the order of the names.
func Load(dir string) ([]Failure, error) {
	programs, err := filepath.Glob(filepath.Join(dir, "*", "main.go"))
	if err != nil {
		return nil, err
	}
	var all []Failure
	for _, program := range programs {
		f, err := load(program)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func load(program string) (Failure, error) {
	f := Failure{Name: filepath.Base(filepath.Dir(program))}
	file, err := parser.ParseFile(token.NewFileSet(), program, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return f, err
	}
	for paragraph := range strings.SplitSeq(file.Doc.Text(), "\n\n") {
		line := strings.Join(strings.Fields(paragraph), " ")
		for label, to := range map[string]*string{"Seen: ": &f.Seen, "Kernel: ": &f.Kernel, "Remedy: ": &f.Remedy} {
			if text, ok := strings.CutPrefix(line, label); ok {
				*to = text
			}
		}
	}
	if f.Seen == "" || f.Kernel == "" || f.Remedy == "" {
		return f, fmt.Errorf("%s: its comment lacks a paragraph: Seen, Kernel and Remedy", program)
	}
	scripts, err := filepath.Glob(filepath.Join(filepath.Dir(program), "*.txtar"))
	if err != nil {
		return f, err
	}
	for _, script := range scripts {
		c, err := loadCase(script)
		if err != nil {
			return f, fmt.Errorf("%s: %w", script, err)
		}
		f.Cases = append(f.Cases, c)
	}
	if !slices.ContainsFunc(f.Cases, func(c Case) bool { return c.File == "run.txtar" }) {
		return f, fmt.Errorf("%s: there is no run.txtar beside it", program)
	}
	return f, nil
}

func loadCase(script string) (Case, error) {
	c := Case{File: filepath.Base(script), Sections: map[string][]Row{}}
	archive, err := txtar.ParseFile(script)
	if err != nil {
		return c, err
	}
	for line := range strings.Lines(string(archive.Comment)) {
		if value, ok := strings.CutPrefix(line, "# cause: "); ok {
			c.Cause = strings.TrimSpace(value)
		}
		if value, ok := strings.CutPrefix(line, "# needs: "); ok {
			c.Needs = strings.Fields(value)
		}
	}
	kind, what, _ := strings.Cut(c.Cause, ":")
	if !slices.ContainsFunc(Kinds, func(k struct{ Name, Means string }) bool { return k.Name == kind }) || (what == "") != (kind == "none") {
		return c, fmt.Errorf("cause %q: want KIND:WHAT, or none", c.Cause)
	}
	for _, file := range archive.Files {
		if rows := parseRows(string(file.Data)); len(rows) > 0 {
			c.Sections[file.Name] = rows
		}
	}
	if len(c.Sections["failure"]) == 0 {
		return c, fmt.Errorf("no rows in section failure")
	}
	return c, nil
}

// parseRows reads rows: "$ COMMAND", what it prints, "exit STATUS", and an empty
// line before the next one. A file that does not begin with a row has none. A row
// that ends without a status gets -1, which -update makes right.
func parseRows(text string) []Row {
	var rows []Row
	ended := false
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			rows, ended = append(rows, Row{Command: strings.TrimSpace(command), Exit: -1}), false
			continue
		}
		if len(rows) == 0 {
			return nil
		}
		last := &rows[len(rows)-1]
		if n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "exit "))); err == nil && strings.HasPrefix(line, "exit ") {
			last.Exit, ended = n, true
		} else if !ended {
			last.Output += line
		}
	}
	return rows
}

// Says returns the lines of procjail's own in what rows print.
func Says(rows []Row) []string {
	var lines []string
	for _, row := range rows {
		for line := range strings.Lines(row.Output) {
			if strings.HasPrefix(line, "procjail: ") {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return lines
}

// Write writes a case's sections as they are now into its script in dir.
func (c Case) Write(dir string) error {
	name := filepath.Join(dir, c.File)
	archive, err := txtar.ParseFile(name)
	if err != nil {
		return err
	}
	for i, file := range archive.Files {
		if rows := c.Sections[file.Name]; len(rows) > 0 {
			archive.Files[i].Data = []byte(formatRows(rows))
		}
	}
	return os.WriteFile(name, txtar.Format(archive), 0o644)
}

func formatRows(rows []Row) string {
	var b strings.Builder
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "$ %s\n%sexit %d\n", row.Command, row.Output, row.Exit)
	}
	return b.String()
}
