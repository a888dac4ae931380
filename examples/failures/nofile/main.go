// Command nofile opens files and closes none.
//
// Seen: "Too many open files" from a server under load, or from a database that
// wants 65536 and got 1024.
//
// Kernel: open(2) is EMFILE at RLIMIT_NOFILE of the process (getrlimit(2)).
// ENFILE would be the system's limit.
//
// Remedy: nofile in [limits] of a profile, up to the caller's hard limit
// (ulimit -Hn); or close them.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	for range 2048 {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
		if err != nil {
			fmt.Fprintln(os.Stderr, "open /dev/null:", err)
			os.Exit(1)
		}
		if fd == 1023 {
			fmt.Println("descriptor 1023 is open")
		}
	}
	fmt.Println("2048 files are open")
}
