// Command home makes its cache below HOME.
//
// Seen: "mkdir /root/.cache: permission denied", "EACCES: permission denied,
// mkdir '/.npm'", from an image that was made for another user than it runs as.
//
// Kernel: mkdir(2) is ENOENT, EACCES or EROFS: HOME is a variable like any other,
// and the kernel makes no directory for it.
//
// Remedy: leave HOME to the profile, whose home is an empty tmpfs of the payload's
// own, or point XDG_CACHE_HOME to a place that is writable.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	dir := os.Getenv("HOME") + "/.procjail-failures"
	if err := unix.Mkdir(dir, 0o700); err != nil {
		fmt.Fprintln(os.Stderr, "mkdir", dir+":", err)
		os.Exit(1)
	}
	fmt.Println("made", dir)
	_ = unix.Rmdir(dir)
}
