// Command i386 runs a program of 32 bits, which removes itself and exits with 32.
//
// Seen: "Bad system call", exit status 159, from an old installer, a game or a
// licence daemon.
//
// Kernel: SIGSYS. A seccomp filter sees by which entry a call came
// (seccomp_data.arch, seccomp(2)), and this one kills for any but the native one:
// numbers mean other calls there.
//
// Remedy: a program of 64 bits. A policy of one's own may say
// foreign = "errno ENOSYS" in place of the kill, which helps few programs.
package main

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	name := os.TempDir() + "/i386.elf"
	if err := os.WriteFile(name, program(), 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	err := unix.Exec(name, []string{name}, nil)
	_ = os.Remove(name)
	fmt.Fprintln(os.Stderr, "execve", name+":", err)
	os.Exit(1)
}

// program is an ELF file for i386 of one segment: unlink itself, exit with 32.
func program() []byte {
	const base, entry = 0x08048000, 0x54
	code := []byte{
		0x8b, 0x5c, 0x24, 0x04, // mov ebx, [esp+4]: argv[0]
		0xb8, 10, 0, 0, 0, // mov eax, unlink
		0xcd, 0x80, // int 0x80
		0xb8, 1, 0, 0, 0, // mov eax, exit
		0xbb, 32, 0, 0, 0, // mov ebx, 32
		0xcd, 0x80,
	}
	elf := make([]byte, entry, entry+len(code))
	copy(elf, "\x7fELF\x01\x01\x01")
	le := binary.LittleEndian
	for at, v := range map[int]uint16{16: 2, 18: 3, 40: 52, 42: 32, 44: 1} { // ET_EXEC, EM_386, sizes
		le.PutUint16(elf[at:], v)
	}
	size := uint32(entry + len(code))
	for at, v := range map[int]uint32{20: 1, 24: base + entry, 28: 52, 52: 1, 60: base, 64: base, 68: size, 72: size, 76: 5, 80: 0x1000} {
		le.PutUint32(elf[at:], v)
	}
	return append(elf, code...)
}
