// Command sigpipe writes more than its reader wants.
//
// Seen: a step of a pipeline fails with 141 now and then, mostly under
// `set -o pipefail`, and its log says nothing.
//
// Kernel: write(2) on a pipe that nobody reads sends SIGPIPE, which kills: 128
// and 13 (pipe(7)). No sandbox has to do with it.
//
// Remedy: let the reader read to the end (sed -n 1p), or expect 141.
package main

import (
	"fmt"
	"os"
)

func main() {
	for range 1 << 16 { // more than a pipe holds
		// Go leaves SIGPIPE to kill where a write to descriptor 1 or 2 meets it.
		if _, err := os.Stdout.WriteString("a line\n"); err != nil {
			fmt.Fprintln(os.Stderr, "write:", err)
			os.Exit(1)
		}
	}
}
