// Command docker-socket connects to the daemon of the host's containers, as test
// suites with containers and CI's agents do.
//
// Seen: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is
// the docker daemon running?", while it runs.
//
// Kernel: connect(2) is ENOENT: the name of a socket is a path in the mount
// namespace (unix(7)).
//
// Remedy: none that keeps the promise: who may talk to that daemon is root on the
// host. --ro SOCKET shows one that is harmless.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	name := "/var/run/docker.sock"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "socket:", err)
		os.Exit(1)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		fmt.Fprintln(os.Stderr, "connect", name+":", err)
		os.Exit(1)
	}
	fmt.Println("connected to", name)
}
