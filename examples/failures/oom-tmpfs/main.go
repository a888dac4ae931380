// Command oom-tmpfs needs little memory, and writes 60 MiB into /tmp.
//
// Seen: a container is killed for memory although the processes in it have
// hardly any, and again at once after each restart.
// https://github.com/kubernetes/kubernetes/issues/128339
//
// Kernel: files of a tmpfs (/tmp, /dev/shm, an emptyDir of medium Memory) are
// memory of the cgroup that wrote them, shmem in memory.stat, and without swap
// nothing of it can be reclaimed: SIGKILL. No process's RSS shows it, and no
// rlimit counts it (tmpfs(5)).
//
// Remedy: --memory with room for the files, or the files on a disk (--rw DIR).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	file, err := os.CreateTemp("/tmp", "failures")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Remove(file.Name()) // it is there until it is closed
	fd := int(file.Fd())
	block := make([]byte, 1<<20)
	for i := range 60 {
		if _, err := unix.Write(fd, block); err != nil {
			fmt.Fprintf(os.Stderr, "write after %d MiB: %v\n", i, err)
			os.Exit(1)
		}
	}
	fmt.Println("wrote 60 MiB into /tmp")
}
