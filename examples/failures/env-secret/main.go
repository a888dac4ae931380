// Command env-secret wants a token from its environment.
//
// Seen: 401 Unauthorized, or "API_TOKEN is not set", from a program that works in
// the shell.
//
// Kernel: nothing fails: execve(2) takes the environment that it is given, and
// under strict that is PATH, HOME, USER, TERM, LANG and TZ.
//
// Remedy: -e API_TOKEN passes it on; --env-file keeps it out of the command line.
package main

import (
	"fmt"
	"os"
)

func main() {
	if os.Getenv("API_TOKEN") == "" {
		fmt.Fprintln(os.Stderr, "API_TOKEN is not set")
		os.Exit(1)
	}
	fmt.Println("API_TOKEN is set")
}
