package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/Emmanuel326/procjail/plan"
)

func TestCutColon(t *testing.T) {
	for _, tt := range []struct{ in, before, after string }{
		{"/a", "/a", ""},
		{"/a:/b", "/a", "/b"},
		{"/a:", "/a", ""},
		{":/b", "", "/b"},
		{"/a:/b:/c", "/a", "/b:/c"},
		{`/a\:b`, "/a:b", ""},
		{`/a\:b:/c`, "/a:b", "/c"},
		{`/a\:b:/c\:d`, "/a:b", `/c\:d`},
		{`/a\`, `/a\`, ""},
		{`/a\b:/c`, `/a\b`, "/c"},
		{"", "", ""},
	} {
		if before, after := cutColon(tt.in); before != tt.before || after != tt.after {
			t.Errorf("cutColon(%q) = %q, %q, want %q, %q", tt.in, before, after, tt.before, tt.after)
		}
	}
}

func FuzzCutColon(f *testing.F) {
	f.Add(`/a\:b:/c`)
	f.Fuzz(func(t *testing.T, s string) {
		before, after := cutColon(s)
		if len(before)+len(after) > len(s) {
			t.Errorf("cutColon(%q) = %q, %q", s, before, after)
		}
		if !strings.Contains(s, `\:`) && strings.Contains(before, ":") {
			t.Errorf("cutColon(%q) = %q, %q: a colon before the colon", s, before, after)
		}
	})
}

// FuzzPrintable: nothing that a terminal would obey, and one line.
func FuzzPrintable(f *testing.F) {
	f.Add("a\nb\x1b[31m\u009b")
	f.Add("\u202eabc\u2066\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable(s) {
			if !unicode.IsPrint(r) {
				t.Errorf("printable(%q) = %q", s, printable(s))
			}
		}
	})
}

// FuzzEnvFile: rules that hold what ParseEnv promises, or an error with the
// file's name.
func FuzzEnvFile(f *testing.F) {
	f.Add([]byte("# comment\nA=1\r\n\nB\n  # x\nC=a=b\n"))
	f.Add([]byte("=x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		change, err := envFile(name)
		if err != nil {
			if !strings.HasPrefix(err.Error(), name+":") {
				t.Errorf("envFile(%q): %v", data, err)
			}
			return
		}
		var spec plan.Spec
		change(&spec)
		for _, r := range spec.Env {
			if r.Key == "" || strings.ContainsAny(r.Key, "=\x00\n") || strings.ContainsAny(r.Value, "\x00\n") {
				t.Errorf("envFile(%q): %+v", data, r)
			}
		}
	})
}

func FuzzParseOptions(f *testing.F) {
	f.Add("--ro\n/a:/b\n--\nid")
	f.Add("--cap-add\nall\nid")
	f.Add("-p\nx\n--user\n1:2\n--tmpfs\n/a:1iB\nid")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "env-file") || strings.Contains(line, "-h") || strings.Contains(line, "--v") {
			return // files are FuzzEnvFile's, and --help prints
		}
		o, err := parseOptions(strings.Split(line, "\n"))
		if err != nil {
			if o != nil || err.Error() == "" {
				t.Errorf("%+v, %v", o, err)
			}
			return
		}
		for _, change := range o.changes {
			change(new(plan.Spec))
		}
	})
}
