package report_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/Emmanuel326/procjail/report"
)

const schemaFile = "../docs/report.schema.json"

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// whole has every field, none of which is zero.
func whole() *report.Report {
	r := &report.Report{}
	fill(reflect.ValueOf(r).Elem())
	r.Version, r.Reason, r.PID1 = report.Version, "setup-failed", "init"
	r.Error.Stage, r.Degraded[0].Feature, r.Limits[0].By, r.Usage.By, r.Plan[0].Stage, r.Failures.Calls[0].Wall = "init", "cgroup", "cgroup", "rusage", "init", "view"
	return r
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Map: // its keys are no names of the schema's
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

func write(t *testing.T, r *report.Report) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "r.json")
	f, err := report.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("the file is there before it is written")
	}
	if err := f.Write(r); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSchema(t *testing.T) {
	least := &report.Report{Version: report.Version, Reason: "exited", Command: []string{"true"}, Degraded: []report.Note{}, Limits: []report.Limit{}, Left: []string{}, Plan: []report.Step{}, Denials: report.Denials{Calls: []report.Denial{}}}
	for name, r := range map[string]*report.Report{"whole": whole(), "least": least} {
		text, err := os.ReadFile(write(t, r))
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema(t).Validate(v); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// TestSchemaHasNoMore compares the names of the schema with those of the report
// that has everything.
func TestSchemaHasNoMore(t *testing.T) {
	var doc, got map[string]any
	text, err := os.ReadFile(schemaFile)
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	if err == nil {
		text, err = os.ReadFile(write(t, whole()))
	}
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	var want, have []string
	names(&want, "", doc)
	values(&have, "", got)
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(want, slices.Compact(have)) {
		t.Errorf("the schema has\n%v\nthe report has\n%v", want, have)
	}
}

func names(out *[]string, at string, schema map[string]any) {
	if items, ok := schema["items"].(map[string]any); ok {
		names(out, at, items)
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		*out = append(*out, at+"."+name)
		names(out, at+"."+name, p.(map[string]any))
	}
}

func values(out *[]string, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, p := range v {
			*out = append(*out, at+"."+name)
			values(out, at+"."+name, p)
		}
	case []any:
		for _, p := range v {
			values(out, at, p)
		}
	}
}

// TestNothingHalf: where the report cannot be written there is no file of any name.
func TestNothingHalf(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "r.json")
	f, err := report.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name, 0o755); err != nil { // rename(2) of a file onto it is EISDIR
		t.Fatal(err)
	}
	var e *report.Error
	if err := f.Write(whole()); !errors.As(err, &e) || !errors.Is(err, syscall.EISDIR) || !strings.HasPrefix(e.Call, `renameat(AT_FDCWD, "`) {
		t.Errorf("Write in place of a directory: %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

// TestCreateRefuses: what cannot be written shows before anything is run, with
// the call that the kernel refused, and nothing is made.
func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := errors.Join(os.Mkdir("dir", 0o755), os.WriteFile("file", nil, 0o644), os.Symlink("loop", "loop")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, call string
		errno      syscall.Errno
	}{
		{"dir", `open("dir", O_WRONLY|O_CLOEXEC)`, syscall.EISDIR},
		{".", `open(".", O_WRONLY|O_CLOEXEC)`, syscall.EISDIR},
		{"/", `open("/", O_WRONLY|O_CREAT|O_CLOEXEC)`, syscall.EISDIR},
		{"dir/", `open("dir/", O_WRONLY|O_CREAT|O_CLOEXEC)`, syscall.EISDIR},
		{"none/", `open("none/", O_WRONLY|O_CREAT|O_CLOEXEC)`, syscall.EISDIR},
		{"none/r.json", `open("none/.r.json.`, syscall.ENOENT},
		{"file/r.json", `stat("file/r.json")`, syscall.ENOTDIR},
		{"loop", `stat("loop")`, syscall.ELOOP},
		{strings.Repeat("x", 256), `stat("xxx`, syscall.ENAMETOOLONG},
	} {
		_, err := report.Create(tt.name)
		var e *report.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Call, tt.call) || !errors.Is(err, tt.errno) {
			t.Errorf("Create(%q): %v, want %s: %v", tt.name, err, tt.call, tt.errno)
		}
	}
	if _, err := report.Create("/dev/null"); !errors.Is(err, report.ErrNoFile) {
		t.Errorf("Create(/dev/null): %v", err)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 3 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}
