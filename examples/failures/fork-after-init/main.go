// Command fork-after-init makes a PID namespace and starts two commands in it,
// one after the other, as `unshare --pid` without --fork does.
//
// Seen: "bash: fork: Cannot allocate memory" at the second command, with
// gigabytes free.
//
// Kernel: fork(2) is ENOMEM: the first process in a PID namespace is its init,
// and when that has ended no other can be made in it (pid_namespaces(7);
// kernel/pid.c:alloc_pid, PIDNS_ADDING).
//
// Remedy: keep the first process, as `unshare --pid --fork` does.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) == 1 { // again, as root of a user namespace
		cmd := exec.Command("/proc/self/exe", "inside")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		}
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			fmt.Fprintln(os.Stderr, "clone(CLONE_NEWUSER):", err)
		}
		os.Exit(cmd.ProcessState.ExitCode())
	}
	runtime.LockOSThread() // the namespace is for this thread's children
	if err := unix.Unshare(unix.CLONE_NEWPID); err != nil {
		fmt.Fprintln(os.Stderr, "unshare(CLONE_NEWPID):", err)
		os.Exit(1)
	}
	for _, command := range []string{"first", "second"} {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if pid == 0 && errno == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		if errno != 0 {
			fmt.Fprintf(os.Stderr, "%s command: fork: %v\n", command, errno)
			os.Exit(1)
		}
		_, _ = unix.Wait4(int(pid), nil, 0, nil)
		fmt.Println(command, "command has ended")
	}
}
