// Package program reads what the kernel reads of a program before it runs it: what it
// loads first, and for which machine it is.
package program

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
)

// HeadSize is how much of a program is enough for most: a page, with the ELF header and
// the program headers behind it.
const HeadSize = 4096

// Interpreter is what the kernel loads before the program, and what kind of thing that
// is: the word after "#!", up to a blank (execve(2), fs/binfmt_script.c), or PT_INTERP of
// a 64-bit little-endian ELF file (elf(5)). It is empty for a static program, and for
// what is neither.
func Interpreter(file io.ReaderAt) (name, kind string, err error) {
	head, err := Head(file)
	if err != nil {
		return "", "", err
	}
	if script, ok := strings.CutPrefix(head, "#!"); ok {
		line, _, _ := strings.Cut(script, "\n")
		line = strings.TrimLeft(line, " \t")
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			line = line[:i]
		}
		return line, "interpreter", nil
	}
	name, err = loader(file, []byte(head))
	return name, "dynamic loader", err
}

// Head is the beginning of a file, no more than HeadSize.
func Head(file io.ReaderAt) (string, error) {
	head := make([]byte, HeadSize)
	n, err := file.ReadAt(head, 0)
	if n > 0 || errors.Is(err, io.EOF) {
		err = nil
	}
	return string(head[:n]), err
}

func loader(file io.ReaderAt, head []byte) (string, error) {
	const (
		header  = 64 // of ELF64, with e_phoff at 32, e_phentsize at 54, e_phnum at 56
		segment = 56 // of ELF64, with p_type at 0, p_offset at 8, p_filesz at 32
		interp  = 3
		pathMax = 4096
	)
	if len(head) < header || string(head[:6]) != "\x7fELF\x02\x01" {
		return "", nil
	}
	le := binary.LittleEndian
	at, size, count := le.Uint64(head[32:]), le.Uint16(head[54:]), le.Uint16(head[56:])
	if size != segment { // which the kernel asks for (fs/binfmt_elf.c:load_elf_phdrs)
		return "", nil
	}
	for i := range int64(count) {
		var ph [segment]byte
		if _, err := file.ReadAt(ph[:], int64(at)+i*segment); err != nil {
			return "", err
		}
		if le.Uint32(ph[:]) != interp {
			continue
		}
		n := le.Uint64(ph[32:])
		if n == 0 || n > pathMax {
			return "", nil
		}
		name := make([]byte, n)
		if _, err := file.ReadAt(name, int64(le.Uint64(ph[8:]))); err != nil {
			return "", err
		}
		return strings.TrimRight(string(name), "\x00"), nil
	}
	return "", nil
}

// Machine is what an ELF file is for (elf(5): e_machine); empty: it is none.
func Machine(file io.ReaderAt) string {
	head, _ := Head(file)
	if len(head) < 20 || head[:4] != "\x7fELF" {
		return ""
	}
	n := uint16(head[18]) | uint16(head[19])<<8
	if head[5] == 2 { // the most significant byte first
		n = n>>8 | n<<8
	}
	switch n { // linux/elf-em.h
	case 3:
		return "i386"
	case 8:
		return "MIPS"
	case 20:
		return "PowerPC"
	case 21:
		return "PowerPC 64"
	case 22:
		return "S/390"
	case 40:
		return "ARM"
	case 62:
		return "x86-64"
	case 183:
		return "AArch64"
	case 243:
		return "RISC-V"
	case 258:
		return "LoongArch"
	}
	return "machine " + strconv.Itoa(int(n))
}
