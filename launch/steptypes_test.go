package launch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/plan"
)

// typeName is the name of a step's type, without its package.
func typeName(s plan.Step) string {
	var name string
	if _, after, ok := strings.Cut(fmtType(s), "."); ok {
		name = after
	}
	return name
}

// stepTypes are the types of package plan that are sealed: all its steps.
func stepTypes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../plan/step*.go")
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
