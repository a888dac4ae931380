package plan_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
)

// FuzzCompile makes a Spec and a Host of bytes. Each gets a refusal that says
// something, or a plan that passes Check, that spells, that is the same when
// it is made again, and that makes nothing in a tree of the host's.
func FuzzCompile(f *testing.F) {
	for n := range 40 {
		f.Add(bytes.Repeat([]byte{byte(n), byte(7 * n), byte(n * n)}, 60))
	}
	f.Fuzz(func(t *testing.T, data []byte) { tryCompile(t, data) })
}

// TestCompileRandom does the same with bytes of a generator, so that every run
// of the tests sees a few thousand plans.
func TestCompileRandom(t *testing.T) {
	source := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 300)
	plans := 0
	for range 5000 {
		_, _ = source.Read(data)
		if tryCompile(t, data) {
			plans++
		}
	}
	if plans < 250 {
		t.Errorf("only %d of 5000 are plans; the others are refused", plans)
	}
}

// tryCompile reports whether a plan came of it.
func tryCompile(t *testing.T, data []byte) bool {
	t.Helper()
	spec, host := plantest.Random(data)
	p, err := plan.Compile(spec, host)
	var refusal *plan.Refusal
	switch {
	case err == nil:
	case !errors.As(err, &refusal):
		t.Fatalf("%T is no refusal: %v", err, err)
	case refusal.What == "" || refusal.Cause == "" || refusal.Exit < 125 || refusal.Exit > 127 || strings.Contains(err.Error(), "internal error"):
		t.Fatalf("a poor refusal: %+v\n%+v", refusal, spec.Mounts)
	default:
		return false
	}
	if err := plan.Check(p); err != nil {
		t.Fatal(err)
	}
	for i, e := range p.Entries {
		if s := e.String(); !strings.Contains(s, "(") || strings.ContainsAny(s, "\n\x00") {
			t.Fatalf("entry %d is spelt %q", i, s)
		}
	}
	if err := obeys(p); err != nil {
		t.Fatalf("%v\n%+v", err, spec.Mounts)
	}
	first := render(spec, host)
	spec, host = plantest.Random(data)
	if !bytes.Equal(first, render(spec, host)) {
		t.Fatal("another plan from the same bytes")
	}
	return true
}
