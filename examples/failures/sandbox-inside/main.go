// Command sandbox-inside starts a child in a user namespace, as the sandboxes of
// Chrome, bubblewrap, nix and bazel do, and procjail itself.
//
// Seen: "Failed to move to new namespace: ... Operation not permitted", "No usable
// sandbox!", "bwrap: No permissions to create new namespace".
// https://github.com/jessfraz/dockerfiles/issues/65
//
// Kernel: clone(2) with CLONE_NEWUSER is EPERM by the filter, which reads the
// flags, before the call itself could say EINVAL for two that do not go together.
// Where a filter allows it, it is ENOSPC at user.max_user_namespaces, which strict
// sets to 0 (namespaces(7)); no disk is full.
//
// Remedy: -p build, which lets jails nest. Without its own sandbox (--no-sandbox) a
// browser still has procjail's around it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	child := exec.Command("true")
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
	}
	if err := child.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "clone(CLONE_NEWUSER):", err)
		_, _, errno := unix.RawSyscall(unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_FS, 0, 0)
		fmt.Fprintln(os.Stderr, "clone(CLONE_NEWUSER|CLONE_FS):", errno)
		os.Exit(1)
	}
	fmt.Println("ran a child in a user namespace")
}
