// Command umount-busy takes a volume away while a process has a file open on it.
//
// Seen: "device or resource busy" when a container or a pod is removed, which
// then stays in "Terminating".
//
// Kernel: umount2(2) is EBUSY while there is an open file, a working directory, a
// mapped file or another mount on it (/proc/PID/fd and cwd show whose).
//
// Remedy: end that process first; MNT_DETACH hides the mount, and it goes when
// the last user does. A mount namespace of its own does both when it ends.
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
	if err := unix.Mount("none", "/tmp", "tmpfs", 0, "size=1M"); err != nil {
		fmt.Fprintln(os.Stderr, "mount /tmp:", err)
		os.Exit(1)
	}
	fd, err := unix.Open("/tmp/log", unix.O_CREAT|unix.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open:", err)
		os.Exit(1)
	}
	if err := unix.Unmount("/tmp", 0); err != nil {
		fmt.Fprintln(os.Stderr, "umount /tmp:", err)
		target, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		fmt.Fprintln(os.Stderr, "open on it:", target)
		fmt.Fprintln(os.Stderr, "taken away by MNT_DETACH:", unix.Unmount("/tmp", unix.MNT_DETACH) == nil)
		os.Exit(1)
	}
}
