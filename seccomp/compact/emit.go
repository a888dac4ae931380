package compact

import (
	"slices"

	"golang.org/x/net/bpf"
)

// emit writes the program of a meaning, from its end to its beginning: when an
// instruction is written, all that it can jump to has its place.
func emit(g *graph, m meaning, arch uint32) []bpf.RawInstruction {
	e := &emitter{g: g, at: make(map[id]label), loaded: make(map[id]label), reload: make(map[id]bool)}
	for _, s := range m.native {
		e.findReloads(s.node)
	}
	foreign := m.foreign[0]
	e.target(foreign)
	if root := e.search(m.native); e.distance(root) != 0 {
		e.put(bpf.RawInstruction{Op: opJump, K: uint32(e.distance(root))}) // one meaning for all numbers
	}
	e.put(bpf.RawInstruction{Op: opLoad, K: offsetNR})
	native := label(len(e.reversed) - 1)
	e.branch(opJumpEqual, arch, native, e.target(foreign))
	e.put(bpf.RawInstruction{Op: opLoad, K: offsetArch})
	slices.Reverse(e.reversed)
	return e.reversed
}

// label is an instruction's distance from the end of the program.
type label int

type emitter struct {
	g        *graph
	reversed []bpf.RawInstruction
	at       map[id]label // nearest place that acts as the node, whatever the accumulator holds
	loaded   map[id]label // the same, for when the accumulator holds what the node tests
	reload   map[id]bool  // some way comes with something else in the accumulator
}

func (e *emitter) put(in bpf.RawInstruction) label {
	e.reversed = append(e.reversed, in)
	return label(len(e.reversed) - 1)
}

// distance is the offset by which the instruction put next jumps to l.
func (e *emitter) distance(l label) int { return len(e.reversed) - 1 - int(l) }

// branch puts a conditional jump. Its offsets have 8 bits: what is farther off
// is reached over a copy, if it is a return, or an unconditional jump, whose
// offset has 32. Either stands right behind the branch. Every way into it is a
// jump, so that nothing falls through into them.
func (e *emitter) branch(op uint16, k uint32, yes, no label) label {
	const farthest = 255 - 2 // both may be pushed off by one
	if e.distance(yes) > farthest {
		yes = e.nearer(yes)
	}
	if e.distance(no) > farthest {
		no = e.nearer(no)
	}
	return e.put(bpf.RawInstruction{Op: op, K: k, Jt: uint8(e.distance(yes)), Jf: uint8(e.distance(no))})
}

// nearer puts a stand-in for l; from here on it is used for all that meant l.
func (e *emitter) nearer(l label) label {
	in := e.reversed[l]
	if in.Op != opReturn {
		in = bpf.RawInstruction{Op: opJump, K: uint32(e.distance(l))}
	}
	n := e.put(in)
	for _, places := range [...]map[id]label{e.at, e.loaded} {
		for node, old := range places {
			if old == l {
				places[node] = n
			}
		}
	}
	return n
}

// search puts a decision tree over a list of segments, and returns where it
// begins; the accumulator holds nr. Long lists are halved, for speed. In short
// ones a single number between two equal neighbours is taken out by one jeq,
// where two jge would be needed: less to load.
func (e *emitter) search(s []segment) label {
	const short = 9
	if len(s) == 1 {
		return e.target(s[0].node)
	}
	if len(s) <= short {
		for i := 1; i+1 < len(s); i++ {
			if s[i].start+1 == s[i+1].start && s[i-1].node == s[i+1].node {
				rest := e.search(slices.Delete(slices.Clone(s), i, i+2))
				return e.branch(opJumpEqual, s[i].start, e.target(s[i].node), rest)
			}
		}
	}
	half := len(s) / 2
	high := e.search(s[half:])
	low := e.search(s[:half])
	return e.branch(opJumpGE, s[half].start, high, low)
}

// target returns where node n is acted on, and puts it if it is nowhere yet.
func (e *emitter) target(n id) label {
	if l, ok := e.at[n]; ok {
		return l
	}
	if t := e.g.nodes[n]; t.leaf {
		e.at[n] = e.put(bpf.RawInstruction{Op: opReturn, K: t.k})
		return e.at[n]
	}
	e.test(n)
	return e.at[n]
}

// test puts a node with a test, after all that it leads to.
func (e *emitter) test(n id) {
	t := e.g.nodes[n]
	for _, next := range [...]id{t.yes, t.no} {
		e.after(t, next)
	}
	// Asked again only now: putting the second may have moved the first.
	yes, no := e.after(t, t.yes), e.after(t, t.no)
	op, k := uint16(opJumpEqual), t.k
	switch {
	case t.gt:
		op = opJumpGT
	case t.viaSet():
		op, k, yes, no = opJumpSet, t.mask, no, yes
	}
	e.loaded[n] = e.branch(op, k, yes, no)
	if !e.reload[n] {
		return
	}
	if mask := t.held(); mask != 1<<32-1 {
		e.put(bpf.RawInstruction{Op: opAnd, K: mask})
	}
	e.at[n] = e.put(bpf.RawInstruction{Op: opLoad, K: t.word})
}

// after returns where to go for next when t has just been tested.
func (e *emitter) after(t node, next id) label {
	if !e.follows(t, next) {
		return e.target(next)
	}
	if _, ok := e.loaded[next]; !ok {
		e.test(next)
	}
	return e.loaded[next]
}

// follows says whether next tests what t left in the accumulator.
func (e *emitter) follows(t node, next id) bool {
	n := e.g.nodes[next]
	return !n.leaf && n.word == t.word && n.held() == t.held()
}

// viaSet says that a node is one jset on the whole word, with no mask before.
func (n node) viaSet() bool { return !n.gt && n.k == 0 && n.mask != 1<<32-1 }

// held is the mask of what the accumulator holds when n is tested.
func (n node) held() uint32 {
	if n.viaSet() {
		return 1<<32 - 1
	}
	return n.mask
}

// findReloads marks what is entered from elsewhere than a test of the same
// word, beginning with n itself.
func (e *emitter) findReloads(n id) {
	if e.g.nodes[n].leaf || e.reload[n] {
		return
	}
	e.reload[n] = true
	seen := make(map[id]bool)
	var visit func(id)
	visit = func(n id) {
		if seen[n] || e.g.nodes[n].leaf {
			return
		}
		seen[n] = true
		t := e.g.nodes[n]
		for _, next := range [...]id{t.yes, t.no} {
			if !e.g.nodes[next].leaf && !e.follows(t, next) {
				e.reload[next] = true
			}
			visit(next)
		}
	}
	visit(n)
}
