package systemd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Names of D-Bus errors that a caller acts upon; [Error].Name has them.
const (
	UnitExists   = "org.freedesktop.systemd1.UnitExists"       // StartScope: take another name
	NoSuchUnit   = "org.freedesktop.systemd1.NoSuchUnit"       // StopUnit: it is gone already
	AccessDenied = "org.freedesktop.DBus.Error.AccessDenied"   // polkit(8), SELinux or the policy of the bus
	NoService    = "org.freedesktop.DBus.Error.ServiceUnknown" // a bus with no service manager on it
)

// Reason is what went wrong where no errno says it, at the bottom of an [Error], for errors.Is.
type Reason string

// Error returns a few words; the whole line is the Error's.
func (r Reason) Error() string { return string(r) }

// The reasons.
const (
	// ErrClosed: the manager or the bus closed the connection. It does so to a user whom it does not serve, and when it
	// is re-executed.
	ErrClosed Reason = "the peer closed the connection"
	// ErrRejected: the peer does not take this process's credentials.
	ErrRejected Reason = "the peer rejected the credentials"
	// ErrProtocol: what came is not what D-Bus or systemd says; Message has what.
	ErrProtocol Reason = "the peer broke the protocol"
)

// Error is one call that failed, or one job. It is all of errors.Is(err, Err).
type Error struct {
	Op      string // connect, authenticate, a D-Bus method such as StartTransientUnit, or JobRemoved for a job
	Address string // the socket
	Unit    string // for calls and jobs of a unit
	Name    string // of the D-Bus error that the peer replied with
	Message string // the peer's words, printable, at most 256 bytes, with no full stop; for ErrProtocol ours
	Result  string // of the job: failed, canceled, timeout, dependency, skipped and others, printable, at most 64 bytes
	Err     error  // a Reason, a syscall.Errno, or the context's; nil beside a Name or a Result
}

// Unwrap returns the errno, the context's error or the reason.
func (e *Error) Unwrap() error { return e.Err }

// Error returns one line: the socket, the call and what it ended with.
//
//	/run/user/1000/systemd/private: connect: ECONNREFUSED
//	/run/user/1000/systemd/private: StartTransientUnit(p.scope): no answer in time
func (e *Error) Error() string {
	s := printable(e.Address, 128) + ": " + e.Op
	if e.Unit != "" {
		s += "(" + printable(e.Unit, 256) + ")"
	}
	return s + ": " + e.cause()
}

func (e *Error) cause() string {
	errno := syscall.Errno(0)
	switch {
	case e.Op == jobRemoved && e.Err == nil:
		return "the job ended with " + strconv.Quote(e.Result)
	case e.Name != "" && e.Message != "":
		return e.Name + ": " + e.Message
	case e.Name != "":
		return e.Name
	case e.Message != "" && e.Err != nil:
		return e.Err.Error() + ": " + e.Message
	case errors.Is(e.Err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(e.Err, &errno) && unix.ErrnoName(errno) != "":
		return unix.ErrnoName(errno)
	case e.Err != nil:
		return e.Err.Error()
	}
	return "unknown error"
}

// DialError says why no manager was reached, in the order of the addresses. It is all of errors.Is of each of them, and
// of os.ErrNotExist where there was no address at all.
type DialError struct {
	Tried []*Error
}

// Unwrap returns the errors of the addresses.
func (e *DialError) Unwrap() []error {
	if len(e.Tried) == 0 {
		return []error{os.ErrNotExist}
	}
	errs := make([]error, len(e.Tried))
	for i, t := range e.Tried {
		errs[i] = t
	}
	return errs
}

// Error returns one line with what became of each address.
func (e *DialError) Error() string {
	if len(e.Tried) == 0 {
		return "no socket of a service manager is known"
	}
	lines := make([]string, len(e.Tried))
	for i, t := range e.Tried {
		lines[i] = t.Error()
	}
	return strings.Join(lines, "; ")
}

// reduce returns the error that counts below what package net wraps around it. That a peer closed the connection shows
// in four ways, which depend on who was faster; they become one.
func reduce(err error) error {
	errno := syscall.Errno(0)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ErrClosed
	case errors.Is(err, net.ErrClosed):
		return net.ErrClosed
	case errors.As(err, &errno):
		return errno
	}
	return err
}

// printable makes a peer's text fit for a line of at most limit bytes: what strconv.IsPrint does not take is a
// question mark, which covers control characters, the bidirectional ones and what is not UTF-8.
func printable(s string, limit int) string {
	const more = "..."
	cut := len(s) > limit
	if cut {
		end := limit - len(more)
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	s = strings.Map(func(r rune) rune {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if cut {
		s += more
	}
	return s
}
