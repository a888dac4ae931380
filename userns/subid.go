package userns

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// Range is a range of subordinate ids: Count ids from First. One that this package returns has at least one id and none
// beyond 4294967294.
type Range struct {
	First, Count uint32
}

// Last returns the last id of a range that is not empty.
func (r Range) Last() uint32 { return r.First + (r.Count - 1) }

// Contains reports whether id is in the range.
func (r Range) Contains(id uint32) bool { return id >= r.First && id-r.First < r.Count }

// String returns the first and the last id, as usermod(8) takes them: "100000-165535".
func (r Range) String() string { return utoa(r.First) + "-" + utoa(r.Last()) }

// LineError is a line of the user's own that gives no range. Newuidmap skips such a line and then says "not allowed".
type LineError struct {
	File   string
	Line   int // from 1
	Text   string
	Reason string
}

// Error returns file, line, text and reason.
func (e *LineError) Error() string {
	return e.File + ":" + strconv.Itoa(e.Line) + ": " + strconv.Quote(e.Text) + ": " + e.Reason
}

// Overlap is a finding, not an error: a range of the user's holds ids that another line of the file gives away, too.
// Where the other owner is another user, jails of the two may run under one host id, and are not kept apart by it.
type Overlap struct {
	File  string
	Line  int // of the user's own range
	Range Range

	OtherLine  int
	OtherOwner string // as in the file: login name or numeric uid; the user itself where two of its own ranges overlap
	Other      Range
}

// String returns the finding as one line.
func (o Overlap) String() string {
	return o.File + ":" + strconv.Itoa(o.Line) + ": ids " + o.Range.String() + " overlap " + o.Other.String() +
		" of " + o.OtherOwner + " in line " + strconv.Itoa(o.OtherLine)
}

// ParseSubIDs reads subuid(5) or subgid(5) and returns the ranges of one user, in the order of the file:
//
//	(1) login name or numeric uid, in both files  (2) first id  (3) count
//
// User is the login name, or "" where the uid has none. File is named in errors only.
//
// Like newuidmap(1) (shadow, lib/subordinateio.c) it passes over lines that are blank, comments or broken, takes numbers
// as strtoll(3) does with base 0, and ignores what follows the third field. Unlike it, a broken line of this user is a
// [*LineError]: it would otherwise read as if no range had been given. The good ranges are returned beside that error.
func ParseSubIDs(r io.Reader, file, user string, uid uint32) ([]Range, error) {
	entries, err := parseEntries(r)
	if err != nil {
		return nil, err
	}
	ranges, _, err := ownRanges(entries, file, user, uid)
	return ranges, err
}

// ParseOverlaps reads the same text and returns one finding for each pair of a range of the user's and a range of
// another line that share an id, in the order of the file. Two equal lines of the user's, one by name and one by number,
// are none.
func ParseOverlaps(r io.Reader, file, user string, uid uint32) ([]Overlap, error) {
	entries, err := parseEntries(r)
	if err != nil {
		return nil, err
	}
	_, overlaps, _ := ownRanges(entries, file, user, uid)
	return overlaps, nil
}

// entry is one line that is neither blank nor a comment.
type entry struct {
	line  int
	text  string
	owner string
	rng   Range
	bad   string // why it gives no range; empty where it does
}

func parseEntries(r io.Reader) ([]entry, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var entries []entry
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSuffix(line, "\n")
		// Shadow knows no comments; they are lines that it cannot parse, or an owner that is nobody's name.
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		e := entry{line: number, text: line}
		e.owner, e.rng, e.bad = parseEntry(line)
		entries = append(entries, e)
	}
	return entries, nil
}

// maxLine is the length from which shadow passes over a line.
const maxLine = 1024

func parseEntry(line string) (owner string, rng Range, bad string) {
	owner, rest, _ := strings.Cut(line, ":")
	if len(line) >= maxLine {
		return owner, Range{}, "line too long"
	}
	first, rest, ok := strings.Cut(rest, ":")
	count, _, _ := strings.Cut(rest, ":")
	if !ok || first == "" || count == "" {
		return owner, Range{}, "want three fields, owner:first:count"
	}
	rng, bad = newRange(first, count)
	return owner, rng, bad
}

// newRange checks two numbers as subuid(5) or getsubids(1) give them.
func newRange(first, count string) (Range, string) {
	f, err := parseNumber(first)
	if err != nil {
		return Range{}, "first id " + err.Error()
	}
	n, err := parseNumber(count)
	if err != nil {
		return Range{}, "count " + err.Error()
	}
	switch {
	case n == 0:
		return Range{}, "count is 0"
	case f >= NoID || n > NoID-f:
		return Range{}, "range passes id 4294967294"
	}
	return Range{First: uint32(f), Count: uint32(n)}, ""
}

var (
	errNoNumber = errors.New("is no number")
	errTooLarge = errors.New("is out of range")
)

// parseNumber reads a number as strtoll(3) does with base 0, which is what shadow calls: blanks and a plus sign before
// it, 0x for hexadecimal, 0 for octal. What Go takes beside these, 0b and 0o and underscores, is no number here.
func parseNumber(s string) (uint64, error) {
	s = strings.TrimLeft(s, " \t\v\f\r")
	s = strings.TrimPrefix(s, "+")
	base := 10
	switch {
	case len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	n, err := strconv.ParseUint(s, base, 63)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errTooLarge
	case err != nil:
		return 0, errNoNumber
	}
	return n, nil
}

// ownRanges picks the ranges of one user, what they overlap, and the first broken line of that user.
func ownRanges(entries []entry, file, user string, uid uint32) ([]Range, []Overlap, error) {
	var (
		ranges   []Range
		overlaps []Overlap
		first    error
	)
	number := utoa(uid)
	own := func(e *entry) bool { return e.owner != "" && (e.owner == user || e.owner == number) }
	for i := range entries {
		e := &entries[i]
		if !own(e) {
			continue
		}
		if e.bad != "" {
			if first == nil {
				first = &LineError{File: file, Line: e.line, Text: e.text, Reason: e.bad}
			}
			continue
		}
		ranges = append(ranges, e.rng)
		for j := range entries {
			other := &entries[j]
			if other.bad != "" || !overlap(e.rng.First, e.rng.Count, other.rng.First, other.rng.Count) {
				continue
			}
			if own(other) && (j <= i || other.rng == e.rng) {
				continue // itself, a pair that was seen from its other side, or the same line by number
			}
			overlaps = append(overlaps, Overlap{
				File: file, Line: e.line, Range: e.rng,
				OtherLine: other.line, OtherOwner: other.owner, Other: other.rng,
			})
		}
	}
	return ranges, overlaps, first
}
