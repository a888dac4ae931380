// Command core-dump has a child that aborts, and looks for the core that it left.
//
// Seen: "Aborted" without "(core dumped)"; whoever is to find the fault has no
// core file, since the limit is 0 or the host's pattern names a program that does
// not exist inside.
//
// Kernel: wait(2) says that no core was made. RLIMIT_CORE is too small for it, or
// kernel.core_pattern, which is the host's for every container, has no place to
// write to (core(5)).
//
// Remedy: core in [limits] of a profile, and a core_pattern that is a plain name
// in a writable directory.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 1 { // the child
		var action [4]uint64
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGABRT), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
		_ = unix.Kill(os.Getpid(), unix.SIGABRT)
		select {}
	}
	cmd := exec.Command("/proc/self/exe", "child")
	_ = cmd.Run()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		fmt.Fprintln(os.Stderr, "getrlimit:", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "child: %v, core dumped: %v, RLIMIT_CORE %d\n", status.Signal(), status.CoreDump(), limit.Cur)
	if !status.CoreDump() {
		os.Exit(1)
	}
}
