package failures

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

//go:generate go test -run TestReadme -update

const (
	begin = "<!-- begin: written by go generate, from the programs' comments and the scripts -->\n"
	end   = "<!-- end -->\n"
)

// TestReadme: the tables of README.md are those of the comments and scripts.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		t.Fatalf("README.md lacks %q or %q", begin, end)
	}
	want := string(before) + begin + tables(loaded(t)) + end + string(after)
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("README.md is not up to date: go generate ./examples/failures (-want +got):\n%s", diff)
	}
}

// tables is one for each kind of cause, with a line for each case.
func tables(all []Failure) string {
	scripts, spoken, traced := 0, 0, 0
	for _, f := range all {
		for _, c := range f.Cases {
			scripts++
			switch {
			case len(Says(c.Sections["failure"])) > 0:
				spoken++
			case len(Says(c.Sections["traced"])) > 0:
				traced++
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d programs, %d scripts. In %d of them procjail says something of its own, and in %d more with `--trace-denials`.\n", len(all), scripts, spoken, traced)
	for _, kind := range Kinds {
		var lines []string
		for _, f := range all {
			for _, c := range f.Cases {
				if name, _, _ := strings.Cut(c.Cause, ":"); name == kind.Name {
					lines = append(lines, line(f, c))
				}
			}
		}
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s: %s\n\n", kind.Name, kind.Means)
		b.WriteString("| failure | what one sees | what the kernel does | what procjail says | remedy |\n| --- | --- | --- | --- | --- |\n")
		b.WriteString(strings.Join(lines, ""))
	}
	return b.String() + "\n"
}

func line(f Failure, c Case) string {
	first := fmt.Sprintf("[%s](%s/main.go), [%s](%s/%s)<br>%s", f.Name, f.Name, c.File, f.Name, c.File, code(c.Cause))
	var says []string
	for _, section := range []string{"failure", "traced"} {
		for _, row := range c.Sections[section] {
			says = append(says, code("$ "+row.Command))
		}
		said := Says(c.Sections[section])
		for _, text := range said {
			says = append(says, code(text))
		}
		if len(said) == 0 && section == "failure" {
			says = append(says, "nothing")
		}
	}
	return "| " + strings.Join([]string{first, escape(f.Seen), escape(f.Kernel), strings.Join(says, "<br>"), escape(f.Remedy)}, " | ") + " |\n"
}

// escape and code keep text from ending a cell or starting markup.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "~", `\~`, "[", `\[`).Replace(s)
}

func code(s string) string {
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

// TestLoad: a script that says nothing of its cause, or a program whose comment
// lacks a paragraph, is an error with its name.
func TestLoad(t *testing.T) {
	const comment = "// Command x fails.\n//\n// Seen: a.\n//\n// Kernel: b\n// c.\n//\n// Remedy: d.\npackage main\n"
	const script = "# cause: seccomp:mount\n# needs: systemd limits\nrows failure\n-- failure --\n$ x\nout\nexit 3\n\n$ y\nexit 0\n-- file --\ntext\n"
	want := Failure{Name: "x", Seen: "a.", Kernel: "b c.", Remedy: "d.", Cases: []Case{{
		File: "run.txtar", Cause: "seccomp:mount", Needs: []string{"systemd", "limits"},
		Sections: map[string][]Row{"failure": {{"x", "out\n", 3}, {"y", "", 0}}},
	}}}
	for _, test := range []struct{ name, comment, script, err string }{
		{"whole", comment, script, ""},
		{"no remedy", strings.Replace(comment, "Remedy: ", "", 1), script, "x/main.go: its comment lacks a paragraph: Seen, Kernel and Remedy"},
		{"no cause", comment, strings.Replace(script, "# cause", "#", 1), `x/run.txtar: cause "": want KIND:WHAT, or none`},
		{"another kind", comment, strings.Replace(script, "seccomp:", "moon:", 1), `x/run.txtar: cause "moon:mount": want KIND:WHAT, or none`},
		{"no object", comment, strings.Replace(script, "seccomp:mount", "seccomp", 1), `x/run.txtar: cause "seccomp": want KIND:WHAT, or none`},
		{"no rows", comment, strings.Replace(script, "-- failure", "-- kernel", 1), "x/run.txtar: no rows in section failure"},
		{"no script", comment, "", "x/main.go: there is no run.txtar beside it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "x", "main.go"), test.comment)
			if test.script != "" {
				write(t, filepath.Join(dir, "x", "run.txtar"), test.script)
			}
			got, err := Load(dir)
			if test.err != "" {
				if err == nil || err.Error() != filepath.Join(dir, test.err) {
					t.Errorf("Load: %v\nwant %s", err, filepath.Join(dir, test.err))
				}
				return
			}
			if diff := cmp.Diff([]Failure{want}, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Fatalf("Load: %v, -want +got:\n%s", err, diff)
			}
			if err := got[0].Cases[0].Write(filepath.Join(dir, "x")); err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(filepath.Join(dir, "x", "run.txtar")); err != nil || string(text) != script {
				t.Errorf("Write changed what Load had read: %v\n%s", err, text)
			}
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
