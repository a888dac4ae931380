// Command resolve-none looks for a name server as resolv.conf(5) says: in
// /etc/resolv.conf, and without one on this machine.
//
// Seen: "Temporary failure in name resolution", EAI_AGAIN, "lookup example.org on
// 127.0.0.1:53: connection refused": it sounds like a fault of the network that
// will pass.
//
// Kernel: open(2) of /etc/resolv.conf is ENOENT, and what is sent to port 53 of
// the loopback interface is ECONNREFUSED: nobody listens in this network
// namespace.
//
// Remedy: --net host, which shows the host's resolv.conf too. /etc/hosts is there
// for names that are known.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	if _, err := unix.Open("/etc/resolv.conf", unix.O_RDONLY, 0); err == nil {
		fmt.Println("/etc/resolv.conf names the servers to ask")
		return
	} else {
		fmt.Fprintln(os.Stderr, "open /etc/resolv.conf:", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		_, err = unix.Write(fd, make([]byte, 12))
	}
	if err == nil {
		_, err = unix.Read(fd, make([]byte, 12))
	}
	fmt.Fprintln(os.Stderr, "ask 127.0.0.1:53:", err)
	os.Exit(1)
}
