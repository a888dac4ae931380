package compact_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/Emmanuel326/procjail/internal/bpftest"
	"github.com/Emmanuel326/procjail/seccomp/compact"
)

// Programs without sense, of which every part must keep its meaning.
func TestCompactRandomPrograms(t *testing.T) {
	compacted := 0
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		p := random(rnd, 6+rnd.IntN(120))
		out, err := compact.Compact(p, compact.AuditArchX8664)
		var unsupported *compact.UnsupportedError
		if errors.As(err, &unsupported) {
			continue // some way masks nr
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		compacted++
		compare(t, p, out, rnd, 300)
	}
	if compacted < 1000 {
		t.Errorf("only %d of 3000 programs could be compacted: the test tests little", compacted)
	}
}

func FuzzCompact(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(compact.Encode(random(rand.New(rand.NewPCG(seed, 2)), 60)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := compact.Decode(raw)
		if err != nil {
			return
		}
		out, err := compact.Compact(p, compact.AuditArchX8664)
		if err != nil {
			if strings.Contains(err.Error(), "internal error") {
				t.Fatal(err)
			}
			return
		}
		compare(t, p, out, rand.New(rand.NewPCG(uint64(len(raw)), 3)), 100)
	})
}

// linear is what libseccomp writes for rules that only look at the number.
func linear(actionOf func(nr uint32) uint32, n uint32, def uint32) []bpf.RawInstruction {
	p := []bpf.RawInstruction{
		{Op: opLoad, K: 4},
		{Op: 0x15, K: compact.AuditArchX8664, Jt: 1},
		{Op: opReturn, K: 0x80000000},
		{Op: opLoad, K: 0},
	}
	for nr := range n {
		p = append(p, bpf.RawInstruction{Op: 0x15, K: nr * 3, Jf: 1}, bpf.RawInstruction{Op: opReturn, K: actionOf(nr)})
	}
	return append(p, bpf.RawInstruction{Op: opReturn, K: def})
}

// Jumps have 8 bits: thousands of ranges must be reached nevertheless.
func TestCompactFarJumps(t *testing.T) {
	for _, tt := range []struct {
		name    string
		n       uint32
		actions uint32
	}{
		{"two actions", 2000, 2},
		{"an action each", 1000, 1000},
		{"ten actions", 2000, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := linear(func(nr uint32) uint32 { return 0x00050000 | nr%tt.actions }, tt.n, 0x7fff0000)
			out, err := compact.Compact(p, compact.AuditArchX8664)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d instructions, before %d", len(out), len(p))
			a, b := bpftest.New(t, p), bpftest.New(t, out)
			for nr := range tt.n*3 + 10 {
				d := bpftest.Call(compact.AuditArchX8664, nr)
				if x, y := a.Run(d), b.Run(d); x != y {
					t.Fatalf("nr %d: %#x before, %#x after", nr, x, y)
				}
			}
		})
	}
}

// A chain of tests on one argument, longer than a jump: each way on is an action
// of its own, or a graph that others share.
func TestCompactLongGraphs(t *testing.T) {
	for _, n := range []int{3, 254, 255, 256, 600} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := []bpf.RawInstruction{
				{Op: opLoad, K: 4},
				{Op: 0x15, K: compact.AuditArchX8664, Jt: 1},
				{Op: opReturn, K: 0x80000000},
				{Op: opLoad, K: 16},
			}
			for i := range n {
				p = append(p,
					bpf.RawInstruction{Op: 0x15, K: uint32(i * 7), Jf: 3},
					bpf.RawInstruction{Op: opLoad, K: 20},
					bpf.RawInstruction{Op: 0x45, K: 1, Jt: 0, Jf: 1},
					bpf.RawInstruction{Op: opReturn, K: 0x00050000 | uint32(i)},
				)
				// The word that was loaded last is not the one compared next.
				p = append(p, bpf.RawInstruction{Op: opLoad, K: 16})
			}
			p = append(p, bpf.RawInstruction{Op: opReturn, K: 0x7fff0000})
			out, err := compact.Compact(p, compact.AuditArchX8664)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d instructions, before %d", len(out), len(p))
			compare(t, p, out, rand.New(rand.NewPCG(uint64(n), 4)), 3000)
		})
	}
}

func TestCompactRefuses(t *testing.T) {
	const arch = compact.AuditArchX8664
	head := []bpf.RawInstruction{{Op: opLoad, K: 4}, {Op: 0x15, K: arch, Jt: 1}, {Op: opReturn}, {Op: opLoad, K: 0}}
	ret := bpf.RawInstruction{Op: opReturn, K: 0x7fff0000}
	after := func(in ...bpf.RawInstruction) []bpf.RawInstruction {
		return append(append([]bpf.RawInstruction(nil), head...), in...)
	}
	for _, tt := range []struct {
		name string
		p    []bpf.RawInstruction
		want string
	}{
		{"empty", nil, "0 instructions: the kernel takes 1 to 4096"},
		{"too long", make([]bpf.RawInstruction, 4097), "4097 instructions: the kernel takes 1 to 4096"},
		{"no return", after(bpf.RawInstruction{Op: opLoad, K: 0}), "instruction 4 {0x20, 0, 0, 0x0}: the last one is no return"},
		{"jump out", after(bpf.RawInstruction{Op: 0x15, Jt: 1}, ret), "instruction 4 {0x15, 1, 0, 0x0}: jump out of the program"},
		{"jump far out", after(bpf.RawInstruction{Op: opJump, K: 1<<32 - 1}, ret), "instruction 4 {0x5, 0, 0, 0xffffffff}: jump out of the program"},
		{"load outside", after(bpf.RawInstruction{Op: opLoad, K: 64}, ret), "instruction 4 {0x20, 0, 0, 0x40}: load outside of struct seccomp_data, or not of a whole word"},
		{"load unaligned", after(bpf.RawInstruction{Op: opLoad, K: 18}, ret), "instruction 4 {0x20, 0, 0, 0x12}: load outside of struct seccomp_data, or not of a whole word"},
		{"load of a byte", after(bpf.RawInstruction{Op: 0x30, K: 0}, ret), "instruction 4 {0x30, 0, 0, 0x0}: not a load, and, jump or return of a constant"},
		{"return of A", after(bpf.RawInstruction{Op: 0x16}), "instruction 4 {0x16, 0, 0, 0x0}: not a load, and, jump or return of a constant"},
		{"add", after(bpf.RawInstruction{Op: 0x04, K: 1}, ret), "instruction 4 {0x4, 0, 0, 0x1}: not a load, and, jump or return of a constant"},
		{"bits of nr", after(bpf.RawInstruction{Op: 0x45, K: 1}, ret), "instruction 4 {0x45, 0, 0, 0x1}: looks at single bits of nr or arch"},
		{"masked nr", after(bpf.RawInstruction{Op: opAnd, K: 1}, ret), "instruction 4 {0x54, 0, 0, 0x1}: looks at single bits of nr or arch"},
		{"no ABI refused", []bpf.RawInstruction{{Op: opLoad, K: 0}, {Op: 0x15, K: 1, Jf: 1}, {Op: opReturn}, ret}, "the program does not refuse every ABI but one with a single action"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := compact.Compact(tt.p, arch); err == nil || err.Error() != tt.want {
				t.Errorf("Compact() = %v, want %s", err, tt.want)
			}
		})
	}
}

// The proof must find one wrong number, one wrong argument, one wrong ABI.
func TestEqualFindsDifferences(t *testing.T) {
	const arch = compact.AuditArchX8664
	p := append(linear(func(nr uint32) uint32 { return 0x00050000 | nr%5 }, 100, 0x7fff0000)[:204],
		bpf.RawInstruction{Op: 0x15, K: 400, Jt: 1}, bpf.RawInstruction{Op: opReturn, K: 0x7fff0000},
		bpf.RawInstruction{Op: opLoad, K: 24}, bpf.RawInstruction{Op: opAnd, K: 0xff0},
		bpf.RawInstruction{Op: 0x15, K: 0x40, Jt: 1}, bpf.RawInstruction{Op: opReturn, K: 0x00050001},
		bpf.RawInstruction{Op: opReturn, K: 0x7fff0000})
	out, err := compact.Compact(p, arch)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		for _, delta := range []uint32{1, 0x40, 0x10000} {
			bad := append([]bpf.RawInstruction(nil), out...)
			bad[i].K ^= delta
			if err := compact.Equal(p, bad, arch); err == nil {
				t.Errorf("instruction %d %v changed to %v, and still equal", i, out[i], bad[i])
			}
		}
		if out[i].Jt != out[i].Jf {
			bad := append([]bpf.RawInstruction(nil), out...)
			bad[i].Jt, bad[i].Jf = bad[i].Jf, bad[i].Jt
			if err := compact.Equal(p, bad, arch); err == nil {
				t.Errorf("instruction %d %v with its jumps swapped, and still equal", i, out[i])
			}
		}
	}
}

// Compaction of what is compact changes nothing.
func TestCompactTwice(t *testing.T) {
	for seed := range uint64(200) {
		p := random(rand.New(rand.NewPCG(seed, 5)), 80)
		once, err := compact.Compact(p, compact.AuditArchX8664)
		if err != nil {
			continue
		}
		twice, err := compact.Compact(once, compact.AuditArchX8664)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if string(compact.Encode(once)) != string(compact.Encode(twice)) {
			t.Errorf("seed %d: %d instructions, then %d", seed, len(once), len(twice))
		}
	}
}

func TestDisassemble(t *testing.T) {
	p := []bpf.RawInstruction{
		{Op: opLoad, K: 4},
		{Op: 0x15, K: compact.AuditArchX8664, Jf: 5},
		{Op: opLoad, K: 0},
		{Op: 0x35, K: 0x10, Jf: 2},
		{Op: opLoad, K: 28},
		{Op: 0x45, K: 8, Jf: 2},
		{Op: opReturn, K: 0x00050001},
		{Op: opReturn, K: 0x80000000},
		{Op: opReturn, K: 0x7fff0000},
	}
	want := `   0: 20 00 00 00000004  ld   arch
   1: 15 00 05 c000003e  jeq  0xc000003e  true:0002 false:0007
   2: 20 00 00 00000000  ld   nr
   3: 35 00 02 00000010  jge  0x10  true:0004 false:0006
   4: 20 00 00 0000001c  ld   args[1].high
   5: 45 00 02 00000008  jset 0x8  true:0006 false:0008
   6: 06 00 00 00050001  ret  ERRNO(1)
   7: 06 00 00 80000000  ret  KILL_PROCESS
   8: 06 00 00 7fff0000  ret  ALLOW
`
	var b strings.Builder
	if err := compact.Disassemble(&b, p); err != nil || b.String() != want {
		t.Errorf("Disassemble() = %v\n%swant\n%s", err, b.String(), want)
	}
}
