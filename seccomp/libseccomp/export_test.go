//go:build cgo

package libseccomp

import (
	"maps"
	"slices"

	scmp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/net/bpf"

	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// Number resolves a name for the external tests.
func Number(name, abiName string) (int, bool) {
	a, ok := findABI(abiName)
	if !ok {
		return 0, false
	}
	n, how := a.number(name)
	return n, how >= fromTable
}

// Newer returns the names of the table.
func Newer() []string { return slices.Sorted(maps.Keys(newer)) }

// NewerNumber returns the table's number.
func NewerNumber(name string) int { return newer[name] }

// LinearAsTree is Linear with SCMP_FLTATR_CTL_OPTIMIZE=2: another program with
// the same meaning, as another libseccomp might write it.
func LinearAsTree(p *policy.Policy, abiName string) ([]bpf.RawInstruction, error) {
	a, _ := findABI(abiName)
	s, err := split(p, a)
	if err != nil {
		return nil, err
	}
	f, err := newFilter(p, p.Default, []abi{a})
	if err != nil {
		return nil, err
	}
	defer f.Release()
	if err := f.SetOptimize(2); err != nil {
		return nil, err
	}
	for _, r := range s.rules {
		number, err := scmp.GetSyscallFromName(r.name.Text)
		if err != nil {
			return nil, err
		}
		if err := addRule(f, number, r, p.Default); err != nil {
			return nil, err
		}
	}
	return export(f)
}
