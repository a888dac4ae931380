// Command page-cache writes and reads a file that is larger than its limit of
// memory.
//
// Seen: a graph shows a container at 100% of its memory for days, and somebody
// doubles the limit; then it shows 100% of that.
//
// Kernel: the page cache of a file on a disk counts as memory of the cgroup
// (file in memory.stat) and is reclaimed when somebody wants the memory:
// memory.current stands at memory.max, "max" grows in memory.events, and "oom"
// stays 0. Nothing fails.
//
// Remedy: none is needed; watch oom_kill and memory.pressure, not memory.current.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const megabytes = 64

func main() {
	file, err := os.CreateTemp(".", "failures")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Remove(file.Name()) // it is there until it is closed
	fd := int(file.Fd())
	block := make([]byte, 1<<20)
	for range megabytes {
		if _, err := unix.Write(fd, block); err != nil {
			fmt.Fprintln(os.Stderr, "write:", err)
			os.Exit(1)
		}
	}
	for i := range megabytes {
		if _, err := unix.Pread(fd, block, int64(i)<<20); err != nil {
			fmt.Fprintln(os.Stderr, "read:", err)
			os.Exit(1)
		}
	}
	fmt.Println("wrote and read", megabytes, "MiB")
	events, _ := os.ReadFile("/sys/fs/cgroup/memory.events")
	for line := range strings.Lines(string(events)) {
		var event string
		var n int
		if _, err := fmt.Sscan(line, &event, &n); err == nil && (event == "max" || strings.HasPrefix(event, "oom")) {
			fmt.Println("memory.events:", event, "happened:", n > 0)
		}
	}
}
