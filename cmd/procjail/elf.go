package main

import (
	"encoding/binary"
	"io"
	"strings"
)

// elfInterpreter reads PT_INTERP of a 64-bit little-endian ELF file (elf(5)).
// It is empty for a static program, and for what is no such file.
func elfInterpreter(f io.ReaderAt, head []byte) (string, error) {
	if len(head) < 64 || string(head[:6]) != "\x7fELF\x02\x01" {
		return "", nil
	}
	le := binary.LittleEndian
	phoff := le.Uint64(head[32:])
	size, count := le.Uint16(head[54:]), le.Uint16(head[56:])
	if size < 56 {
		return "", nil
	}
	for i := range count {
		ph := make([]byte, 56)
		if _, err := f.ReadAt(ph, int64(phoff)+int64(i)*int64(size)); err != nil {
			return "", err
		}
		const ptInterp = 3
		if le.Uint32(ph) != ptInterp {
			continue
		}
		n := le.Uint64(ph[32:])
		if n == 0 || n > 4096 {
			return "", nil
		}
		name := make([]byte, n)
		if _, err := f.ReadAt(name, int64(le.Uint64(ph[8:]))); err != nil {
			return "", err
		}
		return strings.TrimRight(string(name), "\x00"), nil
	}
	return "", nil
}
