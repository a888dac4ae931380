// Command bind-80 is a web server that wants port 80.
//
// Seen: "bind() to 0.0.0.0:80 failed (13: Permission denied)" from an image that
// no longer runs as root.
// https://github.com/frappe/frappe_docker/issues/575
//
// Kernel: bind(2) is EACCES below net.ipv4.ip_unprivileged_port_start, 1024 in a
// new network namespace, without CAP_NET_BIND_SERVICE in the user namespace that
// owns it (ip(7)).
//
// Remedy: listen on 8080, or --cap-add CAP_NET_BIND_SERVICE.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "socket:", err)
		os.Exit(1)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 80}); err != nil {
		fmt.Fprintln(os.Stderr, "bind 0.0.0.0:80:", err)
		os.Exit(1)
	}
	fmt.Println("has port 80")
}
