package entry

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	want := Entry{
		Key:        Key{"compiler", "6.1", "CAP_A,CAP_B", "default = \"allow\"\n"},
		Libseccomp: "2.5.4",
		Library:    "/lib/libseccomp.so.2\n1 2 3",
		Flags:      2,
		Program:    make([]byte, 16),
	}
	raw := want.Encode()
	got, err := Decode(raw, want.Key)
	if err != nil || got.Key != want.Key || got.Libseccomp != want.Libseccomp || got.Library != want.Library ||
		got.Flags != want.Flags || !bytes.Equal(got.Program, want.Program) {
		t.Fatalf("Decode() = %+v, %v, want %+v", got, err, want)
	}
	if key, err := ParseRequest(want.Key.Request()); err != nil || key != want.Key {
		t.Errorf("ParseRequest() = %+v, %v", key, err)
	}
	// Each bit, each length, each other key.
	for i := range raw {
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << bit
			if _, err := Decode(bad, want.Key); err == nil {
				t.Fatalf("bit %d of byte %d turned, and decoded", bit, i)
			}
		}
		if _, err := Decode(raw[:i], want.Key); err == nil {
			t.Fatalf("cut to %d bytes, and decoded", i)
		}
	}
	for _, key := range []Key{
		{"compiles", "6.1", "CAP_A,CAP_B", want.Key.Policy},
		{"compiler", "6.2", "CAP_A,CAP_B", want.Key.Policy},
		{"compiler", "6.1", "CAP_A", want.Key.Policy},
		{"compiler", "6.1", "CAP_A,CAP_B", want.Key.Policy + "#"},
		{"compiler6.1", "", "CAP_A,CAP_B", want.Key.Policy},
	} {
		if _, err := Decode(raw, key); err == nil {
			t.Errorf("decoded for %+v", key)
		}
		if key.FileName() == want.Key.FileName() {
			t.Errorf("%+v has the same file name", key)
		}
	}
}

func TestDecodeRefusesPrograms(t *testing.T) {
	for _, n := range []int{0, 7, 12, maxProgram + 8} {
		e := Entry{Program: make([]byte, n)}
		if _, err := Decode(e.Encode(), Key{}); err == nil {
			t.Errorf("a program of %d bytes decoded", n)
		}
	}
}

func TestIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := FileIdentity(path)
	if err != nil || IdentityPath(first) != path {
		t.Fatalf("FileIdentity() = %q, %v", first, err)
	}
	// The same length and the old mtime: ctime tells.
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // more than a tick of the kernel's clock
	if err := os.WriteFile(path, []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	mtime := time.Unix(st.Mtim.Unix())
	if err := os.Chtimes(path, mtime, mtime); err != nil {
		t.Fatal(err)
	}
	if second, err := FileIdentity(path); err != nil || second == first {
		t.Errorf("FileIdentity() = %q, %v after a write", second, err)
	}
	if _, err := FileIdentity(path + ".none"); !os.IsNotExist(err) {
		t.Errorf("FileIdentity() = %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Entry{Key: Key{Policy: "p"}, Program: make([]byte, 8)}.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, err := ParseRequest(raw)
		if err == nil && !bytes.Equal(key.Request(), raw) {
			t.Errorf("ParseRequest(%q) = %+v, which is %q", raw, key, key.Request())
		}
		// Ignored: that it returns is the test.
		_, _ = Decode(raw, key)
	})
}
