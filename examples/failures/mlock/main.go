// Command mlock keeps 1 MiB from being swapped, as databases do for speed and
// vaults for secrecy.
//
// Seen: "Unable to lock JVM Memory: error=12, reason=Cannot allocate memory",
// "memory locking requested for elasticsearch process but memory is not locked".
// https://github.com/pires/docker-elasticsearch/issues/7
//
// Kernel: mlock(2) is ENOMEM over RLIMIT_MEMLOCK, which a jail inherits, and
// EPERM where that is 0 and there is no CAP_IPC_LOCK. No memory is short.
//
// Remedy: ulimit -l before procjail, or do without: the profile gives no swap.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	memory, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mmap:", err)
		os.Exit(1)
	}
	if err := unix.Mlock(memory); err != nil {
		fmt.Fprintln(os.Stderr, "mlock:", err)
		os.Exit(1)
	}
	fmt.Println("locked 1 MiB")
}
