package kerneltest

import (
	"os"
	"testing"
)

// Often is how often something is done: full in make test-faults, which sets
// PROCJAIL_FAULTS, and a tenth of usual with -short, which is for a machine that
// is emulated (test/vm).
func Often(usual, full int) int {
	switch {
	case os.Getenv("PROCJAIL_FAULTS") != "":
		return full
	case testing.Short():
		return (usual + 9) / 10
	}
	return usual
}
