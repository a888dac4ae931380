// Command connect-none asks the kernel for a way to 192.0.2.1, an address for
// documentation. It sends nothing.
//
// Seen: "Network is unreachable", "dial tcp ...: connect: network is unreachable"
// from whatever fetches, reports or updates itself.
//
// Kernel: connect(2) is ENETUNREACH: the network namespace has a loopback
// interface and no route to anywhere else (network_namespaces(7)).
//
// Remedy: --net host, with what it reaches; or fetch first and run without a
// network after (npm ci, go mod download).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "socket:", err)
		os.Exit(1)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 443, Addr: [4]byte{192, 0, 2, 1}}); err != nil {
		fmt.Fprintln(os.Stderr, "connect 192.0.2.1:443:", err)
		os.Exit(1)
	}
	fmt.Println("there is a route to 192.0.2.1")
}
