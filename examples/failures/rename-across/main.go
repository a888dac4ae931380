// Command rename-across writes a file in /tmp and moves it to its place at home.
//
// Seen: "Invalid cross-device link", os.rename and fs.rename fail with EXDEV,
// where on the host both directories are on one disk.
//
// Kernel: rename(2) is EXDEV between two mounts, also of one file system.
//
// Remedy: write the temporary file beside the target, or copy and delete as mv(1)
// does.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	from, to := "/tmp/rename-across.new", os.Getenv("HOME")+"/rename-across"
	if err := os.WriteFile(from, []byte("settings\n"), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := unix.Rename(from, to); err != nil {
		fmt.Fprintf(os.Stderr, "rename %s to %s: %v\n", from, to, err)
		_ = os.Remove(from)
		os.Exit(1)
	}
	fmt.Println("saved", to)
	_ = os.Remove(to)
}
