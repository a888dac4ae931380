package sys

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// entry is where the kernel starts a program that is linked with -E and this
// symbol, before the Go runtime's own entry, to which it goes on. It sets the
// timer slack (prctl(2)) to 1 ms, which every thread inherits, lets nothing be opened
// but in the place of a standard stream that is closed, and notes which signals are
// ignored.
//
// The runtime has a thread that wants to wake up each 20 us until it has seen
// nothing to do for fifty times (runtime.sysmon): with the usual slack all
// through a short run, on the processor that builds the jail or the one beside
// it, a fifth of the processor time. Nothing turns it off, and it starts before
// any code of ours but this. What it does, it does soon enough once in 1 ms.
//
// That can go when the runtime lets a program be that has one goroutine.
//
// The runtime reads the limits of its cgroup and the size of a huge page before any
// code of ours, whatever GODEBUG says (runtime.defaultGOMAXPROCSInit, since Go 1.25):
// /proc/self/cgroup, /proc/self/mountinfo and cpu.max take a twentieth of a start. It
// does without what it cannot open. Until init below runs, the limit on descriptors
// is 3.
//
// The runtime handles every signal but SIGHUP and SIGINT also if it is ignored
// (runtime.sigInstallGoHandler), and nothing then tells that it was.
//
//lint:ignore U1000 it is the linker's
func entry()

// callerTimerSlack is the timer slack that entry found, in nanoseconds.
var callerTimerSlack int64

// CallerTimerSlack is the timer slack that whoever called this program had, or
// 0 where it still is this program's.
func CallerTimerSlack() int64 { return callerTimerSlack }

// callerFiles is the soft limit on descriptors that entry found; 0 where it was not run.
var callerFiles uint64

// usualFiles is the soft limit that programs expect.
const usualFiles = 1024

// init sets the limit to what the caller's was, or to the usual one, as far as it may,
// where that is more. Package syscall has made it the hard limit meanwhile, and keeps
// what it found for this program's children, until somebody sets one.
func init() {
	var l syscall.Rlimit
	if callerFiles == 0 || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return
	}
	l.Cur = min(max(callerFiles, usualFiles), l.Max)
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}

// ignored are the signals that entry found to be ignored: bit n-1 for signal n. It
// asks for the 31 that have names: each takes 0.2 us, and nobody ignores those in
// real time.
var ignored uint64

// IgnoredSignals are those that were ignored when this program was started: bit
// n-1 for signal n. In a program that is linked without entry they are SIGHUP and
// SIGINT at most, which it asks rt_sigaction(2) for.
func IgnoredSignals() uint64 {
	mask := ignored
	for _, sig := range [...]unix.Signal{unix.SIGHUP, unix.SIGINT} {
		if handler, err := handlerOf(sig); err == nil && handler == sigIgn {
			mask |= 1 << (sig - 1)
		}
	}
	return mask
}

const sigIgn = 1 // SIG_IGN

// handlerOf calls rt_sigaction(2) for what is done at a signal.
func handlerOf(sig unix.Signal) (uintptr, error) {
	var old [4]uintptr // struct kernel_sigaction
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	if e != 0 {
		return 0, os.NewSyscallError("rt_sigaction", e)
	}
	return old[0], nil
}
