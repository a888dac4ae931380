package policy

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Kind is SECCOMP_RET_ACTION_FULL of linux/seccomp.h.
type Kind uint32

// The kinds of action, in the kernel's words.
const (
	KillProcess Kind = 0x80000000
	KillThread  Kind = 0x00000000
	Trap        Kind = 0x00030000
	Errno       Kind = 0x00050000
	Trace       Kind = 0x7ff00000 // OCI profiles only: nobody in procjail traces
	Log         Kind = 0x7ffc0000
	Allow       Kind = 0x7fff0000
)

// Action is what a filter returns. Its text form is a word, for Errno followed
// by the error's symbol: "errno EPERM".
type Action struct {
	Kind Kind
	Data uint16 // the errno, or the message to a tracer
}

// Return is the value of the filter's return instruction.
func (a Action) Return() uint32 { return uint32(a.Kind) | uint32(a.Data) }

var kindWords = []struct {
	word string
	kind Kind
}{
	{"allow", Allow},
	{"log", Log},
	{"trap", Trap},
	{"kill_thread", KillThread},
	{"kill_process", KillProcess},
}

// UnmarshalText parses an action; both encoding/json and go-toml call it.
func (a *Action) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) == 2 && words[0] == "errno" {
		n, ok := errnoNumber(words[1])
		if !ok {
			return fmt.Errorf("unknown error name %q", words[1])
		}
		*a = Action{Errno, n}
		return nil
	}
	if len(words) == 1 {
		for _, k := range kindWords {
			if k.word == words[0] {
				*a = Action{Kind: k.kind}
				return nil
			}
		}
		if words[0] == "notify" {
			return fmt.Errorf("action %q is reserved and does nothing yet", "notify")
		}
	}
	return fmt.Errorf("unknown action %q: want allow, log, errno NAME, trap, kill_thread or kill_process", text)
}

// String is the inverse of UnmarshalText.
func (a Action) String() string {
	switch a.Kind {
	case Errno:
		if name := unix.ErrnoName(syscall.Errno(a.Data)); name != "" {
			return "errno " + name
		}
		return fmt.Sprintf("errno %d", a.Data)
	case Trace:
		return fmt.Sprintf("trace %d", a.Data)
	}
	for _, k := range kindWords {
		if k.kind == a.Kind {
			return k.word
		}
	}
	return fmt.Sprintf("%#x", a.Return())
}

// maxErrno is MAX_ERRNO of linux/err.h: the kernel cuts a larger one down.
const maxErrno = 4095

// errnoNumber is the inverse of unix.ErrnoName, which knows one name a number.
func errnoNumber(name string) (uint16, bool) {
	switch name {
	case "EWOULDBLOCK":
		name = "EAGAIN"
	case "EDEADLOCK":
		name = "EDEADLK"
	case "EOPNOTSUPP":
		name = "ENOTSUP"
	}
	for n := 1; n < 256; n++ {
		if s := unix.ErrnoName(syscall.Errno(n)); s == name && s != "" {
			return uint16(n), true
		}
	}
	return 0, false
}
