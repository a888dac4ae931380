package kerneltest

import "testing"

// The features that a test probes itself, since what it needs differs.
const (
	Programs   Feature = "programs"   // a program of the distribution's
	Registries Feature = "registries" // the module proxy or the package registry, over the network
)

// RequirePrograms is Require for programs that are looked up in PATH.
func RequirePrograms(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := lookPath(name); err != nil {
			Missing(t, Programs, "probed PATH, found: "+err.Error())
		}
	}
}

// Missing skips a test that has probed by itself, or in CI fails it, as Require
// does. The text says what was probed and found.
func Missing(t testing.TB, feature Feature, text string) {
	t.Helper()
	missing(t, feature, text)
}
