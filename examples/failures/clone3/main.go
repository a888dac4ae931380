// Command clone3 starts a child by clone3(2). With "libc" it does so as libc does,
// and goes back to clone(2) where the kernel has no clone3. With "old-filter" it
// does that behind a filter as runtimes had them before they knew the call.
//
// Seen: "clone3 not implemented" from a program that calls it by itself; or, on an
// old runtime, "pthread_create: Operation not permitted" from everything in an
// image whose libc was updated.
// https://github.com/ocaml-multicore/eio/issues/514
//
// Kernel: clone3(2) is what the filter says. Its flags are in memory, where no
// filter can look, so filters refuse it whole: libc goes back to clone(2) on
// ENOSYS, and on EPERM it gives up.
//
// Remedy: a runtime whose filter says ENOSYS, as procjail's does. A program that
// calls clone3 itself has to fall back.
package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	libc := len(os.Args) > 1
	if libc && os.Args[1] == "old-filter" {
		install()
	}
	args := [8]uint64{4: uint64(unix.SIGCHLD)} // struct clone_args, first version
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), 64, 0)
	if errno == unix.ENOSYS && libc {
		fmt.Println("clone3:", errno)
		fmt.Println("goes back to clone")
		pid, _, errno = unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	}
	if pid == 0 && errno == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "clone3:", errno)
		os.Exit(1)
	}
	_, _ = unix.Wait4(int(pid), nil, 0, nil)
	fmt.Println("a child has run")
}

// install adds a filter that answers clone3 by EPERM: seccomp(2), where of two
// filters that say an errno the later one counts.
func install() {
	runtime.LockOSThread()
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_CLONE3},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "seccomp:", errno)
		os.Exit(1)
	}
}
