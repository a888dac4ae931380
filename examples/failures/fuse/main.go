// Command fuse opens the device by which file systems of ordinary users are made.
//
// Seen: "fuse: device not found, try 'modprobe fuse' first" from an AppImage or
// sshfs, while the module is loaded.
//
// Kernel: open(2) is ENOENT: the jail's /dev has six nodes, and this is none of
// them. /dev/kvm, /dev/net/tun and /dev/dri are missing in the same way.
//
// Remedy: do without (--appimage-extract-and-run). --ro /dev/fuse would show the
// name, on a mount without devices: EACCES.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open /dev/fuse:", err)
		os.Exit(1)
	}
	fmt.Println("opened /dev/fuse")
	_ = unix.Close(fd)
}
