package cause

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

// headOf is the beginning of a file; nil where it cannot be read.
func headOf(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := f.ReadAt(head, 0)
	if n == 0 && !errors.Is(err, io.EOF) {
		return nil
	}
	return head[:n]
}

// interpreter is what the kernel would load before the program: the word after
// "#!", or the ELF interpreter (execve(2), elf(5)).
func interpreter(path string) (name, kind string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := f.ReadAt(head, 0)
	head = head[:n]
	if script, ok := strings.CutPrefix(string(head), "#!"); ok {
		line, _, _ := strings.Cut(script, "\n")
		line = strings.TrimLeft(line, " \t")
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			line = line[:i]
		}
		return line, "interpreter", nil
	}
	name, err = elfInterpreter(f, head)
	return name, "dynamic loader", err
}

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

// machines are those of e_machine that a program is likely to be for (elf(5)).
var machines = map[uint16]string{
	3: "i386", 8: "MIPS", 20: "PowerPC", 21: "PowerPC 64", 22: "S/390", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V", 258: "LoongArch",
}

// machineOf is the machine that an ELF file is for; empty: it is none.
func machineOf(path string) string {
	head := headOf(path)
	if len(head) < 20 || string(head[:4]) != "\x7fELF" {
		return ""
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if head[5] == 2 {
		order = binary.BigEndian
	}
	n := order.Uint16(head[18:])
	if name, ok := machines[n]; ok {
		return name
	}
	return "machine " + strconv.Itoa(int(n))
}
