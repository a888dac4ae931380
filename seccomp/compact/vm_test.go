package compact_test

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/Emmanuel326/procjail/internal/bpftest"
	"github.com/Emmanuel326/procjail/seccomp/compact"
)

// interesting returns every constant of p and its neighbours, and the ends.
func interesting(p []bpf.RawInstruction) []uint32 {
	list := []uint32{0, 1, 0x7fffffff, 0x80000000, 0xffffffff}
	seen := make(map[uint32]bool)
	for _, in := range p {
		if in.Op != opReturn && in.Op != opLoad && !seen[in.K] {
			seen[in.K] = true
			list = append(list, in.K-1, in.K, in.K+1, ^in.K)
		}
	}
	return list
}

const (
	opLoad   = 0x20
	opAnd    = 0x54
	opJump   = 0x05
	opReturn = 0x06
)

var arches = []uint32{
	compact.AuditArchX8664, compact.AuditArchI386, compact.AuditArchAARCH64, compact.AuditArchARM,
	0xc00000f3, // riscv64
	0x80000016, // s390x
	0xc0000015, // ppc64le
	0,
}

// compare runs two programs on random calls made of interesting words.
func compare(t *testing.T, p, q []bpf.RawInstruction, rnd *rand.Rand, calls int) {
	t.Helper()
	a, b := bpftest.New(t, p), bpftest.New(t, q)
	words := interesting(p)
	for range calls {
		var d bpftest.Data
		for i := range d {
			d[i] = words[rnd.IntN(len(words))]
		}
		d[1] = arches[0]
		if rnd.IntN(8) == 0 {
			d[1] = arches[rnd.IntN(len(arches))]
		}
		if x, y := a.Run(d), b.Run(d); x != y {
			t.Fatalf("seccomp_data %#x: %#x before, %#x after", d, x, y)
		}
	}
}

// random returns a valid program that begins with the check of the ABI, as all
// do that can be compacted. Everything behind is noise: masks, loads and jumps
// in any order, of which much is never reached.
func random(rnd *rand.Rand, length int) []bpf.RawInstruction {
	p := []bpf.RawInstruction{
		{Op: opLoad, K: 4},
		{Op: 0x15, K: compact.AuditArchX8664, Jt: 1},
		{Op: opReturn, K: 0x80000000},
		{Op: opLoad, K: 0},
	}
	onNR := true // what the straight way leaves in the accumulator
	for len(p) < length-1 {
		left := length - len(p) - 2
		in := bpf.RawInstruction{K: constant(rnd)}
		switch rnd.IntN(8) {
		case 0:
			in.Op, in.K = opLoad, uint32(rnd.IntN(16))*4
			if in.K == 4 {
				in.K = 0
			}
			onNR = in.K == 0
		case 1:
			in.Op = opAnd
			if onNR {
				in = bpf.RawInstruction{Op: opLoad, K: 16}
				onNR = false
			}
		case 2:
			in.Op, in.K = opReturn, actions[rnd.IntN(len(actions))]
		default:
			in.Op = []uint16{0x15, 0x25, 0x35, 0x45}[rnd.IntN(4)]
			if onNR && in.Op == 0x45 {
				in.Op = 0x15
			}
			in.Jt, in.Jf = uint8(rnd.IntN(min(left, 20)+1)), uint8(rnd.IntN(min(left, 20)+1))
		}
		p = append(p, in)
	}
	return append(p, bpf.RawInstruction{Op: opReturn, K: 0x7fff0000})
}

var actions = []uint32{0x7fff0000, 0x00050001, 0x00050026, 0x80000000, 0x00030000}

func constant(rnd *rand.Rand) uint32 {
	switch rnd.IntN(4) {
	case 0:
		return rnd.Uint32()
	case 1:
		return 1<<rnd.IntN(32) - uint32(rnd.IntN(2))
	}
	return uint32(rnd.IntN(12))
}
