// Command no-shebang runs a script without a first line that says by what. With a
// FILE it only writes that script.
//
// Seen: "exec format error" from an entry point that a shell runs without
// complaint.
//
// Kernel: execve(2) is ENOEXEC: the file begins with neither "#!" nor a format
// that the kernel knows. Shells then read it themselves (execvp(3)); a container's
// runtime does not.
//
// Remedy: #!/bin/sh in the first line, with nothing before it, no byte order mark.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	name := os.TempDir() + "/no-shebang.sh"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if err := os.WriteFile(name, []byte("echo started\n"), 0o755); err != nil {
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
