package contain

import (
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// attack is what a payload does to its surroundings; the report is for the test
// to judge beside what it sees outside.
func attack(name string) map[string]string {
	got := map[string]string{}
	switch name {
	case "streams": // open each standard stream again, both ways
		for i, stream := range []string{"stdin", "stdout", "stderr"} {
			fd := "/proc/self/fd/" + string(rune('0'+i))
			got[stream+" read"] = kerneltest.ErrnoName(open(fd, unix.O_RDONLY|unix.O_NONBLOCK)())
			got[stream+" write"] = kerneltest.ErrnoName(open(fd, unix.O_WRONLY|unix.O_NONBLOCK)())
		}
	case "group": // everybody in the process group
		_ = unix.Setpriority(unix.PRIO_PGRP, 0, 7)
		got["renice"] = "tried"
		ignore(unix.SIGTERM)
		got["kill"] = kerneltest.ErrnoName(unix.Kill(0, unix.SIGTERM))
	case "untie": // outlive procjail
		got["none"] = kerneltest.ErrnoName(unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0))
		got["other"] = kerneltest.ErrnoName(unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGCONT), 0, 0, 0))
		got["kill"] = kerneltest.ErrnoName(unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0))
	case "processes": // as many as there can be
		n := 0
		var all []*exec.Cmd
		for ; n < 400; n++ {
			cmd := exec.Command("/bin/sleep", "30")
			if err := cmd.Start(); err != nil {
				got["ended by"] = kerneltest.ErrnoName(err)
				break
			}
			all = append(all, cmd)
		}
		for _, cmd := range all {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if n < 128 {
			got["below 128"] = "yes"
		}
	case "terminals":
		n := 0
		for ; n < 1000; n++ {
			if _, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0); err != nil {
				got["ended by"] = kerneltest.ErrnoName(err)
				break
			}
		}
		if n <= 256 {
			got["at most 256"] = "yes"
		}
	case "tmpfs": // bytes and inodes of each writable file system
		for _, dir := range []string{"/tmp", "/dev/shm", "/home/user"} {
			got[dir+" bytes"], got[dir+" inodes"] = fill(dir)
		}
	}
	return got
}

// fill writes until it may not, and makes files until it may not.
func fill(dir string) (bytes, inodes string) {
	f, err := os.Create(dir + "/fill")
	if err != nil {
		return kerneltest.ErrnoName(err), ""
	}
	chunk := make([]byte, 1<<20)
	bytes = "more than 64M"
	for n := 0; n <= 64; n++ {
		if _, err := f.Write(chunk); err != nil {
			bytes = kerneltest.ErrnoName(err)
			break
		}
	}
	f.Close()
	os.Remove(f.Name())
	inodes = "more than 64M/4K"
	for n := 0; n <= 64<<20/4096; n++ {
		if err := unix.Mkfifo(dir+"/i"+itoa(n), 0o600); err != nil {
			inodes = kerneltest.ErrnoName(err)
			break
		}
	}
	return bytes, inodes
}
