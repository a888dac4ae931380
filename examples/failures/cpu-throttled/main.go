// Command cpu-throttled works on two threads for a second, and watches the clock.
//
// Seen: a service with little load answers in 5 ms or in 100 ms and nothing in
// between; a health check times out; in a profile the program does nothing.
// https://github.com/kubernetes/kubernetes/issues/67577
//
// Kernel: nothing fails. All threads together have used up the time that
// cpu.max of the cgroup gives for 100 ms, and none runs until the next 100 ms:
// nr_throttled in cpu.stat.
//
// Remedy: --cpus with more, or fewer threads (GOMAXPROCS, -XX:ActiveProcessorCount).
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	go work()
	longest := work()
	text, err := os.ReadFile("/sys/fs/cgroup/cpu.stat")
	if err != nil {
		fmt.Println("worked without a limit of its own:", err)
		return
	}
	for line := range strings.Lines(string(text)) {
		var key string
		var n int
		if _, err := fmt.Sscan(line, &key, &n); err == nil && key == "nr_throttled" && n > 0 {
			fmt.Fprintln(os.Stderr, "stood still for more than 30 ms:", longest > 30*time.Millisecond)
			fmt.Fprintln(os.Stderr, "cpu.stat: nr_throttled is more than 0")
			os.Exit(1)
		}
	}
	fmt.Println("worked without being throttled")
}

// work returns the longest time that the clock jumped meanwhile.
func work() (longest time.Duration) {
	for began, last := time.Now(), time.Now(); time.Since(began) < time.Second; last = time.Now() {
		longest = max(longest, time.Since(last))
	}
	return longest
}
