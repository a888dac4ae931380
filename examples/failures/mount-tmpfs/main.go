// Command mount-tmpfs mounts a tmpfs on /tmp, as root of a container is used to.
//
// Seen: "mount: /mnt: permission denied", "failed to mount overlay: operation not
// permitted" from docker in docker, buildah or a test that mounts.
//
// Kernel: mount(2) is EPERM by the filter, before the call itself could say EFAULT
// for a bad pointer. Without the filter it would be EPERM for want of
// CAP_SYS_ADMIN in the user namespace that owns the mount namespace.
//
// Remedy: --tmpfs DIR and --ro DIR mount before the start; -p build lets a program
// mount in a user namespace of its own.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Geteuid() == 0 {
		fmt.Fprintln(os.Stderr, "not as root, where it would cover /tmp")
		os.Exit(1)
	}
	if err := unix.Mount("none", "/tmp", "tmpfs", 0, ""); err != nil {
		fmt.Fprintln(os.Stderr, "mount(none, /tmp, tmpfs):", err)
		_, _, errno := unix.Syscall6(unix.SYS_MOUNT, 1, 1, 1, 0, 0, 0)
		fmt.Fprintln(os.Stderr, "mount(bad pointers):", errno)
		os.Exit(1)
	}
	fmt.Println("mounted a tmpfs on /tmp")
}
