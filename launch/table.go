package launch

import (
	"unsafe"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// op is one raw system call of the table that the child runs. The assembly
// knows the offsets of its fields.
type op struct {
	nr   uint64    //  0
	args [6]uint64 //  8
	ind  uint64    // 56: bit k: args[k] is the address of a result, to be loaded
	skip uint64    // 64: errnos to pass over, 16 bits each, the first in the lowest
	want int64     // 72: the result that is wanted; -1: any that is not an error
	jump uint64    // 80: of a clone: the index at which the parent goes on
	also uint64    // 88: where to store the low 32 bits of the result as well, or 0
}

// notRun is the result of an entry that has not been reached.
const notRun = -1 << 63

// passed is the result of an entry that needs the result of one that was
// skipped: -ECANCELED.
const passed = -125

// outcome is what became of an op. The assembly knows the offsets.
type outcome struct {
	result int64
	ticks  uint64 // the processor's counter when the call came back; 0: it did not
}

// board is memory that the supervisor and the child share: what failed, and the
// outcome of every entry. It is not inherited through execve, so neither PID 1
// nor the payload has it.
type board struct {
	mapped   []byte    // to be unmapped
	failed   *uint64   // the index of the entry that failed, plus one
	outcomes []outcome // one for each entry, then one for each result without an entry
}

// newBoard makes a board of n outcomes. Where the child has this process's
// memory, any will do; otherwise it is a mapping that a fork shares.
func newBoard(n int, shared bool) (*board, error) {
	const header = int(unsafe.Sizeof(outcome{})) // the assembly finds failed there, before the outcomes
	b := &board{}
	var mem unsafe.Pointer
	if shared {
		mem = unsafe.Pointer(&make([]outcome, 1+n)[0])
	} else {
		var err error
		if b.mapped, err = sys.MmapShared(header + n*int(unsafe.Sizeof(outcome{}))); err != nil {
			return nil, err
		}
		mem = unsafe.Pointer(&b.mapped[0])
	}
	b.failed = (*uint64)(mem)
	b.outcomes = unsafe.Slice((*outcome)(unsafe.Add(mem, header)), n)
	for i := range b.outcomes {
		b.outcomes[i].result = notRun
	}
	return b, nil
}

func (b *board) free() {
	if b.mapped != nil {
		sys.Munmap(b.mapped)
	}
}

// set records the result of an entry that the supervisor made.
func (b *board) set(i int, result int64) {
	b.outcomes[i] = outcome{result, ticks()}
}
