//go:build cgo

package libseccomp_test

import (
	"slices"
	"testing"

	"github.com/Emmanuel326/procjail/internal/bpftest"
	"github.com/Emmanuel326/procjail/seccomp/compact"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// auditArches are AUDIT_ARCH_* of every ABI that Linux has on amd64 and arm64,
// of some that it has elsewhere, and none.
var auditArches = map[string]uint32{
	"x86_64 and x32": compact.AuditArchX8664,
	"i386":           compact.AuditArchI386,
	"aarch64":        compact.AuditArchAARCH64,
	"arm":            compact.AuditArchARM,
	"riscv64":        0xc00000f3,
	"riscv32":        0x400000f3,
	"s390x":          0x80000016,
	"ppc64le":        0xc0000015,
	"mips64":         0x80000008,
	"loongarch64":    0xc0000102,
	"none":           0,
	"all ones":       0xffffffff,
}

// numbers are all that any ABI has, x32's, and those around them.
func numbers() []uint32 {
	var list []uint32
	for n := range uint32(1101) {
		list = append(list, n, compact.X32Bit+n)
	}
	return append(list, 0x3fffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
		983041, 983045) // __ARM_NR_breakpoint, __ARM_NR_set_tls
}

// boundaries returns, for each argument, the values at which some rule of p for
// the system call changes its mind, with their neighbours, the ends, and all of
// them with other high halves.
func boundaries(p *policy.Policy, name string) [6][]uint64 {
	var values [6][]uint64
	for _, r := range p.Rules {
		if !slices.ContainsFunc(r.Names, func(n policy.Name) bool { return n.Text == name }) {
			continue
		}
		for _, a := range r.Args {
			for _, v := range []uint64{a.Value, a.Mask, a.Value &^ a.Mask, a.Value | ^a.Mask, a.Value ^ (a.Mask & -a.Mask)} {
				values[a.Index] = append(values[a.Index],
					v, v-1, v+1, v|1<<32, v|0xffffffff<<32, v&0xffffffff, v|1<<31, v|1<<63, ^v)
			}
			values[a.Index] = append(values[a.Index], 0, 1, 1<<31, 1<<32, 1<<63, 0xffffffff, 1<<64-1)
		}
	}
	for i := range values {
		slices.Sort(values[i])
		values[i] = slices.Compact(values[i])
		if len(values[i]) == 0 {
			values[i] = []uint64{0, 1<<64 - 1} // no rule looks at it
		}
	}
	return values
}

// combinations calls f with every choice of one value for each argument, or
// with every limit-th of them.
func combinations(values [6][]uint64, limit int, f func([]uint64)) int {
	total := 1
	for _, v := range values {
		total *= len(v)
	}
	// A step without common factors with the sizes visits all parts alike.
	step := 1
	if total > limit {
		step = total/limit | 1
	}
	args := make([]uint64, 6)
	count := 0
	for i := 0; i < total; i += step {
		rest := i
		for j, v := range values {
			args[j] = v[rest%len(v)]
			rest /= len(v)
		}
		f(args)
		count++
	}
	return count
}

// prove runs the compact program of p and libseccomp's side by side.
func prove(t *testing.T, p *policy.Policy, arch string, native uint32) {
	t.Helper()
	linear := mustLinear(t, p, arch)
	compacted := mustCompile(t, p, arch)
	t.Logf("%s: %d instructions, libseccomp's %d", arch, len(compacted), len(linear))
	a, b := bpftest.New(t, linear), bpftest.New(t, compacted)
	calls := 0
	for name, audit := range auditArches {
		for _, nr := range numbers() {
			for _, args := range [][]uint64{nil, {1<<64 - 1, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1}} {
				calls++
				if x, y := a.Run(bpftest.Call(audit, nr, args...)), b.Run(bpftest.Call(audit, nr, args...)); x != y {
					t.Fatalf("%s, number %d, arguments %#x: libseccomp %#x, compact %#x", name, nr, args, x, y)
				}
			}
		}
	}
	for name := range p.Conditional() {
		if !p.Conditional()[name] {
			continue
		}
		nr, ok := number(name, arch)
		if !ok {
			continue
		}
		calls += combinations(boundaries(p, name), 200_000, func(args []uint64) {
			if x, y := a.Run(bpftest.Call(native, nr, args...)), b.Run(bpftest.Call(native, nr, args...)); x != y {
				t.Fatalf("%s%#x: libseccomp %#x, compact %#x", name, args, x, y)
			}
		})
	}
	t.Logf("%s: equal on %d calls", arch, calls)
}
