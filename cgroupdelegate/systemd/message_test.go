package systemd

import (
	"errors"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		in        string
		n         int
		complaint string
	}{
		{"", 0, ""},
		{"l\x02\x00\x01\x04\x00\x00\x00\x01\x00\x00\x00\x09\x00\x00", 0, ""},
		{"l\x02\x00\x01\x04\x00\x00\x00\x01\x00\x00\x00\x09\x00\x00\x00", 16 + 16 + 4, ""},
		{"B\x02\x00\x01\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x09", 16 + 16 + 4, ""},
		{"l\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", 16, ""},
		{"l\x02\x00\x01\xf0\xff\x7f\x00\x01\x00\x00\x00\x00\x00\x00\x00", maxMessage, ""},
		{"l\x02\x00\x01\xf1\xff\x7f\x00\x01\x00\x00\x00\x00\x00\x00\x00", 0, "a message of 8388609 bytes"},
		{"x\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", 0, "a message begins with byte 0x78"},
		{"l\x02\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", 0, "a message of protocol version 0"},
	} {
		if n, complaint := size([]byte(tt.in)); n != tt.n || complaint != tt.complaint {
			t.Errorf("size(%q) = %d, %q, want %d, %q", tt.in, n, complaint, tt.n, tt.complaint)
		}
	}
}

// TestBigEndian reads what a manager on another machine would write.
func TestBigEndian(t *testing.T) {
	b := []byte("B\x02\x00\x01\x00\x00\x00\x06\x00\x00\x00\x07\x00\x00\x00\x0f" +
		"\x05\x01u\x00\x00\x00\x01\x02" + "\x08\x01g\x00\x01s\x00" + "\x00" + "\x00\x00\x00\x01x\x00")
	n, complaint := size(b)
	if n != len(b) || complaint != "" {
		t.Fatalf("size = %d, %q, want %d", n, complaint, len(b))
	}
	msg, complaint := decode(b)
	if complaint != "" || field[uint32](msg, dbus.FieldReplySerial) != 0x102 || signature(msg) != "s" || msg.Body[0] != "x" {
		t.Errorf("decode = %v, %q", msg, complaint)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"Größe 3 µs":                "Größe 3 µs",
		"a\r\nb\tc\x00d\x7f":        "a??b?c?d?",
		"\x1b]0;title\a":            "?]0;title?",
		"a\u202eb\u2066c\ufeff":     "a?b?c?",
		"a\xff\xc3":                 "a??",
		strings.Repeat("x", 20):     strings.Repeat("x", 20),
		strings.Repeat("x", 21):     strings.Repeat("x", 17) + "...",
		strings.Repeat("ö", 11):     strings.Repeat("ö", 8) + "...",
		strings.Repeat("\x80", 100): "...",
	} {
		if got := printable(in, 20); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for want, err := range map[string]error{
		"/s: connect: unknown error":                        &Error{Op: "connect", Address: "/s"},
		"/s: connect: dbus: connection closed by user":      &Error{Op: "connect", Address: "/s", Err: dbus.ErrClosed},
		`/s: JobRemoved(a?b): the job ended with "failed"`:  &Error{Op: jobRemoved, Address: "/s", Unit: "a\nb", Result: "failed"},
		"no socket of a service manager is known":           &DialError{},
		"/a: connect: unknown error; /b: x: org.a.B: it is": &DialError{[]*Error{{Op: "connect", Address: "/a"}, {Op: "x", Address: "/b", Name: "org.a.B", Message: "it is"}}},
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err.Error(), want)
		}
	}
	if err := (&DialError{Tried: []*Error{{Err: ErrRejected}}}); !errors.Is(err, ErrRejected) || errors.Is(err, ErrClosed) {
		t.Error("a DialError is not what is in it")
	}
}
