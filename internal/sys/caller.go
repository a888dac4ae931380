package sys

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/boot"
)

// usualFiles is the soft limit on descriptors that programs expect.
const usualFiles = 1024

// init puts back what boot has changed: the soft limit on descriptors becomes what the
// caller's was, or the usual one, as far as it may, where that is more. Package syscall
// has made it the hard limit meanwhile, and keeps what it found for this program's
// children, until somebody sets one.
func init() {
	var l syscall.Rlimit
	if boot.Files == 0 || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return
	}
	l.Cur = min(max(boot.Files, usualFiles), l.Max)
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}

// CallerTimerSlack is the timer slack that whoever called this program had, or
// 0 where it still is this program's.
func CallerTimerSlack() int64 { return boot.TimerSlack }

// Affinity are the processors that the caller lets this program use, in the form of
// sched_setaffinity(2); nil where there is no need to choose among them.
func Affinity() []byte { return boot.Affinity() }

// Processor is the one that the calling thread is on, by getcpu(2).
func Processor() (int, error) {
	var n uint32
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&n)), 0, 0); e != 0 {
		return 0, os.NewSyscallError("getcpu", e)
	}
	return int(n), nil
}

// IgnoredSignals are those that were ignored when this program was started: bit
// n-1 for signal n. In a program that is linked without boot's entry they are SIGHUP
// and SIGINT at most, which it asks rt_sigaction(2) for.
func IgnoredSignals() uint64 {
	mask := boot.Ignored
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
