// Command tmpfs-full unpacks 96 MiB into /tmp.
//
// Seen: "No space left on device" while df of the host shows terabytes.
//
// Kernel: write(2) is ENOSPC: the tmpfs has the size that it was mounted with
// (tmpfs(5)), 64 MiB under strict.
//
// Remedy: --tmpfs /tmp:1G, within --memory, or TMPDIR in a directory of --rw.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	file, err := os.CreateTemp("/tmp", "failures")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Remove(file.Name()) // it is there until it is closed
	fd := int(file.Fd())
	block := make([]byte, 1<<20)
	for i := range 96 {
		if n, err := unix.Write(fd, block); err != nil || n < len(block) {
			if err == nil {
				_, err = unix.Write(fd, block) // what came short says why at the next
			}
			fmt.Fprintf(os.Stderr, "write after %d MiB: %v\n", i, err)
			os.Exit(1)
		}
	}
	fmt.Println("wrote 96 MiB into /tmp")
}
