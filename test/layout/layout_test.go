// Package layout holds the bans that keep each room of the tree to its subject.
// They are read from the source with go/parser, so that no Go tool is needed
// where the test runs.
package layout

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/Emmanuel326/procjail"
	root   = "../.."
)

// bans says what packages may not import, and why. A pattern names a folder of
// this module and what is below it; "" is every folder. An import that begins
// with "./" is of this module. What the tests of a package import does not count.
var bans = []struct {
	in     []string
	except []string
	imp    string
	reason string
}{
	{[]string{"plan"}, nil, "os", "Compile and Check are pure: the same Spec and Host give the same bytes"},
	{[]string{"plan"}, nil, "os/exec", "Compile and Check are pure"},
	{[]string{"plan"}, nil, "net", "Compile and Check are pure"},
	{[]string{"plan"}, nil, "time", "a plan that knows the time is not the same plan twice"},
	{[]string{"plan"}, nil, "./internal/sys", "Compile makes no system call"},
	{[]string{"plan"}, nil, "./launch", "launch carries out what plan says, never the other way"},
	{[]string{"cause"}, nil, "./launch", "a probe looks, and is given the means to make a trial; it starts no jail"},
	{[]string{"plan", "launch", "host"}, nil, "./cause", "why a start failed is asked when it has: it is no part of one"},
	{[]string{"profiles"}, nil, "./launch", "a profile is read before anything is launched"},
	{[]string{"userns"}, nil, "./caps", leaf},
	{[]string{"userns"}, nil, "./seccomp", leaf},
	{[]string{"userns"}, nil, "./cgroupdelegate", leaf},
	{[]string{"caps"}, nil, "./userns", leaf},
	{[]string{"caps"}, nil, "./seccomp", leaf},
	{[]string{"caps"}, nil, "./cgroupdelegate", leaf},
	{[]string{"seccomp"}, nil, "./userns", leaf},
	{[]string{"seccomp"}, nil, "./caps", leaf},
	{[]string{"seccomp"}, nil, "./cgroupdelegate", leaf},
	{[]string{"cgroupdelegate"}, nil, "./userns", leaf},
	{[]string{"cgroupdelegate"}, nil, "./caps", leaf},
	{[]string{"cgroupdelegate"}, nil, "./seccomp", leaf},
	{leaves, nil, "./plan", "plan builds on the leaves' words; a leaf can be used without it"},
	{leaves, nil, "./launch", "a leaf does not know who calls it"},
	{[]string{""}, []string{"cmd", "test"}, "github.com/spf13/pflag", "flags are the command's"},
	{[]string{""}, []string{"test"}, "log", "standard error is the user's; a line on it is the command's to write"},
	{[]string{""}, []string{"test"}, "log/slog", "no logger: errors are returned, and the report is data"},
	{[]string{""}, nil, "net/http", "nothing here speaks HTTP, and its start-up is in every binary that links it"},
	{[]string{""}, nil, "math/rand", "a plan and a report can be repeated"},
	{[]string{""}, []string{"internal/sys", "launch", "examples", "test"}, "unsafe", "pointers are handed to the kernel in internal/sys and launch only"},
	{[]string{""}, []string{"cmd/procjail-seccomp", "seccomp"}, "github.com/seccomp/libseccomp-golang", "cgo costs a start 0.6 ms and more: it stays in the companion"},
}

var leaves = []string{"userns", "caps", "seccomp", "cgroupdelegate"}

const leaf = "the leaves never import one another: each can be read and used alone"

// calls says which functions may not be called where. Function "*" is every one
// that is not in pure.
var calls = []struct {
	except []string
	pkg    string
	name   string
	reason string
}{
	{[]string{"internal", "launch", "examples", "test"}, "golang.org/x/sys/unix", "*", systemCalls},
	{[]string{"internal", "launch", "examples", "test"}, "syscall", "*", systemCalls},
	{[]string{"cmd", "examples", "test"}, "os", "Exit", "only a command ends the process; a library returns its error"},
	{[]string{"cmd", "examples", "test", "internal/gen"}, "fmt", "Print", stdout},
	{[]string{"cmd", "examples", "test", "internal/gen"}, "fmt", "Printf", stdout},
	{[]string{"cmd", "examples", "test", "internal/gen"}, "fmt", "Println", stdout},
}

const (
	systemCalls = "system calls are made in internal/sys and launch, one thin function each"
	stdout      = "standard output is the payload's"
)

// pure lists the functions and conversions of unix and syscall that call nothing.
var pure = []string{
	"Errno", "Signal", "ErrnoName", "SignalName", "SignalNum", "Mkdev", "Major", "Minor",
	"ByteSliceToString", "BytePtrToString", "BytePtrFromString", "ByteSliceFromString",
	"CmsgLen", "CmsgSpace", "WaitStatus", "Rlimit", "Timespec", "NsecToTimespec",
}

func TestImports(t *testing.T) {
	for folder, files := range sources(t) {
		for _, file := range files {
			for _, spec := range file.Imports {
				imp := strings.Trim(spec.Path.Value, `"`)
				for _, ban := range bans {
					if banned(folder, ban.in, ban.except) && matches(imp, ban.imp) {
						t.Errorf("%s: imports %s: %s", positions.Position(spec.Pos()), imp, ban.reason)
					}
				}
			}
		}
	}
}

func TestCalls(t *testing.T) {
	for folder, files := range sources(t) {
		for _, file := range files {
			names := importNames(file)
			ast.Inspect(file, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				pkg, ok := sel.X.(*ast.Ident)
				if !ok {
					return true
				}
				for _, ban := range calls {
					if names[pkg.Name] != ban.pkg || !banned(folder, []string{""}, ban.except) {
						continue
					}
					if ban.name == sel.Sel.Name || ban.name == "*" && !slices.Contains(pure, sel.Sel.Name) {
						t.Errorf("%s: calls %s.%s: %s", positions.Position(call.Pos()), ban.pkg, sel.Sel.Name, ban.reason)
					}
				}
				return true
			})
		}
	}
}

// TestHotPath follows every import of this module from the binary that starts
// jails: no cgo, and none of what costs a start most. Nine regular expressions cost
// it 0.1 ms, and the tables of package unicode that they read as much memory again.
func TestHotPath(t *testing.T) {
	tooSlow := []string{"C", "github.com/seccomp/libseccomp-golang", "net/http", "os/user", "text/template", "html/template", "go/build", "regexp"}
	all := sources(t)
	if len(all["cmd/procjail"]) == 0 {
		t.Skip("no cmd/procjail in this tree")
	}
	seen := map[string]bool{}
	var follow func(folder, via string)
	follow = func(folder, via string) {
		if seen[folder] {
			return
		}
		seen[folder] = true
		for _, file := range all[folder] {
			for _, spec := range file.Imports {
				imp := strings.Trim(spec.Path.Value, `"`)
				if slices.Contains(tooSlow, imp) {
					t.Errorf("%s is linked into cmd/procjail (%s imports it)", imp, via+" -> "+folder)
				}
				if rest, ok := strings.CutPrefix(imp, module+"/"); ok {
					follow(rest, via+" -> "+folder)
				}
			}
		}
	}
	follow("cmd/procjail", "")
}

// positions is where the parsed files' lines are.
var positions = token.NewFileSet()

// sources parses what a build without cgo compiles, by folder.
func sources(t *testing.T) map[string][]*ast.File {
	t.Helper()
	ctx := build.Default
	ctx.CgoEnabled = false
	files := map[string][]*ast.File{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		if ok, err := ctx.MatchFile(filepath.Dir(name), base); err != nil || !ok {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(positions, rel, text, 0)
		folder := filepath.ToSlash(filepath.Dir(rel))
		files[folder] = append(files[folder], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// importNames maps the names by which a file calls its imports to their paths.
func importNames(file *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range file.Imports {
		imp := strings.Trim(spec.Path.Value, `"`)
		name := path.Base(imp)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imp
	}
	return names
}

func banned(folder string, in, except []string) bool {
	below := func(pattern string) bool {
		return pattern == "" || folder == pattern || strings.HasPrefix(folder, pattern+"/")
	}
	return slices.ContainsFunc(in, below) && !slices.ContainsFunc(except, below)
}

// matches tells whether an import is the banned one. A ban of a folder of this
// module covers what is below it; a ban of the standard library's is exact.
func matches(imp, ban string) bool {
	if folder, ok := strings.CutPrefix(ban, "./"); ok {
		ban = module + "/" + folder
		return imp == ban || strings.HasPrefix(imp, ban+"/")
	}
	return imp == ban
}
