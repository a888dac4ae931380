// Command missing-loader runs a program whose dynamic loader is not there, as one
// that was linked against another libc. With a FILE it only writes that program.
//
// Seen: "exec /app: no such file or directory" for a file that ls shows: a binary
// of Alpine's on Debian, or of Debian's in an image made from scratch.
//
// Kernel: execve(2) is ENOENT: it is the loader, PT_INTERP in the ELF file, that
// does not exist (elf(5)).
//
// Remedy: build it for that libc, or static (CGO_ENABLED=0); readelf -l shows the
// loader.
package main

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const loader = "/lib/ld-of-another-libc.so.1\x00"

func main() {
	name := os.TempDir() + "/missing-loader.elf"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if err := os.WriteFile(name, program(), 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) > 1 {
		return
	}
	err := unix.Exec(name, []string{name}, nil)
	_ = os.Remove(name)
	fmt.Fprintln(os.Stderr, "execve", name+":", err)
	os.Exit(1)
}

// program is an ELF header, one program header, and the name that it points to.
func program() []byte {
	elf := make([]byte, 64+56, 64+56+len(loader))
	copy(elf, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(elf[16:], 3) // ET_DYN
	copy(elf[18:20], machine())
	le.PutUint32(elf[20:], 1)
	le.PutUint64(elf[32:], 64) // where the program headers are
	le.PutUint16(elf[52:], 64)
	le.PutUint16(elf[54:], 56)
	le.PutUint16(elf[56:], 1)
	le.PutUint32(elf[64:], 3) // PT_INTERP
	le.PutUint64(elf[72:], 120)
	le.PutUint64(elf[96:], uint64(len(loader)))
	return append(elf, loader...)
}

// machine is e_machine of this program itself.
func machine() []byte {
	head := make([]byte, 20)
	if f, err := os.Open("/proc/self/exe"); err == nil {
		_, _ = f.Read(head)
		f.Close()
	}
	return head[18:20]
}
