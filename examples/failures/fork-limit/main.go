// Command fork-limit has more and more children at once, as a build with make -j,
// a pool of workers or a JVM with a thread for each connection.
//
// Seen: "fork: retry: Resource temporarily unavailable", "pthread_create failed
// for thread 30 of 64", "unable to create native thread: out of memory".
// https://github.com/OpenMathLib/OpenBLAS/issues/1668
//
// Kernel: clone(2) is EAGAIN: as many processes and threads as pids.max of the
// cgroup, or RLIMIT_NPROC of the user in this namespace, allow. It has nothing
// to do with memory.
//
// Remedy: --pids with a larger number, or fewer threads (OPENBLAS_NUM_THREADS,
// make -j 4).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const most = 64 // outside of a jail it stops here

func main() {
	var children []int
	for range most {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if pid == 0 && errno == 0 {
			unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0) // until it is killed
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		if errno != 0 {
			fmt.Fprintln(os.Stderr, "fork:", errno)
			end(children)
			os.Exit(1)
		}
		children = append(children, int(pid))
	}
	fmt.Println(most, "children at once")
	end(children)
}

func end(children []int) {
	for _, pid := range children {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
	}
}
