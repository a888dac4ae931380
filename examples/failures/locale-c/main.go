// Command locale-c prints a word that is not ASCII, if its locale is one of UTF-8,
// by the order that setlocale(3) has: LC_ALL, LC_CTYPE, LANG.
//
// Seen: "Setting locale failed", question marks in place of letters, a
// UnicodeEncodeError from Python, a sort order other than on the host.
//
// Kernel: nothing fails: without the variables setlocale(3) says "C".
//
// Remedy: -e LC_ALL, or LANG, which strict passes on.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	locale := "C"
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			locale = value
			break
		}
	}
	if !strings.HasSuffix(strings.ToUpper(locale), "UTF-8") {
		fmt.Fprintf(os.Stderr, "cannot write %+q in the locale %s\n", "Käse", locale)
		os.Exit(1)
	}
	fmt.Println("Käse")
}
