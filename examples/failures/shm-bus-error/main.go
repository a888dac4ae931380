// Command shm-bus-error makes a shared memory of 96 MiB, as databases, browsers
// and loaders of training data do, and writes to it.
//
// Seen: "Bus error (core dumped)", exit status 135, a browser's tab that
// crashes. "This might be caused by insufficient shared memory (shm)."
// https://github.com/pytorch/pytorch/issues/2244
//
// Kernel: ftruncate(2) and mmap(2) succeed, since nothing is taken yet; the page
// for which the tmpfs of /dev/shm has no room is SIGBUS (mmap(2), tmpfs(5)).
//
// Remedy: --tmpfs /dev/shm:1G; in the program posix_fallocate(3), which says
// ENOSPC in time.
package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const size = 96 << 20

func main() {
	file, err := os.CreateTemp("/dev/shm", "failures")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Remove(file.Name()) // it is there until it is closed
	fd := int(file.Fd())
	if err := unix.Ftruncate(fd, size); err != nil {
		fmt.Fprintln(os.Stderr, "ftruncate:", err)
		os.Exit(1)
	}
	memory, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mmap:", err)
		os.Exit(1)
	}
	// A program without Go's handlers is what this stands for.
	var action [4]uint64
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGBUS), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	for i := 0; i < size; i += 4096 {
		memory[i] = 1
	}
	fmt.Println("wrote 96 MiB of shared memory")
}
