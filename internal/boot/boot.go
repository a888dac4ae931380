// Package boot is what runs before the Go runtime, and before any other package: it
// takes from a start what the runtime would do for a longer one. It imports nothing that
// has to be initialised, so that its init is the first.
package boot

import "runtime"

// entry is where the kernel starts a program that is linked with -E and this symbol,
// before the Go runtime's own entry, to which it goes on. What a build without it lacks
// is time only.
//
// It sets the timer slack (prctl(2)) to 1 ms, which every thread inherits. The runtime
// has a thread that wants to wake up each 20 us until it has seen nothing to do for
// fifty times (runtime.sysmon): with the usual slack all through a short run, on the
// processor that builds the jail or the one beside it, a fifth of the processor time.
// Nothing turns it off, and it starts before any code of ours but this. What it does, it
// does soon enough once in 1 ms.
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
// It writes GOMAXPROCS=1 after the caller's environment, where that has no GOMAXPROCS. A
// start is one goroutine's work. Where there are more processors, the runtime makes
// threads for goroutines of its own that have nothing to do, and wakes them up, on
// another processor: a tenth of the processor time.
//
// It sets runtime.MemProfileRate to 0. The linker does so for a program that reads no
// such profile, and the runtime, which sees that the rate has changed, then takes a
// sample after all (runtime.profilealloc).
//
// It asks for the pages of the runtime's own variables at once (MADV_POPULATE_WRITE).
// Most are used, many of them read first and then written, which are two page faults.
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
	// Narrow is 1 where entry has set GOMAXPROCS.
	Narrow uint64
)

// profileRate is for entry, to which the linker gives no variable of the runtime's.
//
//lint:ignore U1000 it is entry's
var profileRate = &runtime.MemProfileRate

// Widen lets goroutines run on every processor, for a program that has turned out to
// have several things to do at once.
func Widen() {
	if Narrow != 0 {
		Narrow = 0
		runtime.GOMAXPROCS(runtime.NumCPU())
	}
}

// growStack makes the stack of the calling goroutine 64 KiB large, which is more than a
// start needs. Go's runtime otherwise doubles it as often as it is full, and then copies
// it, looking at every frame: 0.06 ms of a start.
func growStack()

// init comes before those of other packages, when few frames are to be copied.
func init() { growStack() }
