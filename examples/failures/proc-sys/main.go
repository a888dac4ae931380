// Command proc-sys tunes the kernel, as the entry point of a database does.
//
// Seen: "sysctl: setting key "vm.max_map_count": Read-only file system", "error
// writing /proc/self/oom_score_adj" from sshd and systemd.
// https://github.com/spujadas/elk-docker/issues/99
//
// Kernel: open(2) for writing is EROFS where the process might write, since /proc
// is mounted read-only; and EACCES for what only root of the host may write.
//
// Remedy: set it on the host. -p build has a /proc that can be written, as far as
// the kernel lets a process without capabilities.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	failed := false
	for _, name := range []string{"/proc/sys/vm/max_map_count", "/proc/self/oom_score_adj"} {
		fd, err := unix.Open(name, unix.O_WRONLY, 0)
		if err != nil {
			fmt.Fprintln(os.Stderr, "open", name+":", err)
			failed = true
			continue
		}
		fmt.Println("could write", name)
		_ = unix.Close(fd)
	}
	if failed {
		os.Exit(1)
	}
}
