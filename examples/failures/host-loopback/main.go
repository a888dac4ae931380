// Command host-loopback connects to PORT of 127.0.0.1. With a COMMAND it listens
// there itself, and runs the command meanwhile.
//
// Seen: "connection refused" for a database on localhost that runs, and that the
// same program reaches outside.
//
// Kernel: connect(2) is ECONNREFUSED: every network namespace has a loopback
// interface of its own, on which nobody listens here.
//
// Remedy: --net host, or a socket of AF_UNIX that is shown (--ro SOCKET).
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

func main() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	fail("socket", err)
	localhost := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if len(os.Args) == 1 {
		localhost.Port, _ = strconv.Atoi(os.Getenv("PORT"))
		fail("connect 127.0.0.1", unix.Connect(fd, localhost))
		fmt.Println("connected to 127.0.0.1")
		return
	}
	fail("bind", unix.Bind(fd, localhost))
	fail("listen", unix.Listen(fd, 1))
	name, err := unix.Getsockname(fd)
	fail("getsockname", err)
	if bound, ok := name.(*unix.SockaddrInet4); ok {
		fail("setenv", os.Setenv("PORT", strconv.Itoa(bound.Port)))
	}
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run()
	os.Exit(cmd.ProcessState.ExitCode())
}

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}
