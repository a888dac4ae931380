package main

import (
	"slices"
	"strings"
	"testing"
)

// TestHear: what is written in pieces is one message, of each process by itself, and
// the last ones are kept.
func TestHear(t *testing.T) {
	var m met
	for _, s := range strings.Split("no route\n", "") {
		m.hear(2, s)
	}
	m.hear(3, "one\n")
	m.hear(2, "two\n")
	if want := []message{{2, "no route\n"}, {3, "one\n"}, {2, "two\n"}}; !slices.Equal(m.messages, want) {
		t.Errorf("%q, want %q", m.messages, want)
	}
	for range 2 * mostMessages {
		m.hear(4, "more\n")
	}
	if n := len(m.messages); n != mostMessages || m.messages[0] != (message{4, "more\n"}) {
		t.Errorf("%d messages, the first %q", n, m.messages[0])
	}
}
