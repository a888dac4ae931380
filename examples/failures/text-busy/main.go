// Command text-busy writes a program and runs it before it has closed it.
//
// Seen: "text file busy", once in a thousand runs of a build or a test, from
// whatever runs what it has just written: another thread's fork(2) has kept the
// descriptor for a moment.
// https://github.com/golang/go/issues/22315
//
// Kernel: execve(2) is ETXTBSY while somebody has the file open for writing.
//
// Remedy: close it, wait a little and try again; or write it by another process
// (cp).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	name := os.TempDir() + "/text-busy.sh"
	fd, err := unix.Open(name, unix.O_CREAT|unix.O_WRONLY, 0o755)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open", name+":", err)
		os.Exit(1)
	}
	_, _ = unix.Write(fd, []byte("#!/bin/sh\nrm \"$0\"\necho ran\n"))
	if err := unix.Exec(name, []string{name}, []string{"PATH=/usr/bin:/bin"}); err != nil {
		fmt.Fprintln(os.Stderr, "execve", name+":", err)
	}
	_ = os.Remove(name)
	os.Exit(1)
}
