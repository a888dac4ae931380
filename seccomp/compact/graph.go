package compact

// id names a node of a graph. Equal ids of one graph mean equal functions of
// the syscall's arguments. (Not the other way round: two tests in another order
// are another node.)
type id int32

// node is an action, or one test of a masked word with two ways on.
type node struct {
	leaf bool
	k    uint32 // leaf: what to return; test: what to compare with
	word uint32 // offset in struct seccomp_data, never nr or arch
	mask uint32 // never 0
	gt   bool   // word&mask > k, else word&mask == k
	yes  id
	no   id
}

// graph holds every node once: it is hash-consed, as the BDD packages do.
type graph struct {
	nodes []node
	index map[node]id
}

func newGraph() *graph { return &graph{index: make(map[node]id)} }

func (g *graph) add(n node) id {
	if i, ok := g.index[n]; ok {
		return i
	}
	i := id(len(g.nodes))
	g.nodes = append(g.nodes, n)
	g.index[n] = i
	return i
}

func (g *graph) ret(k uint32) id { return g.add(node{leaf: true, k: k}) }

// test returns the node for: if word&mask (op) k then yes else no. The four
// comparisons become two, tests whose outcome is known vanish, and so do those
// that a way on repeats: what is left does not depend on how it was spelled.
func (g *graph) test(word, mask uint32, op uint16, k uint32, yes, no id) id {
	switch op {
	case opJumpSet: // any bit of k: not (word & mask & k == 0)
		mask, k, yes, no = mask&k, 0, no, yes
	case opJumpGE: // >= k: > k-1
		if k == 0 {
			return yes
		}
		k--
	}
	gt := op == opJumpGT || op == opJumpGE
	if !gt && k == mask && mask != 0 && mask&(mask-1) == 0 { // the one bit is set: not (it is clear)
		k, yes, no = 0, no, yes
	}
	switch {
	case mask == 0 && gt:
		return no // 0 > k
	case mask == 0 && k == 0:
		return yes
	case !gt && k&^mask != 0, gt && k >= mask:
		return no
	}
	if !gt {
		yes = g.given(yes, word, mask, k)
	}
	for n := &g.nodes[no]; !n.leaf && n.word == word && n.mask == mask && n.gt == gt && n.k == k; n = &g.nodes[no] {
		no = n.no
	}
	if yes == no {
		return yes
	}
	return g.add(node{word: word, mask: mask, gt: gt, k: k, yes: yes, no: no})
}

// given goes on from i as far as word&mask == k decides the tests.
func (g *graph) given(i id, word, mask, k uint32) id {
	for n := &g.nodes[i]; !n.leaf && n.word == word && n.mask&^mask == 0; n = &g.nodes[i] {
		v := k & n.mask
		if n.gt && v > n.k || !n.gt && v == n.k {
			i = n.yes
		} else {
			i = n.no
		}
	}
	return i
}
