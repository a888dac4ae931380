// Package entry is the wire and cache format between the launcher, which never
// compiles, and procjail-seccomp, which does.
//
// The launcher writes a Key to the companion's standard input and reads an
// Entry from its standard output; the cache keeps that Entry as it came. All
// integers are little endian:
//
//	field      size       meaning
//	magic      8          "pjscmp" and the format's version in two digits
//	key        5 strings  Compiler, Arch, Kernel, Capabilities, Policy
//	---------- here a request ends
//	libseccomp string     its version, for people: "2.5.4"
//	library    string     Identity of libseccomp.so; empty if linked statically
//	flags      4          SECCOMP_FILTER_FLAG_*
//	program    string     array of struct sock_filter
//	sum        8          FNV-1a 64 of all that precedes
//
// A string is its length in 4 bytes and then its bytes. The sum finds torn and
// damaged files; it is no protection against a writer: ownership is (cache.go).
//
// Keys are compared whole, policy text included, so that the name of a cache
// file need not be collision-free and no cryptographic hash is linked into the
// launcher (crypto/sha256 costs 45 us of every start, on a machine where a
// start takes 1000).
package entry

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"runtime"
	"strconv"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// magic ends in the format's version: change it with the layout.
const magic = "pjscmp01"

// maxProgram is BPF_MAXINSNS instructions of 8 bytes.
const maxProgram = 4096 * 8

// Key says what a filter was compiled from. Two equal keys give equal filters.
type Key struct {
	Compiler     string // Identity of procjail-seccomp: stands for the compactor, and for a static libseccomp
	Kernel       string // "6.1", for an OCI profile's minKernel
	Capabilities string // sorted, comma-separated, for an OCI profile's caps
	Policy       string // the policy file's content
}

// Entry is a compiled policy.
type Entry struct {
	Key        Key
	Libseccomp string // version that compiled it
	Library    string // Identity of the shared libseccomp that compiled it, or ""
	Flags      uint32
	Program    []byte
}

// FileName is where a cache keeps the entry of k: 32 hexadecimal digits.
func (k Key) FileName() string {
	h := fnv.New128a()
	h.Write(k.append(nil))
	const digits = "0123456789abcdef"
	name := make([]byte, 0, 32)
	for _, b := range h.Sum(nil) {
		name = append(name, digits[b>>4], digits[b&15])
	}
	return string(name)
}

// Request encodes k for procjail-seccomp.
func (k Key) Request() []byte { return k.append([]byte(magic)) }

func (k Key) append(b []byte) []byte {
	for _, s := range [...]string{k.Compiler, runtime.GOARCH, k.Kernel, k.Capabilities, k.Policy} {
		b = appendString(b, s)
	}
	return b
}

// ParseRequest is the inverse of Key.Request.
func ParseRequest(b []byte) (Key, error) {
	r := reader{rest: b}
	k := r.key()
	if r.err == nil && len(r.rest) != 0 {
		r.err = bad("more than a key")
	}
	return k, r.err
}

// Encode returns the bytes of e.
func (e Entry) Encode() []byte {
	b := e.Key.Request()
	b = appendString(b, e.Libseccomp)
	b = appendString(b, e.Library)
	b = binary.LittleEndian.AppendUint32(b, e.Flags)
	b = appendString(b, string(e.Program))
	return binary.LittleEndian.AppendUint64(b, sum(b))
}

// Decode is the inverse of Encode. It fails unless b is whole and intact and
// the entry of exactly the key wanted.
func Decode(b []byte, want Key) (Entry, error) {
	if len(b) < 8 || binary.LittleEndian.Uint64(b[len(b)-8:]) != sum(b[:len(b)-8]) {
		return Entry{}, bad("checksum does not match")
	}
	r := reader{rest: b[:len(b)-8]}
	e := Entry{Key: r.key()}
	e.Libseccomp = r.string()
	e.Library = r.string()
	e.Flags = r.uint32()
	e.Program = []byte(r.string())
	switch n := len(e.Program); {
	case r.err != nil:
		return Entry{}, r.err
	case len(r.rest) != 0:
		return Entry{}, bad("more than an entry")
	case e.Key != want:
		return Entry{}, bad("another policy's entry")
	case n == 0 || n%8 != 0 || n > maxProgram:
		return Entry{}, bad("program of " + strconv.Itoa(n) + " bytes")
	}
	return e, nil
}

// Identity tells one state of a file from any other: where it is and the four
// things that stat(2) says about it which no write leaves alone. ctime cannot
// be set from user space. No content is read: that is the point.
func Identity(path string, st sys.Stat) string {
	b := append([]byte(path), '\n')
	for _, n := range [...]int64{
		int64(st.Dev), int64(st.Ino), st.Size, st.Mtime, st.Ctime,
	} {
		b = append(strconv.AppendInt(b, n, 10), ' ')
	}
	return string(b)
}

// FileIdentity calls stat(2) and returns the Identity of path.
func FileIdentity(path string) (string, error) {
	st, err := sys.StatPath(path)
	if err != nil {
		return "", err
	}
	return Identity(path, st), nil
}

// IdentityPath returns the path in what Identity returned.
func IdentityPath(identity string) string {
	for i := len(identity) - 1; i >= 0; i-- {
		if identity[i] == '\n' {
			return identity[:i]
		}
	}
	return ""
}

func appendString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

func bad(reason string) error { return errors.New("bad seccomp entry: " + reason) }

func sum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// reader takes fields off the front; after the first error it returns zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.rest)) {
		r.err = bad("too short")
		return make([]byte, 4)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

func (r *reader) string() string {
	b := r.take(uint64(r.uint32()))
	if r.err != nil {
		return ""
	}
	return string(b)
}

func (r *reader) key() Key {
	if m := r.take(uint64(len(magic))); r.err == nil && string(m) != magic {
		r.err = bad("not of this format")
	}
	k := Key{Compiler: r.string()}
	if arch := r.string(); r.err == nil && arch != runtime.GOARCH {
		r.err = bad("for " + arch)
	}
	k.Kernel = r.string()
	k.Capabilities = r.string()
	k.Policy = r.string()
	return k
}
