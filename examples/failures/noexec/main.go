// Command noexec mounts a tmpfs with noexec, as a hardened /tmp is, puts a program
// there and runs it.
//
// Seen: "Permission denied" from an installer or a JNI library that unpacks into
// /tmp, though the file is -rwxr-xr-x and its owner is the caller.
//
// Kernel: execve(2) is EACCES on a mount with MS_NOEXEC, and so is mmap(2) with
// PROT_EXEC.
//
// Remedy: TMPDIR (-Djava.io.tmpdir) in a place without it: the file systems in
// memory of a jail have no noexec.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) == 1 { // again, in a mount namespace of its own
		cmd := exec.Command("/proc/self/exe", "inside")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			fmt.Fprintln(os.Stderr, "clone(CLONE_NEWUSER):", err)
		}
		os.Exit(cmd.ProcessState.ExitCode())
	}
	if err := unix.Mount("none", "/tmp", "tmpfs", unix.MS_NOEXEC, "size=1M"); err != nil {
		fmt.Fprintln(os.Stderr, "mount /tmp:", err)
		os.Exit(1)
	}
	const name = "/tmp/installer"
	if err := os.WriteFile(name, []byte("#!/bin/sh\necho installed\n"), 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "execve", name+":", unix.Exec(name, []string{name}, nil))
	os.Exit(1)
}
