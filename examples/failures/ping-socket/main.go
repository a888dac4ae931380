// Command ping-socket opens the two kinds of socket that ping(8) tries.
//
// Seen: "ping: socket: Operation not permitted", "missing cap_net_raw+p capability
// or setuid?"
// https://github.com/mcdonc/klangk/issues/2045
//
// Kernel: socket(2) with SOCK_DGRAM and IPPROTO_ICMP is EACCES, since
// net.ipv4.ping_group_range of a new network namespace has no group in it
// (icmp(7)); with SOCK_RAW it is EPERM without CAP_NET_RAW (raw(7)).
//
// Remedy: ask by another protocol (nc -z, curl); --cap-add CAP_NET_RAW gives the
// second kind.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	for _, kind := range []struct {
		name  string
		value int
	}{{"SOCK_DGRAM", unix.SOCK_DGRAM}, {"SOCK_RAW", unix.SOCK_RAW}} {
		fd, err := unix.Socket(unix.AF_INET, kind.value, unix.IPPROTO_ICMP)
		if err == nil {
			fmt.Printf("socket(AF_INET, %s, IPPROTO_ICMP) is open\n", kind.name)
			_ = unix.Close(fd)
			return
		}
		fmt.Fprintf(os.Stderr, "socket(AF_INET, %s, IPPROTO_ICMP): %v\n", kind.name, err)
	}
	os.Exit(1)
}
