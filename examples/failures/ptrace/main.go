// Command ptrace traces a child of its own, as strace and gdb do.
//
// Seen: "ptrace(PTRACE_TRACEME): Operation not permitted", "Could not trace the
// inferior process".
// https://github.com/sxs-collaboration/spectre/issues/2349
//
// Kernel: ptrace(2) is EPERM by the filter, before the call itself could say ESRCH
// for a process that there is not. Without a filter it is EPERM too where
// kernel.yama.ptrace_scope forbids it.
//
// Remedy: --seccomp default, which is strict with debuggers.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

func main() {
	child := exec.Command("sleep", "10")
	if err := child.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(child.Process.Pid), 0, 0, 0, 0)
	_, _, bad := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, 0, 0, 0, 0, 0)
	_ = child.Process.Kill()
	_ = child.Wait()
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "ptrace(PTRACE_SEIZE, a child):", errno)
		fmt.Fprintln(os.Stderr, "ptrace(PTRACE_SEIZE, nobody):", bad)
		os.Exit(1)
	}
	fmt.Println("traced a child")
}
