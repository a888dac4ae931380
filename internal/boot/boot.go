// Package boot is what runs before the Go runtime, and before any other package: it
// takes from a start what the runtime would do for a longer one. It imports nothing that
// has to be initialised, so that its init is the first.
package boot

import (
	"math/bits"
	"runtime"
)

// entry is where the kernel starts a program that is linked with -E and this symbol,
// before the Go runtime's own entry, to which it goes on. What a build without it lacks
// is time only.
//
// It sets the timer slack (prctl(2)) to 10 ms, which every thread inherits, until init
// gives main's thread what it had. The runtime has a thread that wants to wake up each
// 20 us until it has seen nothing to do for fifty times (runtime.sysmon): with the usual
// slack all through a short run, on the processor that builds the jail or the one beside
// it, a fifth of the processor time. Nothing turns it off, and it starts before any code
// of ours but this. So rarely it looks by itself where nothing happens. What it would do
// sooner is to take a processor of the runtime's from who is in a long system call, for
// another goroutine; and the two other threads that are there by then, which would run
// that, wait for 3 us, and now for 10 ms, before they take it over (runtime.runqgrab).
// Where there are other goroutines, sys.Widen gives all of them their slack back.
//
// It lets nothing be opened but in the place of a standard stream that is closed, by a
// limit on descriptors of 3, until internal/sys sets another. The runtime reads the
// limits of its cgroup and the size of a huge page before any code of ours, whatever
// GODEBUG says (runtime.defaultGOMAXPROCSInit, since Go 1.25): /proc/self/cgroup,
// /proc/self/mountinfo and cpu.max take a twentieth of a start. It does without what it
// cannot open.
//
// It notes which signals are ignored. The runtime handles every signal but SIGHUP and
// SIGINT also if it is ignored (runtime.sigInstallGoHandler), and nothing then tells
// that it was. It asks for the 31 that have names: each takes 0.2 us, and nobody ignores
// those in real time.
//
// It ties itself to the processor that it is on (sched_setaffinity(2)). The runtime takes
// that for a machine with one processor, and makes no threads for goroutines of its own
// that have nothing to do; and the two that it does make, which main waits for and which
// wait for main (runtime.gcenable), need not wake another processor up, neither now nor
// to end: a fifth of the processor time of a start. Main's thread is untied by init below,
// the others by internal/sys once the program has turned out to be a long one. Below a
// seccomp filter it lets that be: one may kill for it, as with SystemCallFilter=~@resources
// of systemd.exec(5), and nobody could say so yet.
//
// It sets runtime.MemProfileRate to 0. The linker does so for a program that reads no
// such profile, and the runtime, which sees that the rate has changed, then takes a
// sample after all (runtime.profilealloc).
//
// It asks for the pages at once that most of the runtime's variables are in
// (MADV_POPULATE_WRITE): many are read first and then written, which are two page faults.
// The linker sorts variables by size. The last with pointers is the heap's own
// (runtime.mheap_), of which the last 32 KiB are used; behind it come small ones without.
//
//lint:ignore U1000 it is the linker's
func entry()

var (
	// TimerSlack is the timer slack that entry found, in nanoseconds; 0 where it was not
	// run.
	TimerSlack int64
	// Files is the soft limit on descriptors that entry found; 0 where it was not run.
	Files uint64
	// Ignored are the signals that entry found to be ignored: bit n-1 for signal n.
	Ignored uint64
)

// affinity are the processors that entry found it may use, a bit each (sched_setaffinity(2)):
// the first affinitySize bytes; 0 where it did not tie itself to one. given is what untie
// has set.
var (
	affinity     mask
	given        mask
	affinitySize int64
)

// mask has room for 1,024 processors. On a machine that has more, entry leaves things
// as they are.
type mask [16]uint64

// profileRate is for entry, to which the linker gives no variable of the runtime's.
//
//lint:ignore U1000 it is entry's
var profileRate = &runtime.MemProfileRate

// SlackHandler returns the addresses of a signal handler that gives the thread that it
// runs in its timer slack back, and of what it returns to; 0 where the kernel has its own.
func SlackHandler() (handler, restorer uintptr)

// growStack makes the stack of the calling goroutine 64 KiB large, which is more than a
// start needs. Go's runtime otherwise doubles it as often as it is full, and then copies
// it, looking at every frame: 0.06 ms of a start.
func growStack()

const prSetTimerSlack = 29 // prctl(2)

// call makes a system call that takes a mask, or nil, as its third argument. A failure is
// the negative errno.
//
//go:noescape
func call(number, a, b int64, m *mask) int64

// init comes before those of other packages: when few frames are to be copied, and the
// runtime has made those two threads, which stay tied.
func init() {
	growStack()
	if TimerSlack > 0 {
		call(sysPrctl, prSetTimerSlack, TimerSlack, nil)
	}
	if affinitySize != 0 {
		untie()
	}
}

// untie gives the calling thread, which is main's, the processors back that entry found.
// Where those are all that its cpuset has (cpuset(7)), it takes the caller for one that has
// not chosen, whose threads have those as well that the cpuset is given later. What the
// caller has asked for the kernel does not tell.
func untie() {
	var found mask
	for i := range given {
		given[i] = ^uint64(0)
	}
	call(sysSetAffinity, 0, affinitySize, &given)
	if call(sysGetAffinity, 0, affinitySize, &found); found != affinity {
		given = affinity
		call(sysSetAffinity, 0, affinitySize, &given)
	}
}

// Processors is how many processors this program may use.
func Processors() int {
	if affinitySize == 0 {
		return runtime.NumCPU()
	}
	n := 0
	for _, word := range affinity {
		n += bits.OnesCount64(word)
	}
	return n
}

// Affinity is what a thread that is tied to one processor is to have again, in the form
// of sched_setaffinity(2): more than there are where the caller has not chosen. It is nil
// where entry has not tied any.
func Affinity() []byte {
	if affinitySize == 0 {
		return nil
	}
	bytes := make([]byte, affinitySize)
	for i := range bytes {
		bytes[i] = byte(given[i/8] >> (i % 8 * 8)) // amd64 and arm64 are little endian
	}
	return bytes
}
