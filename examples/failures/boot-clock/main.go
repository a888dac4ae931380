// Command boot-clock keeps in a file when it last ran, by the clock that counts from
// the boot, since that one never jumps.
//
// Seen: a lease, a cache or a rate limit that is shared with the host is "in the
// future" and never ends; ps and uptime(1) say that the machine has just booted.
//
// Kernel: clock_gettime(CLOCK_BOOTTIME) and CLOCK_MONOTONIC begin at 0 in a time
// namespace of its own: time_namespaces(7). CLOCK_REALTIME is the host's.
//
// Remedy: between processes use CLOCK_REALTIME; the other clocks are for
// durations within one.
package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func main() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		fmt.Fprintln(os.Stderr, "clock_gettime(CLOCK_BOOTTIME):", err)
		os.Exit(1)
	}
	text, err := os.ReadFile("last-run")
	if last, _ := strconv.ParseInt(string(text), 10, 64); err == nil && last > now.Nano() {
		fmt.Fprintln(os.Stderr, "the last run is in the future")
		os.Exit(1)
	}
	if err := os.WriteFile("last-run", []byte(strconv.FormatInt(now.Nano(), 10)), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ran")
}
