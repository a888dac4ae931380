// Command io-uring sets up a ring, as databases, QEMU and asynchronous runtimes do
// when they start.
//
// Seen: "io_uring_queue_init: Operation not permitted", "failed to init linux
// io_uring ring"; programs with a fallback are slower and silent.
// https://github.com/moby/moby/issues/39396
//
// Kernel: io_uring_setup(2) is EPERM by the filter, before the call itself could
// say EFAULT for a null pointer. kernel.io_uring_disabled says EPERM too.
//
// Remedy: switch it off in the program (UV_USE_IO_URING=0, innodb_use_native_aio);
// or a policy of one's own that includes strict and allows the three calls.
package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	var params [120]byte // struct io_uring_params
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "io_uring_setup(1, &params):", errno)
		_, _, errno = unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
		fmt.Fprintln(os.Stderr, "io_uring_setup(1, NULL):", errno)
		os.Exit(1)
	}
	fmt.Println("has a ring")
	_ = unix.Close(int(fd))
}
