package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// The options stand in three places: flags declares them, usage and
// docs/procjail.1 list them by hand. These tests hold the three together, and
// the page beside the keys of the two kinds of file.

const (
	manpage      = "../../docs/procjail.1"
	profileKeys  = "../../profiles/decode.go"
	policyKeys   = "../../seccomp/policy/toml.go"
	helpItself   = "help" // pflag's own: flags does not declare it
	optionHeader = "OPTIONS"
)

// page is the man page's source as plain text.
type page struct {
	text string
	tags map[string][]string // what stands after .TP, by section, "PROFILES/Keys" for one within
}

var fonts = strings.NewReplacer(`\fB`, "", `\fI`, "", `\fR`, "", `\fP`, "", `\-`, "-", `\(dq`, `"`, `\e`, `\`)

// readPage takes fonts and escapes away and collects the tags of lists.
func readPage(t *testing.T) page {
	t.Helper()
	source, err := os.ReadFile(manpage)
	if err != nil {
		t.Fatal(err)
	}
	p := page{tags: map[string][]string{}}
	var section, at string
	tag := false
	for line := range strings.Lines(string(source)) {
		if strings.HasPrefix(line, `.\"`) {
			continue
		}
		line = strings.TrimSuffix(fonts.Replace(line), "\n")
		macro, rest, _ := strings.Cut(line, " ")
		switch {
		case macro == ".SH":
			section, at = rest, rest
		case macro == ".SS":
			at = section + "/" + rest
		case macro == ".TP":
			tag = true
			continue
		case tag && strings.HasPrefix(macro, "."):
			line = rest
			fallthrough
		case tag:
			p.tags[at] = append(p.tags[at], line)
		}
		tag = false
		p.text += line + "\n"
	}
	return p
}

// below are the tags of a section and of all within it.
func (p page) below(section string) []string {
	var all []string
	for _, at := range slices.Sorted(maps.Keys(p.tags)) {
		if at == section || strings.HasPrefix(at, section+"/") {
			all = append(all, p.tags[at]...)
		}
	}
	return all
}

// listing is "-p, --profile NAME|FILE", at the beginning of a line; what is two
// blanks apart describes it.
var listing = regexp.MustCompile(`^ *(?:-([A-Za-z0-9]), )?--([a-z0-9][a-z0-9-]*)(?: (\S+))?(?:  .*)?$`)

// spelt is an option as usage or the page has it.
type spelt struct{ Short, Argument string }

func listed(t *testing.T, where string, lines []string) map[string]spelt {
	t.Helper()
	found := map[string]spelt{}
	for _, line := range lines {
		m := listing.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if _, twice := found[m[2]]; twice {
			t.Errorf("%s lists --%s twice", where, m[2])
		}
		found[m[2]] = spelt{m[1], m[3]}
	}
	return found
}

func TestOptionsAreDocumented(t *testing.T) {
	inUsage := listed(t, "usage", strings.Split(usage, "\n"))
	inPage := listed(t, manpage, readPage(t).below(optionHeader))
	if diff := cmp.Diff(inUsage, inPage); diff != "" {
		t.Errorf("options: -usage +%s\n%s", manpage, diff)
	}
	declared := map[string]bool{}
	check := func(name, short string, wantsArgument bool) {
		declared[name] = true
		got, ok := inUsage[name]
		switch {
		case !ok:
			t.Errorf("usage does not list --%s", name)
		case got.Short != short:
			t.Errorf("usage lists --%s with the short form %q, flags declares %q", name, got.Short, short)
		case (got.Argument != "") != wantsArgument:
			t.Errorf("usage lists --%s with the argument %q, flags declares one: %v", name, got.Argument, wantsArgument)
		}
	}
	new(options).flags().VisitAll(func(f *pflag.Flag) { check(f.Name, f.Shorthand, f.NoOptDefVal == "") })
	check(helpItself, "h", false)
	for name := range inUsage {
		if !declared[name] {
			t.Errorf("usage lists --%s, which flags does not declare", name)
		}
	}
}

// ofSubcommands are options of theirs.
var ofSubcommands = []string{"fix", "json", "list"}

// TestNoOtherOptionIsNamed: also in running text and in examples.
func TestNoOtherOptionIsNamed(t *testing.T) {
	named := regexp.MustCompile(`(?:^|[^-\w])--([a-z0-9][a-z0-9-]*)`)
	for where, text := range map[string]string{"usage": usage, manpage: readPage(t).text} {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if m[1] != helpItself && !slices.Contains(ofSubcommands, m[1]) && new(options).flags().Lookup(m[1]) == nil {
				t.Errorf("%s names --%s, which flags does not declare", where, m[1])
			}
		}
	}
}

func TestSubcommandsAreDocumented(t *testing.T) {
	synopsis := regexp.MustCompile(`(?s)\.SH SYNOPSIS\n(.*?)\n\.SH`).FindStringSubmatch(readPage(t).text)
	if synopsis == nil {
		t.Fatal("the page has no synopsis")
	}
	head, _, _ := strings.Cut(usage, "\n\n")
	for _, sub := range subcommands {
		name := sub.name
		if !strings.Contains(synopsis[1], "procjail "+name) {
			t.Errorf("the synopsis of %s does not have %q", manpage, "procjail "+name)
		}
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(head) {
			t.Errorf("usage does not have %q", name)
		}
	}
}

// TestKeysAreDocumented: the keys of each structure of a file are the tags of
// the list that is about it, no more and no less.
func TestKeysAreDocumented(t *testing.T) {
	p := readPage(t)
	for _, tt := range []struct{ file, structure, section string }{
		{profileKeys, "file", "PROFILES/Keys"},
		{profileKeys, "limits", "PROFILES/Keys of [limits]"},
		{profileKeys, "mountLine", "PROFILES/Keys of [[mounts]]"},
		{policyKeys, "tomlFile", "SECCOMP POLICIES/Keys of a policy"},
		{policyKeys, "tomlRule", "SECCOMP POLICIES/Keys of [[rule]]"},
		{policyKeys, "tomlArg", "SECCOMP POLICIES/Keys of args"},
	} {
		want := tomlKeys(t, tt.file)[tt.structure]
		// Tables have a list of their own, below the section.
		want = slices.DeleteFunc(want, func(k string) bool { return tt.structure == "file" && (k == "limits" || k == "mounts") })
		var got []string
		for _, tag := range p.tags[tt.section] {
			key, _, _ := strings.Cut(tag, " ")
			got = append(got, strings.Trim(key, "[]"))
		}
		slices.Sort(want)
		slices.Sort(got)
		if len(want) == 0 {
			t.Errorf("%s: no key in %s", tt.file, tt.structure)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keys: -%s, %s +%s, %s\n%s", tt.file, tt.structure, manpage, tt.section, diff)
		}
	}
}

// tomlKeys are the keys of each structure of a source file, by its type's name,
// or by its own key where it has no type.
func tomlKeys(t *testing.T, name string) map[string][]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{}
	var collect func(structure string, s *ast.StructType)
	collect = func(structure string, s *ast.StructType) {
		for _, field := range s.Fields.List {
			if field.Tag == nil {
				continue
			}
			tag, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			key := reflect.StructTag(tag).Get("toml")
			if key == "" {
				continue
			}
			keys[structure] = append(keys[structure], key)
			if within, ok := field.Type.(*ast.StructType); ok {
				collect(key, within)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if typ, ok := n.(*ast.TypeSpec); ok {
			if s, ok := typ.Type.(*ast.StructType); ok {
				collect(typ.Name.Name, s)
			}
		}
		return true
	})
	return keys
}

func TestMountTypesAreDocumented(t *testing.T) {
	var want []string
	for k := profiles.ReadOnly; k <= profiles.Cgroup; k++ {
		if k != profiles.Overlay { // the command line's only: it names a directory of its own
			want = append(want, k.String())
		}
	}
	got := slices.Clone(readPage(t).tags["PROFILES/Types of mounts"])
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("types of mounts: -profiles +%s\n%s", manpage, diff)
	}
}

func TestBuiltinsAreDocumented(t *testing.T) {
	p := readPage(t)
	for section, want := range map[string][]string{"PROFILES": profiles.Names(), "SECCOMP POLICIES": policy.BuiltinNames()} {
		got := slices.Clone(p.tags[section])
		slices.Sort(got)
		want = slices.Sorted(slices.Values(want))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -built in +%s\n%s", section, manpage, diff)
		}
	}
}
