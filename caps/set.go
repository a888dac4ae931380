package caps

import (
	"math/bits"
	"strings"
)

// Set is a set of capabilities; bit n is capability n, as in the Cap lines of /proc/PID/status. The zero value is the
// empty set.
type Set uint64

// Of returns the set of the given capabilities. One beyond [Max] is left out, for no set can hold it.
func Of(cs ...Cap) Set {
	var s Set
	for _, c := range cs {
		s |= 1 << c // a shift past 63 is 0 in Go
	}
	return s
}

// All returns every capability from 0 to last. Last is what the kernel says in /proc/sys/kernel/cap_last_cap: capset(2)
// ignores higher bits, but PR_CAPBSET_DROP answers EINVAL to them.
func All(last Cap) Set {
	if last >= Max {
		return ^Set(0)
	}
	return 1<<(last+1) - 1
}

// Parse returns the set that one word of a profile or of --cap-add names: a capability as [ParseCap] takes it, or ALL in
// either case. ALL has every bit set, those of capabilities not invented yet included; intersect it with [All].
//
// The error is an [*UnknownError].
func Parse(s string) (Set, error) {
	if strings.EqualFold(s, "ALL") || strings.EqualFold(s, "CAP_ALL") {
		return ^Set(0), nil
	}
	c, err := ParseCap(s)
	if err != nil {
		return 0, err
	}
	return Of(c), nil
}

// ParseList returns the union of the words, each as [Parse] takes it. It stops at the first that is unknown.
func ParseList(words []string) (Set, error) {
	var s Set
	for _, w := range words {
		one, err := Parse(w)
		if err != nil {
			return 0, err
		}
		s |= one
	}
	return s, nil
}

// Has reports whether c is in s.
func (s Set) Has(c Cap) bool { return s&Of(c) != 0 }

// Caps returns the members in rising order.
func (s Set) Caps() []Cap {
	cs := make([]Cap, 0, bits.OnesCount64(uint64(s)))
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		cs = append(cs, Cap(bits.TrailingZeros64(rest)))
	}
	return cs
}

// String returns the names in rising order with commas between, "ALL" when every bit is set, "none" when no bit is.
func (s Set) String() string {
	switch s {
	case 0:
		return "none"
	case ^Set(0):
		return "ALL"
	}
	names := make([]string, 0, len(s.Caps()))
	for _, c := range s.Caps() {
		names = append(names, c.String())
	}
	return strings.Join(names, ",")
}

// DropAll returns the arguments of the PR_CAPBSET_DROP calls that empty the bounding set, in the order in which they are
// made: 0 to last. The kernel asks only for CAP_SETPCAP in the effective set, which dropping it from the bounding set
// does not take away (security/commoncap.c:cap_prctl_drop), so any order would do; this one reads best in a plan.
func DropAll(last Cap) []uint {
	return Drop(0, last)
}

// Drop returns the same for a bounding set of which keep remains.
func Drop(keep Set, last Cap) []uint {
	drop := (All(last) &^ keep).Caps()
	args := make([]uint, len(drop))
	for i, c := range drop {
		args[i] = uint(c)
	}
	return args
}
