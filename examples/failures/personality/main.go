// Command personality switches address space randomisation off for itself, as gdb
// does for what it runs, and setarch -R.
//
// Seen: "warning: Error disabling address space randomization: Operation not
// permitted", "setarch: failed to set personality".
// https://github.com/skysider/pwndocker/issues/18
//
// Kernel: personality(2) with ADDR_NO_RANDOMIZE is EPERM by the filter, which lets
// only the harmless values through.
//
// Remedy: in gdb "set disable-randomization off".
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	const noRandomize = 0x0040000 // ADDR_NO_RANDOMIZE
	if _, _, errno := unix.Syscall(unix.SYS_PERSONALITY, noRandomize, 0, 0); errno != 0 {
		fmt.Fprintln(os.Stderr, "personality(ADDR_NO_RANDOMIZE):", errno)
		os.Exit(1)
	}
	fmt.Println("switched randomisation off for itself")
}
