//go:build cgo

package libseccomp

import (
	"maps"
	"slices"

	"golang.org/x/net/bpf"

	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// stitch joins programs of libseccomp's into one, for what one cannot say:
//
//	ld arch; jeq ARCH else to main      (main refuses it)
//	ld nr
//	jeq N: jump to the section of N     for each number of a section
//	jeq N: ret ACTION                   for each constant
//	main: libseccomp's program
//	section: libseccomp's program, each with another default action
//	...
//
// Every program begins by loading what it looks at, so that it does not matter
// from where it is entered.
type stitch struct {
	arch      uint32
	main      []bpf.RawInstruction
	sections  []section
	constants map[int]policy.Action
}

// section is a program that is the authority on some numbers.
type section struct {
	numbers []int
	program []bpf.RawInstruction
}

func (s stitch) program() []bpf.RawInstruction {
	if len(s.sections) == 0 && len(s.constants) == 0 {
		return s.main
	}
	const head, each = 4, 2 // instructions
	size := head + each*len(s.constants)
	for _, sec := range s.sections {
		size += each * len(sec.numbers)
	}

	p := make([]bpf.RawInstruction, 0, size+len(s.main))
	jump := func(to int) { // over what is between the next instruction and to
		p = append(p, bpf.RawInstruction{Op: 0x05, K: uint32(to - len(p) - 1)})
	}
	p = append(p,
		bpf.RawInstruction{Op: 0x20, K: 4},
		bpf.RawInstruction{Op: 0x15, K: s.arch, Jt: 1},
	)
	jump(size)
	p = append(p, bpf.RawInstruction{Op: 0x20, K: 0})
	at := size + len(s.main)
	for _, sec := range s.sections {
		for _, n := range sec.numbers {
			p = append(p, bpf.RawInstruction{Op: 0x15, K: uint32(n), Jf: 1})
			jump(at)
		}
		at += len(sec.program)
	}
	for _, n := range slices.Sorted(maps.Keys(s.constants)) {
		p = append(p,
			bpf.RawInstruction{Op: 0x15, K: uint32(n), Jf: 1},
			bpf.RawInstruction{Op: 0x06, K: s.constants[n].Return()},
		)
	}
	p = append(p, s.main...)
	for _, sec := range s.sections {
		p = append(p, sec.program...)
	}
	return p
}
