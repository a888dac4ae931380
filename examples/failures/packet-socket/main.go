// Command packet-socket opens the socket by which tcpdump, arping and DHCP clients
// see frames.
//
// Seen: "socket: Address family not supported by protocol", as if the kernel had
// been built without it; on other runtimes "You don't have permission to capture".
//
// Kernel: socket(AF_PACKET, ...) is EAFNOSUPPORT by the filter, which answers as a
// kernel without the family does, also to whoever has CAP_NET_RAW (packet(7)
// wants that).
//
// Remedy: capture on the host, in the network namespace of the jail's
// (nsenter -t PID -n tcpdump).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "socket(AF_PACKET, SOCK_RAW, 0):", err)
		os.Exit(1)
	}
	fmt.Println("captures frames")
	_ = unix.Close(fd)
}
