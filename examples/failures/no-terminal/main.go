// Command no-terminal asks for a password, as ssh, sudo, gpg and git do, on the
// terminal and not on standard input.
//
// Seen: "cannot open /dev/tty: No such device or address" in CI, though the file
// is there.
//
// Kernel: open(2) is ENXIO: /dev/tty stands for the controlling terminal, and the
// session of the process has none (tty(4)).
//
// Remedy: procjail gives a terminal where the caller has one, or by --tty always;
// better is to ask nothing (ssh -o BatchMode=yes, GIT_TERMINAL_PROMPT=0).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open /dev/tty:", err)
		os.Exit(1)
	}
	fmt.Println("there is a terminal to ask on")
	_ = unix.Close(fd)
}
