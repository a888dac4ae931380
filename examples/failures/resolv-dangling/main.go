// Command resolv-dangling reads where the name servers are, from
// /etc/resolv.conf or the file that it is given.
//
// Seen: "Temporary failure in name resolution" in a container whose network is
// the host's, and where every address can be reached.
// https://github.com/containers/toolbox/issues/187
//
// Kernel: open(2) is ENOENT although the name is there: it is a symbolic link to
// /run/systemd/resolve, which the container has not got.
//
// Remedy: show what the link leads to. procjail does so by itself for its own
// /etc/resolv.conf under --net host.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	name := "/etc/resolv.conf"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if _, err := unix.Open(name, unix.O_RDONLY, 0); err != nil {
		fmt.Fprintln(os.Stderr, "open", name+":", err)
		if target, err := os.Readlink(name); err == nil {
			fmt.Fprintln(os.Stderr, "readlink", name+":", target)
		}
		os.Exit(1)
	}
	fmt.Println("read", name)
}
