package launch

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// program is a Plan as raw system calls: ops[i] is entry i.
type program struct {
	ops   []op
	board *board
	arena arena
	first int // the index of init's first entry
	refs  []ref
	undo  []op // the plan's undo list
}

// ref is a place in a structure that takes the result of the supervisor's
// entry i. The child's own results have op.also for that.
type ref struct {
	i  int
	at unsafe.Pointer
}

// encode writes the table for p. Every pointer in it leads into memory that
// the program keeps alive: the arena, the plan's own bytes, or the board.
func encode(p *plan.Plan) (*program, error) {
	n := len(p.Entries)
	b, err := newBoard(n+p.Results, sharesMemory(p))
	if err != nil {
		return nil, err
	}
	w := &encoder{program: &program{board: b, ops: make([]op, n+1)}, plan: p, producer: make([]int, p.Results)}
	for i, e := range p.Entries {
		if k, ok := e.Out.Result(); ok {
			w.producer[k] = i + 1
		}
	}
	for i, e := range p.Entries {
		w.cur, w.n = &w.ops[i], 0
		w.cur.want = e.Want
		w.cur.skip = uint64(e.Skip[0]) | uint64(e.Skip[1])<<16
		e.Step.Write(w)
		switch e.Step.(type) {
		case plan.Clone:
			w.cur.jump = uint64(nextInit(p.Entries, i))
		case plan.Clone3:
			w.first = nextInit(p.Entries, i)
		}
	}
	w.undo = make([]op, len(p.Undo))
	for i, e := range p.Undo {
		w.cur, w.n = &w.undo[i], 0
		e.Step.Write(w)
	}
	// A table that does not end in execve ends in a failure.
	w.ops[n] = op{nr: ^uint64(0), want: -1}
	return w.program, nil
}

// sharesMemory tells whether p's init has this process's memory, not a copy.
func sharesMemory(p *plan.Plan) bool {
	for _, e := range p.Entries {
		if s, ok := e.Step.(plan.Clone3); ok {
			return s.Flags&unix.CLONE_VM != 0
		}
	}
	return false
}

// nextInit is the index of the first entry after i that is init's.
func nextInit(entries []plan.Entry, i int) int {
	for i++; i < len(entries); i++ {
		if entries[i].Stage == plan.Init {
			return i
		}
	}
	return i
}

// buffer is the memory behind argument k of entry i, for the kernel to fill.
func (p *program) buffer(i, k int) []byte {
	return unsafe.Slice((*byte)(addr(p.ops[i].args[k])), p.ops[i].args[k+1])
}

// encoder is the plan.Writer that fills in one op after another.
type encoder struct {
	*program
	plan     *plan.Plan
	producer []int // for each result of the plan: its entry's index plus one
	cur      *op
	n        int // the next argument
}

// slot is where the result that fd stands for is stored.
func (w *encoder) slot(k int) *int64 {
	if i := w.producer[k]; i != 0 {
		return &w.board.outcomes[i-1].result
	}
	return &w.board.outcomes[len(w.plan.Entries)+k].result
}

func (w *encoder) word(v uint64) {
	w.cur.args[w.n] = v
	w.n++
}

func (w *encoder) pointer(p unsafe.Pointer) { w.word(uint64(uintptr(p))) }

func (w *encoder) Call(_ string, nr uintptr)        { w.cur.nr = uint64(nr) }
func (w *encoder) Int(n int64)                      { w.word(uint64(n)) }
func (w *encoder) Mode(m uint32)                    { w.word(uint64(m)) }
func (w *encoder) Flags(v uint64, _ []plan.Name)    { w.word(v) }
func (w *encoder) Symbol(v uint64, _ string)        { w.word(v) }
func (w *encoder) String(s string)                  { w.pointer(w.arena.string(s)) }
func (w *encoder) Bytes(b []byte)                   { w.pointer(w.arena.bytes(b)) }
func (w *encoder) Buffer(n int)                     { w.pointer(w.arena.space(n)) }
func (w *encoder) Struct(b []byte, _ func() string) { w.pointer(w.arena.bytes(b)) }
func (w *encoder) Null()                            { w.word(0) }

func (w *encoder) FD(fd plan.FD) {
	k, ok := fd.Result()
	if !ok {
		w.word(uint64(int64(fd)))
		return
	}
	w.cur.ind |= 1 << w.n
	w.pointer(unsafe.Pointer(w.slot(k)))
}

func (w *encoder) Strings(list []string) {
	v := unsafe.Slice((*uint64)(w.arena.space(8*(len(list)+1))), len(list)+1)
	for i, s := range list {
		v[i] = uint64(uintptr(w.arena.string(s)))
	}
	w.pointer(unsafe.Pointer(&v[0]))
}

// Ref stores fd in the structure, now if it is known and otherwise by the op
// whose result it is.
func (w *encoder) Ref(b []byte, off int, fd plan.FD, _ func() string) {
	p := w.arena.bytes(b)
	w.ref(unsafe.Add(p, off), fd)
	w.pointer(p)
}

func (w *encoder) Refs(b []byte, offs []int, fds []plan.FD, _ func() string) {
	p := w.arena.bytes(b)
	for i, off := range offs {
		w.ref(unsafe.Add(p, off), fds[i])
	}
	w.pointer(p)
}

// ref stores fd at a place of the arena.
func (w *encoder) ref(at unsafe.Pointer, fd plan.FD) {
	if k, ok := fd.Result(); ok {
		i := w.producer[k] - 1
		switch from := &w.ops[i]; {
		case w.plan.Entries[i].Stage == plan.Supervisor:
			w.refs = append(w.refs, ref{i, at})
		case from.also != 0:
			panic("internal error: two structures hold the result of one entry of the child's")
		default:
			from.also = uint64(uintptr(at))
		}
	} else {
		*(*int32)(at) = int32(fd)
	}
}

// Rights points to struct msghdr with one byte and one struct cmsghdr: 16 bytes
// of it, and the descriptor's four (unix(7)).
func (w *encoder) Rights(fd plan.FD) {
	text := w.arena.space(1)
	iov := w.arena.space(16)
	*(*uint64)(iov) = uint64(uintptr(text))
	*(*uint64)(unsafe.Add(iov, 8)) = 1
	control := make([]byte, 24)
	*(*uint64)(unsafe.Pointer(&control[0])) = 20
	*(*int32)(unsafe.Pointer(&control[8])) = unix.SOL_SOCKET
	*(*int32)(unsafe.Pointer(&control[12])) = unix.SCM_RIGHTS
	msg := w.arena.space(56)
	n := w.n
	w.Ref(control, 16, fd, nil) // which is no argument of its own
	*(*uint64)(unsafe.Add(msg, 16)) = uint64(uintptr(iov))
	*(*uint64)(unsafe.Add(msg, 24)) = 1
	*(*uint64)(unsafe.Add(msg, 32)) = w.cur.args[n]
	*(*uint64)(unsafe.Add(msg, 40)) = uint64(len(control))
	w.n = n
	w.pointer(msg)
}

// Program points to struct sock_fprog: a 16-bit length in instructions, and
// the address of the first at offset 8.
func (w *encoder) Program(filter []byte) {
	p := w.arena.space(16)
	*(*uint16)(p) = uint16(len(filter) / 8)
	*(*uint64)(unsafe.Add(p, 8)) = uint64(uintptr(w.arena.bytes(filter)))
	w.pointer(p)
}

// arena is memory for what the table points to. It is taken in chunks that are
// never moved.
type arena struct {
	chunks [][]uint64 // keeps them alive
	free   []uint64
}

const chunkSize = 4096 // words: 32 KiB

// space returns n bytes of zeros, aligned to 8.
func (a *arena) space(n int) unsafe.Pointer {
	words := (n + 7) / 8
	if words == 0 {
		words = 1
	}
	if words > len(a.free) {
		a.free = make([]uint64, max(words, chunkSize))
		a.chunks = append(a.chunks, a.free)
	}
	p := unsafe.Pointer(&a.free[0])
	a.free = a.free[words:]
	return p
}

func (a *arena) bytes(b []byte) unsafe.Pointer {
	p := a.space(len(b))
	copy(unsafe.Slice((*byte)(p), len(b)), b)
	return p
}

func (a *arena) string(s string) unsafe.Pointer {
	p := a.space(len(s) + 1)
	copy(unsafe.Slice((*byte)(p), len(s)), s)
	return p
}
