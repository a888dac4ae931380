package policy

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed builtin/*.toml
var builtinFiles embed.FS

// builtinNames are the policies that procjail brings, the narrowest first. Each
// includes at most ones before it.
var builtinNames = []string{"strict", "default", "build"}

// BuiltinNames returns what Builtin knows, the narrowest first.
func BuiltinNames() []string { return append([]string(nil), builtinNames...) }

// Builtin returns a built-in policy.
func Builtin(name string) (*Policy, error) {
	text, err := BuiltinText(name)
	if err != nil {
		return nil, err
	}
	return decodeTOML("built-in/"+name+".toml", text)
}

// BuiltinText returns the file of a built-in policy.
func BuiltinText(name string) ([]byte, error) {
	for _, n := range builtinNames {
		if n == name {
			return builtinFiles.ReadFile("builtin/" + name + ".toml")
		}
	}
	return nil, fmt.Errorf("no built-in policy %q: there are %s", name, strings.Join(builtinNames, ", "))
}
