// Command untrusted is a program that nobody should trust: it tries to get at
// everything around it, and prints one line for each attempt, what it tried and
// what it got. `make demo` runs it outside and inside a jail.
//
//	untrusted [-harmless] [-secret FILE] [-home DIR] [-user NAME] [-host NAME]
//	          [-connect HOST:PORT] [-abstract NAME] [-pid PID]
//	untrusted -listen ADDRESS-FILE
//
// A line begins with + where the attempt got something, - where it was refused,
// and . where it was not tried: with -harmless it only looks, and changes
// nothing. The flags tell it where the caller's things are, so that it need not
// guess. It always exits 0. It is not written to please: each attempt is the
// plain system call, and what counts as got is that it succeeded.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// target is where the caller's things are, as the flags have it.
type target struct {
	secret, home, user, host, connect, abstract string
	pid                                         int
}

// An attempt is tried by calling it. It returns what it got and no error, or
// what stopped it: an errno as it came, or a refusal.
type attempt struct {
	what     string
	harmless bool
	try      func(target) (string, error)
}

// refusal is a failure that has no errno: the call worked, and there was nothing.
type refusal string

func (r refusal) Error() string { return string(r) }

func main() {
	var at target
	harmless := flag.Bool("harmless", false, "make only the attempts that change nothing")
	flag.StringVar(&at.secret, "secret", "", "a file of the caller's with a secret")
	flag.StringVar(&at.home, "home", os.Getenv("HOME"), "the caller's home")
	flag.StringVar(&at.user, "user", "", "the caller's name")
	flag.StringVar(&at.host, "host", "", "the host's name")
	flag.StringVar(&at.connect, "connect", "127.0.0.1:22", "where something listens on the host")
	flag.StringVar(&at.abstract, "abstract", "", "an abstract socket of the host's")
	flag.IntVar(&at.pid, "pid", 1, "a process of the caller's")
	addresses := flag.String("listen", "", "listen for the attempts, and write where to this file")
	idle := flag.Bool("idle", false, "do nothing until killed (one process of the fork bomb)")
	flag.Parse()
	if *idle {
		signal.Ignore(syscall.SIGHUP)
		select {}
	}
	if *addresses != "" {
		listen(*addresses)
		return
	}

	tried, got := 0, 0
	for _, a := range attempts {
		if *harmless && !a.harmless {
			fmt.Printf(". %-36s not tried\n", a.what)
			continue
		}
		tried++
		value, err := a.try(at)
		if err != nil {
			fmt.Printf("- %-36s %s\n", a.what, reason(err))
			continue
		}
		got++
		fmt.Printf("+ %-36s %s\n", a.what, value)
	}
	fmt.Printf("%d attempts, %d got something\n", tried, got)
}

// reason spells an error by the symbol of its errno.
func reason(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "no answer"
	}
	return err.Error()
}
