package caps

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// Status is the five sets of one thread as /proc/PID/status shows them. See proc_pid_status(5).
type Status struct {
	Inheritable, Permitted, Effective Set
	Bounding                          Set
	Ambient                           Set // since Linux 4.3; empty where the kernel shows none
}

// ErrNoCaps says that a text is no /proc/PID/status: one of CapInh, CapPrm, CapEff and CapBnd is missing.
var ErrNoCaps = errors.New("no Cap lines in status")

// ParseStatus reads the Cap lines of /proc/PID/status. Each is a name, a colon, a tab and 16 hexadecimal digits; other
// lines are passed over. A process cannot forge one: the kernel escapes a newline in its name (fs/proc/array.c).
func ParseStatus(r io.Reader) (Status, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return Status{}, err
	}
	var st Status
	rows := [...]struct {
		name  string
		set   *Set
		found bool
	}{
		{name: "CapInh", set: &st.Inheritable},
		{name: "CapPrm", set: &st.Permitted},
		{name: "CapEff", set: &st.Effective},
		{name: "CapBnd", set: &st.Bounding},
		{name: "CapAmb", set: &st.Ambient, found: true}, // may be missing
	}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok {
			continue
		}
		for i := range rows {
			if rows[i].name != name {
				continue
			}
			n, err := strconv.ParseUint(strings.TrimLeft(value, "\t "), 16, 64)
			if err != nil {
				return Status{}, errors.New("status: " + name + ": no hexadecimal set: " + strconv.Quote(value))
			}
			*rows[i].set, rows[i].found = Set(n), true
		}
	}
	for _, row := range rows {
		if !row.found {
			return Status{}, ErrNoCaps
		}
	}
	return st, nil
}

// Empty reports whether no set has a member, the bounding set included: what profile strict promises its payload.
func (st Status) Empty() bool {
	return st == Status{}
}

// ParseLastCap reads /proc/sys/kernel/cap_last_cap, the highest capability that the kernel knows. Since Linux 3.2.
func ParseLastCap(r io.Reader) (Cap, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(string(text), "\n"), 10, 8)
	if err != nil || Cap(n) > Max {
		return 0, errors.New("cap_last_cap: no capability's number: " + strconv.Quote(string(text)))
	}
	return Cap(n), nil
}
