// Command oom-anonymous touches 96 MiB of memory, a page at a time.
//
// Seen: exit status 137 and nothing in the log; or, where the limit is an
// rlimit, "cannot allocate memory" while the machine has gigabytes.
//
// Kernel: a page fault goes over memory.max of the cgroup, nothing can be
// reclaimed, and the kernel sends SIGKILL (cgroup v2: memory.events has
// oom_kill). Without a cgroup mmap(2) is ENOMEM at RLIMIT_DATA (getrlimit(2)).
//
// Remedy: --memory with what it needs; the report says how much it had.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const size = 96 << 20

func main() {
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mmap 96 MiB:", err)
		os.Exit(1)
	}
	for i := 0; i < size; i += 4096 {
		memory[i] = 1
	}
	fmt.Println("touched 96 MiB")
}
