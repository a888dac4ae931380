// Command docker-socket connects to the daemon of the host's containers, as test
// suites with containers and CI's agents do. With a socket's name and a command it
// is a daemon, while that runs.
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
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	name := "/var/run/docker.sock"
	if host, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		name = host
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	fail("socket", err)
	if len(os.Args) == 1 {
		fail("connect "+name, unix.Connect(fd, &unix.SockaddrUnix{Name: name}))
		fmt.Println("connected to", name)
		return
	}
	fail("bind", unix.Bind(fd, &unix.SockaddrUnix{Name: os.Args[1]}))
	fail("listen", unix.Listen(fd, 1))
	fail("chmod", os.Chmod(os.Args[1], 0o666))
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run()
	_ = os.Remove(os.Args[1])
	os.Exit(cmd.ProcessState.ExitCode())
}

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}
