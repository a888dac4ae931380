// Command rename-overlay renames a directory that was there before it.
//
// Seen: npm fails with "EXDEV: cross-device link not permitted, rename" within
// one directory of an image.
// https://github.com/moby/moby/issues/25409
//
// Kernel: rename(2) of a directory that comes from the lower layer of an overlay
// is EXDEV, unless the overlay is mounted with redirect_dir, which an ordinary
// user may not (Documentation/filesystems/overlayfs.rst, "Renaming directories").
//
// Remedy: copy and delete as mv(1) does, or --rw in place of --overlay.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rename-overlay DIRECTORY")
		os.Exit(1)
	}
	from, to := os.Args[1], os.Args[1]+".old"
	if err := unix.Rename(from, to); err != nil {
		fmt.Fprintf(os.Stderr, "rename %s to %s: %v\n", from, to, err)
		os.Exit(1)
	}
	fmt.Println("renamed", from, "to", to)
}
