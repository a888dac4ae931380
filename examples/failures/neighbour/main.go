// Command neighbour reads its configuration from beside itself, as programs do
// that are unpacked and run in place.
//
// Seen: "cannot find config.json", "libfoo.so: cannot open shared object file",
// ModuleNotFoundError, from a program that was started by its own path.
//
// Kernel: open(2) is ENOENT: the file was bound alone to its place, and the
// directory around it is an empty one of the jail's.
//
// Remedy: show the directory too: --ro DIR.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func main() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	name := filepath.Join(filepath.Dir(self), "config.json")
	if _, err := unix.Open(name, unix.O_RDONLY, 0); err != nil {
		fmt.Fprintln(os.Stderr, "open", name+":", err)
		os.Exit(1)
	}
	fmt.Println("read", name)
}
