package compact

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/net/bpf"
)

// Compact returns a program that does on every system call what p does, for a
// payload of the ABI arch (AUDIT_ARCH_*); every other ABI must meet one and the
// same action in p, and meets it at the head of the result.
//
// The result is proven equal by Equal, passes the kernel's checks and has at
// most MaxInstructions. It depends on the meaning of p only, not on its shape,
// as far as the order of argument tests allows.
func Compact(p []bpf.RawInstruction, arch uint32) ([]bpf.RawInstruction, error) {
	if err := Check(p); err != nil {
		return nil, err
	}
	g := newGraph()
	m, err := evaluate(g, p, arch)
	if err != nil {
		return nil, err
	}
	if len(m.foreign) != 1 || !g.nodes[m.foreign[0]].leaf {
		return nil, errors.New("the program does not refuse every ABI but one with a single action")
	}
	out := emit(g, m, arch)
	if len(out) > MaxInstructions {
		return nil, fmt.Errorf("%d instructions: the kernel takes %d", len(out), MaxInstructions)
	}
	if err := Equal(p, out, arch); err != nil {
		return nil, fmt.Errorf("internal error: compaction: %w", err)
	}
	return out, nil
}

// Equal proves that two programs do the same on every system call: for each
// number, ABI and set of arguments. It is nil only if that holds. The proof is
// by cases over all ranges of numbers that either program tells apart, with the
// arguments unknown. It is sound and not complete: an error for equal programs
// is possible where they test arguments in another order.
func Equal(p, q []bpf.RawInstruction, arch uint32) error {
	g := newGraph()
	var m [2]meaning
	for i, prog := range [...][]bpf.RawInstruction{p, q} {
		if err := Check(prog); err != nil {
			return err
		}
		var err error
		if m[i], err = evaluate(g, prog, arch); err != nil {
			return err
		}
	}
	if !slices.Equal(m[0].foreign, m[1].foreign) {
		return errors.New("programs differ for a foreign ABI")
	}
	for i, s := range m[0].native {
		if i >= len(m[1].native) || m[1].native[i] != s {
			return fmt.Errorf("programs differ from syscall number %d on", s.start)
		}
	}
	if len(m[0].native) != len(m[1].native) {
		return fmt.Errorf("programs differ from syscall number %d on", m[1].native[len(m[0].native)].start)
	}
	return nil
}
