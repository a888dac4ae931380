// Command inotify watches files with an instance for each, as editors, bundlers
// and `tail -f` do.
//
// Seen: "Too many open files" or "Failed to allocate directory watch" with few
// files open; "tail: inotify cannot be used, reverting to polling".
// https://github.com/systemd/systemd/issues/17992
//
// Kernel: inotify_init1(2) is EMFILE: user.max_inotify_instances of the user
// namespace, 64 under strict, or fs.inotify.max_user_instances. Not RLIMIT_NOFILE.
//
// Remedy: inotify-instances in [limits] of a profile; -p build has no limit of its
// own.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	for i := range 100 {
		if _, err := unix.InotifyInit1(0); err != nil {
			fmt.Fprintf(os.Stderr, "inotify_init1, the %dth: %v\n", i+1, err)
			os.Exit(1)
		}
	}
	fmt.Println("100 inotify instances")
}
