// Command owner-nobody trusts a directory only if root owns it, as ssh, sudo and
// git trust theirs.
//
// Seen: "Bad owner or permissions on ~/.ssh/config", "detected dubious ownership
// in repository", ls -l says nobody.
// https://github.com/awslabs/aws-crt-nodejs/pull/365
//
// Kernel: stat(2) says 65534, kernel.overflowuid, for every owner whom the user
// namespace does not map: here all of the host's but the caller. Nobody inside
// is that user (user_namespaces(7)).
//
// Remedy: tell the program (git safe.directory), or show the files of one's own
// under one's own id (--id self).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	var stat unix.Stat_t
	if err := unix.Stat("/usr", &stat); err != nil {
		fmt.Fprintln(os.Stderr, "stat /usr:", err)
		os.Exit(1)
	}
	if stat.Uid != 0 {
		fmt.Fprintf(os.Stderr, "/usr is owned by uid %d, not by root\n", stat.Uid)
		os.Exit(1)
	}
	fmt.Println("/usr is root's")
}
