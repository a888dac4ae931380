package sys

// entry is where the kernel starts a program that is linked with -E and this
// symbol, before the Go runtime's own entry, to which it goes on. It sets the
// timer slack (prctl(2)) to 1 ms, which every thread inherits.
//
// The runtime has a thread that wants to wake up each 20 us until it has seen
// nothing to do for fifty times (runtime.sysmon): with the usual slack all
// through a short run, on the processor that builds the jail or the one beside
// it, a fifth of the processor time. Nothing turns it off, and it starts before
// any code of ours but this. What it does, it does soon enough once in 1 ms.
//
// This can go when the runtime lets a program be that has one goroutine.
//
//lint:ignore U1000 it is the linker's
func entry()

// callerTimerSlack is the timer slack that entry found, in nanoseconds.
var callerTimerSlack int64

// CallerTimerSlack is the timer slack that whoever called this program had, or
// 0 where it still is this program's.
func CallerTimerSlack() int64 { return callerTimerSlack }
