// Command show says what a program finds that is linked with boot's entry: its
// arguments and its environment, each on a line, and figures of the runtime's.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"github.com/Emmanuel326/procjail/internal/boot"
)

func main() {
	for _, s := range append(os.Args[1:], os.Environ()...) {
		fmt.Printf("%q\n", s)
	}
	narrow, before := boot.Narrow == 1, runtime.GOMAXPROCS(0)
	boot.Widen()
	wide := strconv.Itoa(runtime.GOMAXPROCS(0))
	if narrow && runtime.GOMAXPROCS(0) == runtime.NumCPU() {
		wide = "all"
	}
	fmt.Println(before, "widened to", wide)
	fmt.Printf("profile %d, slack %v, files %d, ignored %d\n", runtime.MemProfileRate, boot.TimerSlack > 0, boot.Files, boot.Ignored)
}
