// Command mount-leak mounts a volume in a mount namespace of its own, and looks
// whether the namespace around that sees it.
//
// Seen: mounts of containers pile up on the host, one for each start; a removal
// fails with "device or resource busy" since a daemon in another namespace holds
// a copy.
//
// Kernel: a mount in a peer group ("shared:N" in mountinfo) propagates to all of
// its peers: a new mount namespace copies the mounts as they are, and systemd has
// made "/" shared (mount_namespaces(7)).
//
// Remedy: mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL) before the first mount, as
// unshare(1) does. A jail's mounts are born private.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	switch {
	case len(os.Args) == 1: // the host of this play is a namespace of its own
		again("host", &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		})
	case os.Args[1] == "host":
		propagation := unix.MS_REC | unix.MS_SHARED // as systemd has it
		if os.Getenv("PROPAGATION") == "private" {
			propagation = unix.MS_REC | unix.MS_PRIVATE
		}
		check("propagation of /", unix.Mount("", "/", "", uintptr(propagation), ""))
		again("container", &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS})
		text, err := os.ReadFile("/proc/self/mountinfo")
		check("mountinfo", err)
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); f[4] == "/tmp" && strings.HasSuffix(line, " volume rw\n") || strings.Contains(line, " - tmpfs volume ") {
				fmt.Fprintln(os.Stderr, "the container's volume is mounted outside of it, on", f[4])
				fmt.Fprintln(os.Stderr, "its field in mountinfo begins with shared:", strings.HasPrefix(f[6], "shared:"))
				os.Exit(1)
			}
		}
		fmt.Println("the container's volume is its own")
	default:
		check("mount /tmp", unix.Mount("volume", "/tmp", "tmpfs", 0, "size=1M"))
	}
}

func again(as string, attr *syscall.SysProcAttr) {
	cmd := exec.Command("/proc/self/exe", as)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdout, os.Stderr, attr
	if err := cmd.Run(); cmd.ProcessState == nil {
		check("clone", err)
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		os.Exit(code)
	}
}

func check(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}
