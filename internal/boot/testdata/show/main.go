// Command show says what a program finds that is linked with boot's entry: its
// arguments and its environment, each on a line, and figures of the runtime's.
package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/boot"
	"github.com/Emmanuel326/procjail/internal/sys"
)

// slack is that of main's thread, on which the runtime does what comes before main.
var slack, _ = unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)

func main() {
	for _, s := range append(os.Args[1:], os.Environ()...) {
		fmt.Printf("%q\n", s)
	}
	before := runtime.GOMAXPROCS(0)
	sys.Widen()
	fmt.Printf("runs on %d of %d, then on %d\n", before, sys.Processors(), runtime.GOMAXPROCS(0))
	fmt.Printf("profile %d, slack %v, files %d, ignored %d\n", runtime.MemProfileRate, boot.TimerSlack > 0 && int64(slack) == boot.TimerSlack, boot.Files, boot.Ignored)
}
