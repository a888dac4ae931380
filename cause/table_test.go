package cause

import (
	"bytes"
	"compress/gzip"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/plan"
)

// sealed are the names of package plan's steps, from its sources.
func sealed(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../plan/*.go")
	if err != nil || len(files) == 0 {
		t.Skipf("the sources of package plan are not at hand: %v", err)
	}
	var names []string
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "sealed" && fn.Recv != nil {
				if id, ok := fn.Recv.List[0].Type.(*ast.Ident); ok {
					names = append(names, id.Name)
				}
			}
		}
	}
	return names
}

// manual is testdata/errnos.txt: the errnos by step, and its pages.
func manual(t *testing.T) (errnos map[string][]unix.Errno, pages map[string][]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/errnos.txt")
	if err != nil {
		t.Fatal(err)
	}
	errnos, pages = map[string][]unix.Errno{}, map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		before, after, _ := strings.Cut(line, ":")
		f := strings.Fields(before)
		errnos[f[0]], pages[f[0]] = []unix.Errno{}, f[1:]
		for _, name := range strings.Fields(after) {
			e := errnoByName(name)
			if e == 0 && name != "ERESTARTNOINTR" { // which never leaves the kernel
				t.Errorf("%s: %s is no errno", f[0], name)
			}
			if e != 0 {
				errnos[f[0]] = append(errnos[f[0]], e)
			}
		}
	}
	return errnos, pages
}

// TestEveryStepAndErrno: for each step and each errno that the manual has for it
// there is an entry, or a line that says why none is right.
func TestEveryStepAndErrno(t *testing.T) {
	errnos, _ := manual(t)
	known := map[string]plan.Step{}
	for _, s := range Steps() {
		known[typeName(s)] = s
	}
	for _, name := range sealed(t) {
		if known[name] == nil {
			t.Errorf("package plan has a step %s: add it here, with its errnos to testdata/errnos.txt, and entries or reasons", name)
		}
	}
	entries, reasons := 0, 0
	for _, s := range Steps() {
		list, ok := errnos[typeName(s)]
		if !ok {
			t.Errorf("testdata/errnos.txt does not have %s", typeName(s))
		}
		for _, e := range list {
			switch {
			case hasEntry(s, e):
				entries++
			case WhyUnknown(s, e) != "":
				reasons++
			default:
				t.Errorf("%s %s: no entry, and no reason why not", typeName(s), errnoName(e))
			}
		}
	}
	t.Logf("%d steps; %d pairs with entries, %d with a reason why there is none", len(Steps()), entries, reasons)
}

// hasEntry reports whether an entry is for a step and an errno by name; that of
// filters is for any.
func hasEntry(s plan.Step, errno unix.Errno) bool {
	return slices.ContainsFunc(For(s, errno), func(e Entry) bool { return e.ID != "seccomp-outer" })
}

// TestReasonsAreOfUse: a reason for which there is an entry, or that the manual
// does not ask for, is out of date.
func TestReasonsAreOfUse(t *testing.T) {
	errnos, _ := manual(t)
	for i, w := range Whys() {
		used := false
		for _, s := range Steps() {
			for _, e := range errnos[typeName(s)] {
				if !hasEntry(s, e) && (&Entry{On: []On{w.On}}).on(s, e) {
					used = true
				}
			}
		}
		if !used {
			t.Errorf("reason %d, %q, is of no use", i, w.Text)
		}
	}
}

var idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// TestTable holds each entry to its form.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range Table() {
		if !idForm.MatchString(e.ID) || seen[e.ID] || e.ID == Unknown {
			t.Errorf("entry %q: its ID is of another form, or there twice", e.ID)
		}
		seen[e.ID] = true
		if e.Looks == "" || e.Cause == "" || e.probe == nil || len(e.See) == 0 {
			t.Errorf("%s: looks %q, cause %q, references %q", e.ID, e.Looks, e.Cause, e.See)
		}
		for _, text := range []string{e.Cause, e.Remedy, e.Looks} {
			if strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
				t.Errorf("%s: %q is no line without a full stop", e.ID, text)
			}
		}
		if len(e.On) == 0 && !e.killed && e.ID != plan.KernelOld && !slices.Contains(cgroupdelegate.Reasons[:], cgroupdelegate.Reason(e.ID)) {
			t.Errorf("%s is for no step", e.ID)
		}
	}
	for _, reason := range cgroupdelegate.Reasons {
		if !seen[string(reason)] {
			t.Errorf("a host has no cgroup for %q, which the table does not have", reason)
		}
	}
	for _, id := range refusalIDs(t) {
		if !seen[id] {
			t.Errorf("package plan refuses for %q, which the table does not have", id)
		}
	}
}

// refusalIDs are the constants of plan/refusal.go.
func refusalIDs(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../plan/refusal.go")
	if err != nil {
		t.Skip(err)
	}
	var ids []string
	for _, m := range regexp.MustCompile(`\t\w+ += "([a-z-]+)"`).FindAllStringSubmatch(string(text), -1) {
		ids = append(ids, m[1])
	}
	if len(ids) < 5 {
		t.Fatalf("plan/refusal.go has the IDs %q", ids)
	}
	return ids
}

// TestErrnosOfManual holds testdata/errnos.txt against the pages that are
// installed. A newer manual may have more than an older one.
func TestErrnosOfManual(t *testing.T) {
	errnos, pages := manual(t)
	read := 0
	for name, list := range pages {
		for _, page := range list {
			text, ok := manualPage(page)
			if !ok {
				continue
			}
			read++
			for _, e := range errorsOf(text) {
				if n := errnoByName(e); n != 0 && !slices.Contains(errnos[name], n) {
					t.Errorf("%s(2) has %s, which testdata/errnos.txt does not have for %s", page, e, name)
				}
			}
		}
	}
	if read == 0 {
		t.Skip("probed man -w, found no page of section 2 (the package manpages-dev)")
	}
	t.Logf("%d pages were read", read)
}

// manualPage is the source of a page of section 2.
func manualPage(name string) (string, bool) {
	out, err := exec.Command("man", "-w", "2", name).Output()
	if err != nil {
		return "", false
	}
	text, err := os.ReadFile(strings.TrimSpace(string(out)))
	if err != nil {
		return "", false
	}
	if z, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
		if text, err = io.ReadAll(z); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return "", false
		}
	}
	if to, ok := strings.CutPrefix(string(text), ".so man2/"); ok {
		return manualPage(strings.TrimSuffix(strings.TrimSpace(to), ".2"))
	}
	return string(text), true
}

// errorsOf are the tags of a page's sections of errors.
func errorsOf(page string) []string {
	var list []string
	in, tag := false, false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(line, ".SH"):
			in = strings.Contains(line, "ERRORS")
		case strings.HasPrefix(line, ".TP"):
			tag = true
			continue
		case in && tag:
			list = append(list, regexp.MustCompile(`\bE[A-Z0-9]{2,}\b`).FindAllString(line, -1)...)
		}
		tag = false
	}
	return list
}
