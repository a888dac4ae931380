package policy

import (
	"bytes"
	"strings"
)

// locator finds again, in a TOML document that was decoded, where something
// stands: the decoder keeps no positions. A line's comment is no part of it.
// What is not found, for it was spelled with escapes, is at the zero Position.
type locator []string

// key returns the position of a top-level key.
func (t locator) key(name string) Position {
	for i, line := range t {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), name); ok &&
			strings.HasPrefix(strings.TrimLeft(rest, " \t"), "=") {
			return Position{i + 1, strings.Index(line, name) + 1}
		}
	}
	return Position{}
}

// rule returns the position of the header of the i-th rule, from 0.
func (t locator) rule(i int) Position {
	for n, line := range t {
		if col := strings.Index(line, "[[rule]]"); col >= 0 && strings.TrimSpace(line[:col]) == "" {
			if i == 0 {
				return Position{n + 1, col + 1}
			}
			i--
		}
	}
	return Position{}
}

// name returns the position of a quoted word in the i-th rule.
func (t locator) name(i int, word string) Position {
	from, to := t.rule(i), t.rule(i+1)
	if from.Line == 0 {
		return Position{}
	}
	lines := t
	if to.Line != 0 {
		lines = lines[:to.Line-1]
	}
	for n := from.Line; n < len(lines); n++ {
		for _, quote := range [...]string{`"`, `'`} {
			if col := strings.Index(lines[n], quote+word+quote); col >= 0 {
				return Position{n + 1, col + 1}
			}
		}
	}
	return from
}

func newLocator(text []byte) locator {
	lines := strings.Split(string(bytes.ToValidUTF8(text, []byte("?"))), "\n")
	for i, line := range lines {
		lines[i] = line[:commentStart(line)]
	}
	return lines
}

// commentStart returns where a line's comment begins, or its length.
func commentStart(line string) int {
	quote := byte(0)
	for i := range len(line) {
		switch c := line[i]; {
		case quote == 0 && c == '#':
			return i
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return len(line)
}
