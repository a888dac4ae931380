// Command show says what a program finds that is linked with boot's entry: its
// arguments and its environment, each on a line, and figures of the runtime's.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/Emmanuel326/procjail/internal/boot"
	"github.com/Emmanuel326/procjail/internal/sys"
)

func main() {
	for _, s := range append(os.Args[1:], os.Environ()...) {
		fmt.Printf("%q\n", s)
	}
	before := runtime.GOMAXPROCS(0)
	sys.Widen()
	fmt.Printf("runs on %d of %d, then on %d\n", before, sys.Processors(), runtime.GOMAXPROCS(0))
	fmt.Printf("profile %d, slack %v, files %d, ignored %d\n", runtime.MemProfileRate, boot.TimerSlack > 0, boot.Files, boot.Ignored)
}
