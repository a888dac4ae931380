package caps

// Version3 is _LINUX_CAPABILITY_VERSION_3, the version of the capset(2) layout with two words a set, since Linux 2.6.26.
const Version3 = 0x20080522

// Header is struct __user_cap_header_struct.
type Header struct {
	Version uint32
	PID     int32
}

// Data is the array of two struct __user_cap_data_struct that version 3 takes: [0] has capabilities 0 to 31 of each set,
// [1] has 32 to 63.
type Data [2]struct {
	Effective, Permitted, Inheritable uint32
}

// Sizes of the two arguments of capset(2), in bytes.
const (
	HeaderSize = 8
	DataSize   = 24
)

// NewHeader returns the header for the calling thread: capset(2) refuses any other PID with EPERM.
func NewHeader() Header { return Header{Version: Version3} }

// NewData returns the three sets in the kernel's layout. The ambient set has no place in it: prctl(PR_CAP_AMBIENT) sets
// that, and the kernel takes out of it what leaves the permitted or the inheritable set.
func NewData(effective, permitted, inheritable Set) Data {
	var d Data
	for i := range d {
		shift := 32 * i
		d[i].Effective = uint32(effective >> shift)
		d[i].Permitted = uint32(permitted >> shift)
		d[i].Inheritable = uint32(inheritable >> shift)
	}
	return d
}

// Sets returns what [NewData] was given; it reads the answer of capget(2).
func (d Data) Sets() (effective, permitted, inheritable Set) {
	for i, w := range d {
		shift := 32 * i
		effective |= Set(w.Effective) << shift
		permitted |= Set(w.Permitted) << shift
		inheritable |= Set(w.Inheritable) << shift
	}
	return effective, permitted, inheritable
}

// Bytes returns the header as it lies in memory on amd64 and arm64, both little-endian.
func (h Header) Bytes() [HeaderSize]byte {
	var b [HeaderSize]byte
	put32(b[0:], h.Version)
	put32(b[4:], uint32(h.PID))
	return b
}

// Bytes returns the sets as they lie in memory on amd64 and arm64, both little-endian.
func (d Data) Bytes() [DataSize]byte {
	var b [DataSize]byte
	for i, w := range d {
		put32(b[12*i:], w.Effective)
		put32(b[12*i+4:], w.Permitted)
		put32(b[12*i+8:], w.Inheritable)
	}
	return b
}

func put32(b []byte, v uint32) {
	_ = b[3]
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}
