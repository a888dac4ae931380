// Command chown-unmapped gives a file to the user of a web server, as an archive or an
// entry point's script does.
//
// Seen: "lchown /etc/shadow: invalid argument" from a rootless build, "potentially
// insufficient UIDs or GIDs available in user namespace".
// https://github.com/podman-container-tools/podman/issues/8592
//
// Kernel: chown(2) is EINVAL, and not EPERM, for an id that the user namespace
// does not map: there is no number that could be written (user_namespaces(7)).
//
// Remedy: keep the owner (tar --no-same-owner), or have the ids mapped, which
// procjail does for one user only.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	file, err := os.CreateTemp("", "chown")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.Remove(file.Name())
	if err := unix.Fchown(int(file.Fd()), 33, 33); err != nil {
		fmt.Fprintln(os.Stderr, "fchown to 33:33:", err)
		_ = os.Remove(file.Name())
		os.Exit(1)
	}
	fmt.Println("the file is www-data's")
}
