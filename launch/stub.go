package launch

import (
	"encoding/binary"
	"sync"
	"unsafe"
)

// stubAddress returns where the machine code of initStub begins.
func stubAddress() unsafe.Pointer

const stubEnd = "procjail"

// InitImage is the executable that PID 1 becomes: an ELF header and the few
// hundred bytes of initStub. It holds nothing else of this program.
var InitImage = sync.OnceValue(initImage)

func initImage() []byte {
	code := stubCode()
	const (
		ehdr, phdr = 64, 56
		base       = 0x400000
		head       = ehdr + 2*phdr
	)
	b := make([]byte, head, head+len(code))
	le := binary.LittleEndian
	copy(b, "\x7fELF\x02\x01\x01") // 64-bit, little endian, current version
	le.PutUint16(b[16:], 2)        // ET_EXEC
	le.PutUint16(b[18:], elfMachine)
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[24:], base+head) // e_entry
	le.PutUint64(b[32:], ehdr)      // e_phoff
	le.PutUint16(b[52:], ehdr)
	le.PutUint16(b[54:], phdr)
	le.PutUint16(b[56:], 2) // e_phnum

	load := b[ehdr:]
	le.PutUint32(load[0:], 1) // PT_LOAD
	le.PutUint32(load[4:], 5) // PF_R|PF_X
	le.PutUint64(load[16:], base)
	le.PutUint64(load[24:], base)
	le.PutUint64(load[32:], uint64(head+len(code)))
	le.PutUint64(load[40:], uint64(head+len(code)))
	le.PutUint64(load[48:], 0x10000) // 64 KiB: the largest page

	stack := b[ehdr+phdr:]
	le.PutUint32(stack[0:], 0x6474e551) // PT_GNU_STACK
	le.PutUint32(stack[4:], 6)          // PF_R|PF_W, not executable
	return append(b, code...)
}

// stubCode is the machine code of initStub, up to the mark at its end.
func stubCode() []byte {
	code := unsafe.Slice((*byte)(stubAddress()), 1024)
	for i := range len(code) - len(stubEnd) {
		if string(code[i:i+len(stubEnd)]) == stubEnd {
			return code[:i]
		}
	}
	panic("internal error: initStub has no end")
}
