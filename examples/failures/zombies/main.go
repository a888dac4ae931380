// Command zombies starts short-lived children and never waits for them.
//
// Seen: after days, "can't fork: Resource temporarily unavailable", while there
// is memory enough and ps shows <defunct> hundreds of times.
// https://github.com/PikoCI/pikoci/issues/681
//
// Kernel: fork(2) is EAGAIN. A process that has ended keeps its number, and
// counts against RLIMIT_NPROC and pids.max, until its parent has called wait(2).
//
// Remedy: wait for one's children. Those of others, which PID 1 inherits, are
// reaped by --pid1 init, the default. A larger --pids only takes longer to fill.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const most = 64 // outside of a jail it stops here

func main() {
	for range most {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if pid == 0 && errno == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		if errno != 0 {
			fmt.Fprintln(os.Stderr, "fork:", errno)
			for children(false) > 0 { // the last ones are still ending
				_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
			}
			fmt.Fprintln(os.Stderr, "all children have ended, and are zombies:", children(true) > 0)
			os.Exit(1)
		}
	}
	fmt.Println(most, "children, and no limit met")
}

// children counts this process's own, zombies or not, by proc_pid_stat(5).
func children(zombies bool) (n int) {
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		text, _ := os.ReadFile(name)
		_, rest, _ := strings.Cut(string(text), ") ")
		state, parent := "", 0
		_, _ = fmt.Sscan(rest, &state, &parent)
		if parent == os.Getpid() && (state == "Z") == zombies {
			n++
		}
	}
	return n
}
