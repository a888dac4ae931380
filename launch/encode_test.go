package launch

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
)

// FuzzEncode writes the table of every plan that the bytes lead to, and looks
// that each word that stands for a result leads into the board.
func FuzzEncode(f *testing.F) {
	for n := range 20 {
		f.Add(bytes.Repeat([]byte{byte(n), byte(7 * n), byte(n * n)}, 60))
	}
	f.Fuzz(func(t *testing.T, data []byte) { tryEncode(t, data) })
}

func TestEncodeRandom(t *testing.T) {
	source := rand.NewChaCha8([32]byte{2})
	data := make([]byte, 300)
	for range 3000 {
		_, _ = source.Read(data)
		tryEncode(t, data)
	}
}

func tryEncode(t *testing.T, data []byte) {
	t.Helper()
	p, err := plan.Compile(plantest.Random(data))
	if err != nil {
		return
	}
	prog, err := encode(p)
	if err != nil {
		t.Fatal(err)
	}
	defer prog.board.free()
	first := uint64(uintptr(unsafe.Pointer(&prog.board.outcomes[0])))
	size := uint64(len(prog.board.outcomes)) * uint64(unsafe.Sizeof(outcome{}))
	for i, o := range prog.ops[:len(p.Entries)] {
		for k := range o.args {
			if at := o.args[k] - first; o.ind&(1<<k) != 0 && (at >= size || at%8 != 0) {
				t.Fatalf("step %d: %s: argument %d is not in the board", i+1, p.Entries[i], k)
			}
		}
		if o.jump > uint64(len(p.Entries)) {
			t.Fatalf("step %d: %s: goes on at %d of %d", i+1, p.Entries[i], o.jump, len(p.Entries))
		}
	}
	if prog.first == 0 || prog.first >= len(p.Entries) || p.Entries[prog.first].Stage != plan.Init {
		t.Fatalf("init begins at %d", prog.first)
	}
}
