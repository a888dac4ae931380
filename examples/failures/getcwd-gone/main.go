// Command getcwd-gone works in a directory that somebody removes.
//
// Seen: "shell-init: error retrieving current directory: getcwd: cannot access
// parent directories", "job-working-directory: could not get current directory",
// after a deployment has replaced the directory.
//
// Kernel: getcwd(2) is ENOENT: the directory has no name any more. It is there as
// long as somebody is in it, and nothing can be made in it.
//
// Remedy: chdir(2) anew, which finds what has the name now.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	dir, err := os.MkdirTemp("", "release")
	if err == nil {
		err = unix.Chdir(dir)
	}
	if err == nil {
		err = unix.Rmdir(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if _, err := unix.Getcwd(make([]byte, unix.PathMax)); err != nil {
		fmt.Fprintln(os.Stderr, "getcwd:", err)
		target, _ := os.Readlink("/proc/self/cwd")
		fmt.Fprintln(os.Stderr, "/proc/self/cwd is marked as deleted:", target == dir+" (deleted)")
		os.Exit(1)
	}
}
