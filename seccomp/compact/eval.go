package compact

import (
	"slices"

	"golang.org/x/net/bpf"
)

// segment is a range of numbers, from start to the next segment's, that share
// a meaning.
type segment struct {
	start uint32
	node  id
}

// meaning is what a program does, as far as a payload can tell.
type meaning struct {
	native  []segment // by nr, for the ABI asked for; neighbours differ
	foreign []id      // every outcome that some other value of arch has, sorted
}

// evaluate returns the meaning of p, its nodes in g.
// Preconditions: Check(p) is nil.
func evaluate(g *graph, p []bpf.RawInstruction, arch uint32) (meaning, error) {
	nrs, arches, err := boundaries(p)
	if err != nil {
		return meaning{}, err
	}
	var m meaning
	for _, nr := range nrs {
		n := run(g, p, arch, nr)
		if len(m.native) == 0 || m.native[len(m.native)-1].node != n {
			m.native = append(m.native, segment{nr, n})
		}
	}
	for _, a := range arches {
		if a == arch {
			continue
		}
		for _, nr := range nrs {
			if n := run(g, p, a, nr); !slices.Contains(m.foreign, n) {
				m.foreign = append(m.foreign, n)
			}
		}
	}
	slices.Sort(m.foreign)
	return m, nil
}

// What the accumulator may hold before an instruction.
const (
	holdsNR = 1 << iota
	holdsArch
	holdsOther
)

// boundaries returns, in order and beginning with 0, numbers such that no
// comparison in p tells two numbers between the same neighbours apart; and the
// same for arch. That is exact because nr and arch are only ever compared whole
// with constants, which is checked here.
func boundaries(p []bpf.RawInstruction) (nrs, arches []uint32, err error) {
	nrs, arches = []uint32{0}, []uint32{0}
	holds := make([]uint8, len(p))
	holds[0] = holdsOther // the accumulator starts as 0
	for i, in := range p {
		if holds[i] == 0 {
			continue // no way leads here
		}
		next := holds[i]
		switch in.Op {
		case opLoad:
			switch in.K {
			case offsetNR:
				next = holdsNR
			case offsetArch:
				next = holdsArch
			default:
				next = holdsOther
			}
			holds[i+1] |= next
		case opAnd, opJumpSet:
			if next&(holdsNR|holdsArch) != 0 {
				return nil, nil, &UnsupportedError{Index: i, Instruction: in, Reason: "looks at single bits of nr or arch"}
			}
			if in.Op == opAnd {
				holds[i+1] |= next
				break
			}
			fallthrough
		case opJumpEqual, opJumpGT, opJumpGE:
			for _, b := range boundariesOf(in) {
				if next&holdsNR != 0 {
					nrs = append(nrs, b)
				}
				if next&holdsArch != 0 {
					arches = append(arches, b)
				}
			}
			holds[i+1+int(in.Jt)] |= next
			holds[i+1+int(in.Jf)] |= next
		case opJump:
			holds[i+1+int(in.K)] |= next
		}
	}
	slices.Sort(nrs)
	slices.Sort(arches)
	return slices.Compact(nrs), slices.Compact(arches), nil
}

// boundariesOf returns the least numbers of the ranges that a jump tells apart.
func boundariesOf(in bpf.RawInstruction) []uint32 {
	var b []uint32
	if in.Op != opJumpGT {
		b = append(b, in.K)
	}
	if in.Op != opJumpGE && in.K != 1<<32-1 {
		b = append(b, in.K+1)
	}
	return b
}

// value is the accumulator: a constant, or word&mask.
type value struct {
	known      bool
	k          uint32
	word, mask uint32
}

type state struct {
	pc int
	a  value
}

// run evaluates p for one arch and nr with everything else unknown.
func run(g *graph, p []bpf.RawInstruction, arch, nr uint32) id {
	r := runner{g: g, p: p, arch: arch, nr: nr}
	return r.from(state{a: value{known: true}})
}

type runner struct {
	g        *graph
	p        []bpf.RawInstruction
	arch, nr uint32
	memo     map[state]id
}

// from follows the program while each jump is decided, and both ways where one
// is not. The memo keeps that linear in the program's length.
func (r *runner) from(s state) id {
	for {
		in := r.p[s.pc]
		s.pc++
		switch in.Op {
		case opReturn:
			return r.g.ret(in.K)
		case opLoad:
			switch in.K {
			case offsetNR:
				s.a = value{known: true, k: r.nr}
			case offsetArch:
				s.a = value{known: true, k: r.arch}
			default:
				s.a = value{word: in.K, mask: 1<<32 - 1}
			}
		case opAnd:
			s.a.k &= in.K
			s.a.mask &= in.K
		case opJump:
			s.pc += int(in.K)
		default:
			if !s.a.known {
				return r.both(s, in)
			}
			if decide(in, s.a.k) {
				s.pc += int(in.Jt)
			} else {
				s.pc += int(in.Jf)
			}
		}
	}
}

func (r *runner) both(s state, in bpf.RawInstruction) id {
	if n, ok := r.memo[s]; ok {
		return n
	}
	yes, no := s, s
	yes.pc += int(in.Jt)
	no.pc += int(in.Jf)
	n := r.g.test(s.a.word, s.a.mask, in.Op, in.K, r.from(yes), r.from(no))
	if r.memo == nil {
		r.memo = make(map[state]id)
	}
	r.memo[s] = n
	return n
}

func decide(in bpf.RawInstruction, a uint32) bool {
	switch in.Op {
	case opJumpEqual:
		return a == in.K
	case opJumpGT:
		return a > in.K
	case opJumpGE:
		return a >= in.K
	default: // opJumpSet, by Check
		return a&in.K != 0
	}
}
