// Command perf-event counts its own instructions, as perf, rr and profilers do.
//
// Seen: "perf_event_open(...) failed: Operation not permitted", "No permission to
// enable cycles event"; setting kernel.perf_event_paranoid to -1 changes nothing.
//
// Kernel: perf_event_open(2) is EPERM by the filter, before the call itself could
// say EFAULT for a null pointer. Without the filter it is EACCES where
// kernel.perf_event_paranoid forbids it.
//
// Remedy: measure from outside (perf record -p PID); or a profiler by timers
// (pprof, py-spy of one's own child under --seccomp default).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Bits: unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		fmt.Fprintln(os.Stderr, "perf_event_open(&attr):", err)
		_, err = unix.PerfEventOpen(nil, 0, -1, -1, 0)
		fmt.Fprintln(os.Stderr, "perf_event_open(NULL):", err)
		os.Exit(1)
	}
	fmt.Println("counts")
	_ = unix.Close(fd)
}
