// Command crlf-script runs a script that was written on Windows. With a FILE it
// only writes that script.
//
// Seen: "exec /entrypoint.sh: no such file or directory" for a file that ls shows,
// from an image that was built on another machine.
// https://github.com/ericc-ch/copilot-api/issues/137
//
// Kernel: execve(2) is ENOENT: the interpreter is everything after "#!" up to the
// newline, and no file is named "/bin/sh\r".
//
// Remedy: dos2unix; in git, .gitattributes with "*.sh text eol=lf".
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	name := os.TempDir() + "/crlf-script.sh"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if err := os.WriteFile(name, []byte("#!/bin/sh\r\necho started\r\n"), 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) > 1 {
		return
	}
	err := unix.Exec(name, []string{name}, nil)
	_ = os.Remove(name)
	fmt.Fprintln(os.Stderr, "execve", name+":", err)
	os.Exit(1)
}
