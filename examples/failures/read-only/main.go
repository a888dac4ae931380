// Command read-only installs something below /usr/local.
//
// Seen: "Read-only file system" from pip, npm -g or a program that writes its
// cache beside itself.
//
// Kernel: open(2) with O_CREAT is EROFS: the mount has the flag read-only, which
// comes before any permission (mount_setattr(2)). Without the mount it is EACCES.
//
// Remedy: install elsewhere (pip --user, npm --prefix, PYTHONDONTWRITEBYTECODE=1);
// --rw SOURCE:/usr/local shows a writable directory there.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	const name = "/usr/local/procjail-failures"
	fd, err := unix.Open(name, unix.O_CREAT|unix.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open", name+":", err)
		os.Exit(1)
	}
	fmt.Println("installed", name)
	_ = unix.Close(fd)
	_ = unix.Unlink(name)
}
