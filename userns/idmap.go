package userns

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// NoID is (uid_t)-1: to setresuid(2) and chown(2) it means "leave as it is", so it is nobody's id and no map holds it.
const NoID = 1<<32 - 1

// MaxExtents is the number of lines that an id map may have since Linux 4.15; before, it was 5.
const MaxExtents = 340

// MaxMapBytes is what one write(2) to uid_map may hold: less than a page, and 4096 bytes is the least that a page has on
// any machine procjail runs on (kernel/user_namespace.c:map_write).
const MaxMapBytes = 4096 - 1

// Extent is one line of an id map: Count ids from Inside, in the new user namespace, are the ids from Outside, in the
// namespace of the process that writes the map. When read, Outside is seen from the reader's namespace, or from the
// parent's where the reader is in the mapped one.
type Extent struct {
	Inside, Outside, Count uint32
}

// Map is an id map, the content of /proc/PID/uid_map or gid_map. See user_namespaces(7), "User and group ID mappings".
type Map []Extent

// MapError says which rule of user_namespaces(7) a map breaks.
type MapError struct {
	Index  int    // of the extent, from 0; -1 for the map as a whole
	Extent Extent // zero where Index is -1
	Rule   string // the rule, as a remark on the extent or the map
}

// Error names the extent in the form of uid_map, and the rule.
func (e *MapError) Error() string {
	if e.Index < 0 {
		return "id map: " + e.Rule
	}
	return "id map: extent " + strconv.Itoa(e.Index) + " " + strconv.Quote(e.Extent.String()) + ": " + e.Rule
}

// String returns the extent as a line of uid_map with no newline: "0 1000 1".
func (e Extent) String() string {
	return utoa(e.Inside) + " " + utoa(e.Outside) + " " + utoa(e.Count)
}

// String returns the lines of uid_map with newlines between them.
func (m Map) String() string {
	return strings.TrimSuffix(string(m.Bytes()), "\n")
}

// Bytes returns what is written to uid_map or gid_map, in one write(2) at offset 0: the kernel takes no second one.
func (m Map) Bytes() []byte {
	var b []byte
	for _, e := range m {
		b = append(b, e.String()...)
		b = append(b, '\n')
	}
	return b
}

// Args returns the arguments of newuidmap(1) or newgidmap(1) that follow the process id.
func (m Map) Args() []string {
	args := make([]string, 0, 3*len(m))
	for _, e := range m {
		args = append(args, utoa(e.Inside), utoa(e.Outside), utoa(e.Count))
	}
	return args
}

// Validate returns nil when the kernel takes the map as far as its form goes, else a [*MapError]; the kernel answers
// EINVAL to each of these. Whether the writer may map those ids is another question, and EPERM its answer.
func (m Map) Validate() error {
	if len(m) == 0 {
		return &MapError{Index: -1, Rule: "has no extent"}
	}
	if len(m) > MaxExtents {
		return &MapError{Index: -1, Rule: "has more than 340 extents"}
	}
	for i, e := range m {
		switch {
		case e.Count == 0:
			return &MapError{i, e, "count is 0"}
		case wraps(e.Inside, e.Count):
			return &MapError{i, e, "inside ids pass 4294967294"}
		case wraps(e.Outside, e.Count):
			return &MapError{i, e, "outside ids pass 4294967294"}
		}
		for _, earlier := range m[:i] {
			if overlap(e.Inside, e.Count, earlier.Inside, earlier.Count) {
				return &MapError{i, e, "inside ids overlap those of " + strconv.Quote(earlier.String())}
			}
			if overlap(e.Outside, e.Count, earlier.Outside, earlier.Count) {
				return &MapError{i, e, "outside ids overlap those of " + strconv.Quote(earlier.String())}
			}
		}
	}
	if n := len(m.Bytes()); n > MaxMapBytes {
		return &MapError{Index: -1, Rule: "is " + strconv.Itoa(n) + " bytes long, one write takes 4095"}
	}
	return nil
}

// ToOutside returns the id outside that an id inside stands for, and whether it is mapped at all.
func (m Map) ToOutside(inside uint32) (uint32, bool) {
	for _, e := range m {
		if inside >= e.Inside && inside-e.Inside < e.Count {
			return e.Outside + (inside - e.Inside), true
		}
	}
	return 0, false
}

// ToInside returns the id inside that an id outside is seen as, and whether it is mapped at all; one that is not is shown
// as the overflow id, 65534.
func (m Map) ToInside(outside uint32) (uint32, bool) {
	for _, e := range m {
		if outside >= e.Outside && outside-e.Outside < e.Count {
			return e.Inside + (outside - e.Outside), true
		}
	}
	return 0, false
}

// ParseMap reads /proc/PID/uid_map or gid_map:
//
//	(1) first id inside  (2) first id outside  (3) count
//
// each a decimal number, with blanks around them. A namespace with no map yet has an empty file, and an empty Map. The
// lines are taken one by one; [Map.Validate] looks at them together.
func ParseMap(r io.Reader) (Map, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var m Map
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		e, ok := parseExtent(line)
		if !ok {
			return nil, errors.New("id map: line " + strconv.Itoa(len(m)+1) + ": no extent: " + strconv.Quote(line))
		}
		m = append(m, e)
	}
	return m, nil
}

func parseExtent(line string) (Extent, bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return Extent{}, false
	}
	var n [3]uint32
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return Extent{}, false
		}
		n[i] = uint32(v)
	}
	return Extent{Inside: n[0], Outside: n[1], Count: n[2]}, true
}

// wraps reports whether count ids from first take in NoID or pass it; the kernel's test is first+count <= first.
func wraps(first, count uint32) bool {
	return uint64(first)+uint64(count) > NoID
}

func overlap(a, na, b, nb uint32) bool {
	return uint64(a) < uint64(b)+uint64(nb) && uint64(b) < uint64(a)+uint64(na)
}

func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
