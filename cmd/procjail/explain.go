package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/Emmanuel326/procjail/cause"
	"github.com/Emmanuel326/procjail/report"
)

// explain prints what the table of causes has: about a report or an error text on
// standard input, a call and an errno, an entry, or everything.
func explain(args []string) int {
	bad := &usageError{errors.New("procjail explain [--list | ID | CALL ERRNO] [<FILE]")}
	var err error
	switch {
	case len(args) == 1 && args[0] == "--list":
		err = cause.Write(os.Stdout)
	case len(args) == 1 && args[0] != "" && args[0][0] != '-':
		e, ok := cause.ByID(args[0])
		if !ok {
			return fail(&usageError{fmt.Errorf("there is no cause %q; procjail explain --list has them all", args[0])})
		}
		err = e.Write(os.Stdout)
	case len(args) == 2 && args[0] != "" && args[0][0] != '-':
		return explainErrno(args[0], args[1])
	case len(args) == 0:
		text, e := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
		if e != nil {
			return fail(e)
		}
		return explainText(string(text))
	default:
		return fail(bad)
	}
	if err != nil {
		return fail(err)
	}
	return 0
}

// explainErrno prints the entries for a call and an errno, in either order.
func explainErrno(call, symbol string) int {
	errno := cause.Errno(symbol)
	if errno == 0 {
		call, symbol = symbol, call
		errno = cause.Errno(symbol)
	}
	steps := cause.StepsOf(call)
	switch {
	case errno == 0:
		return fail(&usageError{fmt.Errorf("%q and %q: neither is an errno such as EPERM", symbol, call)})
	case len(steps) == 0:
		return fail(&usageError{fmt.Errorf("no step of a plan is %q", call)})
	}
	if err := printPossible(cause.Said{Call: call, Errno: errno}); err != nil {
		return fail(err)
	}
	return 0
}

// explainText prints what a report or an error text is about.
func explainText(text string) int {
	var said []cause.Said
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		var r report.Report
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			return fail(fmt.Errorf("standard input is no report: %w", err))
		}
		if r.Error == nil {
			fmt.Printf("the start did not fail; it ended with the reason %q\n", r.Reason)
			return 0
		}
		one := cause.ReadMessage(r.Error.Message)
		one.ID, one.Cause = r.Error.CauseID, r.Error.Cause
		said = append(said, one)
	} else {
		said = cause.ReadText(text)
	}
	if len(said) == 0 {
		return fail(errors.New("standard input has no report of procjail's and no line after \"procjail: error: \""))
	}
	for _, s := range said {
		fmt.Println(printable(s.Text))
		if s.Cause != "" && !strings.HasSuffix(s.Text, s.Cause) {
			fmt.Println("cause: " + printable(s.Cause))
		}
		fmt.Println()
		e, known := cause.ByID(s.ID)
		switch {
		case known:
			if err := e.Write(os.Stdout); err != nil {
				return fail(err)
			}
		case s.Call != "":
			if err := printPossible(s); err != nil {
				return fail(err)
			}
		default:
			fmt.Print("This is about the command line, the profile or the command, and the line says\nall of it.\n\n")
		}
	}
	return 0
}

// printPossible prints every entry that may be behind a call's errno.
func printPossible(s cause.Said) error {
	steps := cause.StepsOf(s.Call)
	list, why := cause.Possible(steps, s.Errno)
	if s.ID == cause.Unknown {
		fmt.Print("No probe confirmed a cause. These were asked, and may hold at another time:\n\n")
	}
	for _, e := range list {
		if err := e.Write(os.Stdout); err != nil {
			return err
		}
	}
	if why != "" {
		fmt.Printf("Otherwise it stays unknown: %s.\n", why)
	}
	if len(list) == 0 && why == "" {
		fmt.Println("The table has nothing for it.")
	}
	return nil
}
