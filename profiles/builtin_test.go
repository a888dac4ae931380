package profiles_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/profiles/internal/generate"
)

func TestBuiltinIsGenerated(t *testing.T) {
	want, err := generate.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("builtin.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("builtin.go is not what its sources say; go generate ./profiles rewrites it:\n%s", cmp.Diff(string(got), string(want)))
	}
}

// TestBuiltinIsItsSource holds the compiled-in value against the text that
// people read.
func TestBuiltinIsItsSource(t *testing.T) {
	for _, name := range profiles.Names() {
		got, ok := profiles.Builtin(name)
		if !ok {
			t.Fatalf("Builtin(%q) is not there", name)
		}
		text, err := profiles.Source(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := profiles.Parse(strings.NewReader(text), name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -source +compiled in:\n%s", name, diff)
		}
	}
}

// TestBuiltinIsACopy changes what Builtin returned and asks again.
func TestBuiltinIsACopy(t *testing.T) {
	first, _ := profiles.Builtin("strict")
	first.Env[0].Value, first.Mounts[0].Source, first.Keep = "x", "x", []string{"CAP_SYS_ADMIN"}
	second, _ := profiles.Builtin("strict")
	if second.Env[0].Value == "x" || second.Mounts[0].Source == "x" || second.Keep != nil {
		t.Errorf("Builtin gives out one profile twice: %+v", second)
	}
}
