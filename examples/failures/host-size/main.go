// Command host-size chooses the number of its threads and the size of its heap
// by the machine, as runtimes that know of no cgroups do.
//
// Seen: 128 threads on two processors, throttled; a heap of a quarter of the
// host's memory, killed. nproc and free say the same inside as outside.
// https://github.com/golang/go/issues/33803
//
// Kernel: nothing fails. sched_getaffinity(2), which is what nproc and
// getconf _NPROCESSORS_ONLN ask, and /proc/meminfo tell of the host; the limits
// are in cpu.max and memory.max below /sys/fs/cgroup, for whoever reads them.
//
// Remedy: say it (GOMAXPROCS, GOMEMLIMIT, -Xmx, OMP_NUM_THREADS), or use a runtime
// that reads them: Go from 1.25 for its threads, Java from 10.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		fmt.Fprintln(os.Stderr, "sched_getaffinity:", err)
		os.Exit(1)
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	total, _, _ := strings.Cut(string(meminfo), "\n")
	fmt.Println(set.Count(), "threads;", total)
	for _, name := range []string{"cpu.max", "memory.max"} {
		// A number that low is one of a PID namespace.
		if text, err := os.ReadFile("/sys/fs/cgroup/" + name); err == nil && os.Getpid() < 10 {
			fmt.Fprint(os.Stderr, name, " ", string(text))
		}
	}
}
