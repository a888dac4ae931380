// Command pidfile is a server that leaves its number in a file, and does not
// start while a process has that number.
//
// Seen: after a crash the container never starts again: "A server is already
// running. Check tmp/pids/server.pid."
// https://github.com/cyberark/conjur/issues/2381
//
// Kernel: kill(2) with signal 0 succeeds: it finds the asker itself. Numbers
// begin anew in each PID namespace, so a server has the same one every time,
// while the file is in a directory that lasts.
//
// Remedy: keep the file where it ends with the jail (/tmp, /run), or lock it by
// flock(2), which the kernel undoes.
package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func main() {
	const name = "server.pid"
	text, err := os.ReadFile(name)
	pid, _ := strconv.Atoi(string(text))
	if err == nil && pid > 0 && unix.Kill(pid, 0) == nil {
		fmt.Fprintf(os.Stderr, "a server is already running, check %s\n", name)
		fmt.Fprintln(os.Stderr, "its number is this process's own:", pid == os.Getpid())
		os.Exit(1)
	}
	if err := os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("served, and crashed")
}
