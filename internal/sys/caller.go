package sys

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
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

// Affinity is what a thread is to have that may use whatever the caller lets this program
// use, in the form of sched_setaffinity(2): all that the kernel has room for, where the
// caller has not chosen. It is nil where boot has tied no thread.
func Affinity() []byte { return boot.Affinity() }

// Processors is how many there are that this program may use.
func Processors() int { return boot.Processors() }

// Untie gives that to every thread of this program, of which boot has tied all but main's
// to one processor. It is for a program that has turned out to be a long one. Where
// /proc/self/task cannot be read it leaves them as they are.
func Untie() {
	all := boot.Affinity()
	if all == nil || untied.Load() {
		return
	}
	untied.Store(everyThread(func(tid int) {
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_SETAFFINITY, uintptr(tid), uintptr(len(all)), uintptr(unsafe.Pointer(&all[0])))
	}))
}

var untied, wide atomic.Bool

// everyThread calls f for each thread of this program, and for those that are made
// meanwhile. It reports whether /proc/self/task could be read.
func everyThread(f func(tid int)) bool {
	done := make(map[string]bool)
	for more := true; more; {
		more = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return false
		}
		for _, task := range tasks {
			if tid, err := strconv.Atoi(task.Name()); err == nil && !done[task.Name()] {
				done[task.Name()], more = true, true
				f(tid)
			}
		}
	}
	return true
}

// slackSignal is one that is not passed on to the payload: a thread may come to handle it
// when the handlers for those are there.
const slackSignal = unix.SIGCHLD

// Widen is Untie for a program that has turned out to have several things to do at once,
// which boot has made the runtime take for impossible: its threads wake up in time again,
// and it has a processor for each of the machine's. A caller's GOMAXPROCS stands.
func Widen() {
	Untie()
	if wide.Swap(true) {
		return
	}
	if handler, restorer := boot.SlackHandler(); boot.TimerSlack > 0 && Sigaction(slackSignal, handler, restorer) == nil {
		everyThread(func(tid int) { _ = unix.Tgkill(unix.Getpid(), tid, slackSignal) })
	}
	if boot.Affinity() != nil && os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(Processors())
	}
}

// Processor is the one that the calling thread is on, by getcpu(2); -1 where that is
// refused.
func Processor() int {
	var n uint32
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&n)), 0, 0); e != 0 {
		return -1
	}
	return int(n)
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
