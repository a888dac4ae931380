// Command setuid runs su(1), a program that is root by its set-user-ID bit, and
// looks as whom it ran.
//
// Seen: "sudo: effective uid is not 0", "The "no new privileges" flag is set", a
// ping that cannot open its socket though it has the bit or the capability.
// https://github.com/sudo-project/sudo/issues/129
//
// Kernel: execve(2) succeeds and ignores the bit: no_new_privs is set (prctl(2)),
// the mount has nosuid (mount(2)), and the owner has no number in the user
// namespace. File capabilities are ignored likewise.
//
// Remedy: none, that is what a jail is for. Prepare outside what needs root, or
// keep one capability (--cap-add).
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	const name = "/usr/bin/su"
	nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	fail("prctl(PR_GET_NO_NEW_PRIVS)", err)
	var stat unix.Stat_t
	fail("stat "+name, unix.Stat(name, &stat))
	var mount unix.Statfs_t
	fail("statfs "+name, unix.Statfs(name, &mount))
	fmt.Printf("%s: mode %04o, owner %d, nosuid %v; no_new_privs %d\n", name, stat.Mode&0o7777, stat.Uid, mount.Flags&unix.ST_NOSUID != 0, nnp)

	child := exec.Command(name, "--help")
	fail("execve "+name, child.Start())
	// Ended and not waited for: it still has its ids.
	fail("waitid", unix.Waitid(unix.P_PID, child.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child.Process.Pid))
	fail("status", err)
	_ = child.Wait()
	_, uids, _ := strings.Cut(string(status), "\nUid:\t")
	if effective := strings.Fields(uids)[1]; effective != "0" {
		fmt.Fprintln(os.Stderr, "su ran with the effective uid", effective)
		os.Exit(1)
	}
	fmt.Println("su ran as root")
}

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}
