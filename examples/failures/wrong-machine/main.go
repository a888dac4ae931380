// Command wrong-machine runs a program for another processor. With a FILE it only
// writes that program.
//
// Seen: "exec format error" after an image was built on a laptop with an ARM
// processor and started on a server, or the other way round.
//
// Kernel: execve(2) is ENOEXEC: e_machine in the ELF header is not this machine's,
// and binfmt_misc has no interpreter for it.
//
// Remedy: build for the machine (docker build --platform, GOARCH); file(1) says
// what a program is for.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	name := os.TempDir() + "/wrong-machine.elf"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	elf := make([]byte, 64)
	copy(elf, "\x7fELF\x02\x01\x01")
	elf[16] = 2                   // ET_EXEC
	elf[18], elf[19] = 0xfe, 0xca // a machine that nobody has made yet
	elf[20], elf[52], elf[54] = 1, 64, 56
	if err := os.WriteFile(name, elf, 0o755); err != nil {
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
