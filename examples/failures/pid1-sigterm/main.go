// Command pid1-sigterm is a server without a handler for SIGTERM, which is what
// sh, python and most C programs are.
//
// Seen: the container takes ten seconds to stop, at every deployment, and what
// should be written at the end is not.
// https://blog.true-kubernetes.com/why-does-my-docker-container-take-10-seconds-to-stop/
//
// Kernel: kill(2) succeeds and nothing happens. Of the signals that come from
// inside or from an ancestor's namespace, the first process of a PID namespace
// gets only those that it handles, SIGKILL and SIGSTOP from outside excepted:
// pid_namespaces(7).
//
// Remedy: leave PID 1 to an init that passes signals on, which is the default
// (--pid1 init), or handle SIGTERM.
package main

import (
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	// Go's runtime has a handler for every signal. This takes that of SIGTERM
	// away: a struct sigaction of zeros is SIG_DFL, no flags and no mask.
	var action [4]uint64
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTERM), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "rt_sigaction:", errno)
		os.Exit(1)
	}
	if os.Getpid() == 1 {
		fmt.Println("serving as PID 1")
	} else {
		fmt.Println("serving")
	}
	time.Sleep(8 * time.Second)
	fmt.Println("nobody has stopped it")
}
