// Command secret-file reads a token from the file that TOKEN_FILE names.
//
// Seen: "no such file or directory" for a file that is there, and that the same
// program reads outside.
//
// Kernel: open(2) is ENOENT: the path is looked up in the mount namespace of the
// process, below its own root (path_resolution(7)).
//
// Remedy: --ro FILE shows it. Under a subordinate id it must be readable by others.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	name := os.Getenv("TOKEN_FILE")
	if name == "" {
		name = "/run/secrets/token"
	}
	fd, err := unix.Open(name, unix.O_RDONLY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open", name+":", err)
		os.Exit(1)
	}
	_ = unix.Close(fd)
	fmt.Println("has its token")
}
