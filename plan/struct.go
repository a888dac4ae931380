package plan

import "encoding/binary"

// kstruct is the content of a kernel structure, laid out by hand: the offsets
// are those of the uapi headers, which are the same on every 64-bit
// architecture.
type kstruct []byte

func newStruct(size int) kstruct { return make(kstruct, size) }

func (s kstruct) u16(off int, v uint16) { binary.NativeEndian.PutUint16(s[off:], v) }
func (s kstruct) u32(off int, v uint32) { binary.NativeEndian.PutUint32(s[off:], v) }
func (s kstruct) u64(off int, v uint64) { binary.NativeEndian.PutUint64(s[off:], v) }

func (s kstruct) get32(off int) uint32 { return binary.NativeEndian.Uint32(s[off:]) }
