package plan_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Emmanuel326/procjail/internal/plantest"
)

// TestCompilePure compiles every golden's plan several times at once: the
// bytes are the same, and neither Spec nor Host is written to (the race
// detector sees that).
func TestCompilePure(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			spec, host := g.spec(), g.host()
			plantest.Look(spec, host)
			want := render(spec, host)
			var wait sync.WaitGroup
			for range 8 {
				wait.Add(1)
				go func() {
					defer wait.Done()
					if got := render(spec, host); !bytes.Equal(got, want) {
						t.Error("another plan from the same Spec and Host")
					}
				}()
			}
			wait.Wait()
		})
	}
}

// constant is what a constant of x/sys/unix looks like: CLONE_NEWNS,
// SizeofOpenHow.
var constant = regexp.MustCompile(`^([A-Z][A-Z0-9]*(_[A-Z0-9]+)*|Sizeof.*)$`)

// TestPackagePure reads the sources: plan knows no package that acts, and of
// x/sys/unix only constants, types, and the functions that name a number.
func TestPackagePure(t *testing.T) {
	names := []string{"Errno", "ErrnoName", "Signal", "SignalName"}
	acting := []string{"os", "io/fs", "time", "net", "syscall", "os/exec", "runtime", "unsafe", "math/rand", "github.com/Emmanuel326/procjail/internal/sys"}
	for name, file := range sources(t) {
		for _, spec := range file.Imports {
			if imp := strings.Trim(spec.Path.Value, `"`); slices.Contains(acting, imp) {
				t.Errorf("%s imports %s", name, imp)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "unix" && !slices.Contains(names, sel.Sel.Name) && !constant.MatchString(sel.Sel.Name) {
				t.Errorf("%s uses unix.%s", name, sel.Sel.Name)
			}
			return true
		})
	}
}

// sources parses the package's files without the tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = file
	}
	return files
}
