package profiles

import (
	"embed"
	"fmt"
	"os"
	"strings"
)

//go:generate go run gen.go

// files are the sources of the built-in profiles, for people to read: the
// decoded ones are in builtin.go, which a test holds against them.
//
//go:embed strict.toml build.toml
var files embed.FS

// Names are the built-in profiles.
func Names() []string { return []string{"strict", "build"} }

// Source is the text of a built-in profile, with its comments.
func Source(name string) (string, error) {
	b, err := files.ReadFile(name + ".toml")
	if err != nil {
		return "", fmt.Errorf("profile %q: there is no built-in profile of that name; there are %s", name, strings.Join(Names(), " and "))
	}
	return string(b), nil
}

// Builtin returns a copy of a built-in profile.
func Builtin(name string) (*Profile, bool) {
	switch name {
	case "strict":
		return strict(), true
	case "build":
		return build(), true
	}
	return nil, false
}

// From is where Load finds a profile: "built-in", or the file as it was named.
func From(nameOrFile string) string {
	if _, ok := Builtin(nameOrFile); ok {
		return "built-in"
	}
	return nameOrFile
}

// Load returns the built-in profile of that name or, for a word with a slash
// in it or a name that ends in .toml, the profile in that file.
func Load(nameOrFile string) (*Profile, error) {
	if p, ok := Builtin(nameOrFile); ok {
		return p, nil
	}
	if !strings.Contains(nameOrFile, "/") && !strings.HasSuffix(nameOrFile, ".toml") {
		return nil, fmt.Errorf("profile %q: there is no built-in profile of that name; there are %s, and a file is written with a slash or .toml",
			nameOrFile, strings.Join(Names(), " and "))
	}
	f, err := os.Open(nameOrFile)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("profile %q: is no regular file", nameOrFile)
	}
	return Parse(f, nameOrFile)
}
