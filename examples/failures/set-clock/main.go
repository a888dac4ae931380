// Command set-clock sets the clock to what it says already.
//
// Seen: "adjtimex failed: Operation not permitted" from ntpd or chronyd in a
// container, "date: cannot set date".
//
// Kernel: clock_settime(2) is EPERM by the filter, before the call itself could say
// EINVAL for a clock that there is not. There is one CLOCK_REALTIME for the machine: a time namespace has the other clocks only, and CAP_SYS_TIME counts
// in the initial user namespace (time_namespaces(7)).
//
// Remedy: keep the time on the host (chronyd -x keeps it without setting it); in
// tests faketime(1).
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Geteuid() == 0 {
		fmt.Fprintln(os.Stderr, "not as root, where it would set the clock")
		os.Exit(1)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		fmt.Fprintln(os.Stderr, "clock_gettime:", err)
		os.Exit(1)
	}
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); err != nil {
		fmt.Fprintln(os.Stderr, "clock_settime(CLOCK_REALTIME):", err)
		fmt.Fprintln(os.Stderr, "clock_settime(a clock that there is not):", unix.ClockSettime(99, &now))
		os.Exit(1)
	}
}
