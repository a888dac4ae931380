// Command mbind says on which memory its pages are to lie, as databases do.
//
// Seen: "mbind: Operation not permitted" in the log of MySQL, once a second, which
// works all the same.
// https://github.com/docker-library/mysql/issues/303
//
// Kernel: mbind(2) is EPERM by the filter, before the call itself could say EINVAL
// for a policy that there is not.
//
// Remedy: none is needed: it is a hint for machines with more than one node of
// memory. --seccomp default allows it.
package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mmap:", err)
		os.Exit(1)
	}
	const mpolDefault = 0
	_, _, errno := unix.Syscall6(unix.SYS_MBIND, uintptr(unsafe.Pointer(&memory[0])), 4096, mpolDefault, 0, 0, 0)
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "mbind(MPOL_DEFAULT):", errno)
		_, _, errno = unix.Syscall6(unix.SYS_MBIND, uintptr(unsafe.Pointer(&memory[0])), 4096, 99, 0, 0, 0)
		fmt.Fprintln(os.Stderr, "mbind(a policy that there is not):", errno)
		os.Exit(1)
	}
	fmt.Println("bound a page")
}
