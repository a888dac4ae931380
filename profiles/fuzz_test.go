package profiles

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// FuzzParse: an *Error with a file, or a profile that keeps what its values
// promise.
func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		text, _ := Source(name)
		f.Add([]byte(text))
	}
	f.Add([]byte("extends = \"strict\"\n[limits]\npids = -1\n"))
	f.Add([]byte("[[mounts]]\ntype = \"tmpfs\"\npath = \"~\"\nsize = \"1iB\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(bytes.NewReader(data), "fuzz.toml")
		if err != nil {
			var e *Error
			if p != nil || !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "profile fuzz.toml") {
				t.Fatalf("%+v, %v", p, err)
			}
			return
		}
		if p.Name != "fuzz.toml" || p.UID < Caller || p.GID < Caller || p.Hostname == "" || len(p.Hostname) > 64 {
			t.Fatalf("%+v", p)
		}
		for _, m := range p.Mounts {
			if strings.ContainsRune(m.Dest+m.Source, 0) || m.Dest == "" || m.From == "" || m.Mode > 0o7777 {
				t.Fatalf("%+v", m)
			}
		}
		again, err := Parse(bytes.NewReader(data), "fuzz.toml")
		if err != nil || len(again.Mounts) != len(p.Mounts) {
			t.Fatalf("another profile from the same bytes: %+v, %v", again, err)
		}
	})
}

// FuzzValues gives one text to every parser of a value.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"64K", "1iB", "infinity", "1000:1000", "caller", "~/x", "/a/../b", "A=b", "90s", "jail", "1777", "\x00", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil && n > 1<<62 && n != Unlimited {
			t.Errorf("ParseSize(%q) = %d", s, n)
		}
		if u, g, err := ParseUser(s); err == nil && (u < Caller || g < Caller || u >= 1<<32-1 || g >= 1<<32-1) {
			t.Errorf("ParseUser(%q) = %d, %d", s, u, g)
		}
		if p, err := ParsePath(s); err == nil && (p != s || p == "" || strings.ContainsRune(p, 0) || strings.Contains("/"+p+"/", "/../")) {
			t.Errorf("ParsePath(%q) = %q", s, p)
		}
		if r, err := ParseEnv(s); err == nil && (r.Key == "" || strings.ContainsAny(r.Key, "=\x00") || strings.ContainsRune(r.Value, 0) || r.Pass && r.Value != "") {
			t.Errorf("ParseEnv(%q) = %+v", s, r)
		}
		if h, err := ParseHostname(s); err == nil && (h != s || len(h) > 64) {
			t.Errorf("ParseHostname(%q) = %q", s, h)
		}
		if n, err := ParseSeconds(s); err == nil && n == 0 {
			t.Errorf("ParseSeconds(%q) = 0", s)
		}
		if m, err := (modeParser{}).parse(s); err == nil && m > 0o7777 {
			t.Errorf("mode %q = %o", s, m)
		}
		_, _ = (kindParser{}).parse(s)
		_, _ = (idParser{}).parse(s)
		_, _ = (countParser{}).parse(s)
	})
}
