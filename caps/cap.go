package caps

import (
	"strconv"
	"strings"
)

//go:generate go run gen.go

// Cap is the number of one capability, as in <linux/capability.h>: 0 is CAP_CHOWN. The kernel's sets are 64 bits wide,
// so 63 is the last that can ever be.
type Cap uint

// Max is the highest number that a capability can have. The highest that a given kernel has is in
// /proc/sys/kernel/cap_last_cap; see [ParseLastCap].
const Max Cap = 63

// The capabilities that the set-up of a jail speaks of, and those that gocapability does not know.
const (
	Chown             = Cap(0)
	DacOverride       = Cap(1)
	DacReadSearch     = Cap(2)
	Fowner            = Cap(3)
	Fsetid            = Cap(4)
	Setgid            = Cap(6)
	Setuid            = Cap(7)
	Setpcap           = Cap(8)
	NetAdmin          = Cap(12)
	SysChroot         = Cap(18)
	SysAdmin          = Cap(21)
	Setfcap           = Cap(31)
	Perfmon           = Cap(38) // since Linux 5.8
	BPF               = Cap(39) // since Linux 5.8
	CheckpointRestore = Cap(40) // since Linux 5.9
)

// lastNamed is the highest number that this package has a name for.
const lastNamed = CheckpointRestore

// prefix begins every capability's name in the kernel's spelling.
const prefix = "CAP_"

// String returns the name in the kernel's spelling, CAP_SYS_ADMIN. A number with no name here is CAP_ and the number;
// [ParseCap] reads both back.
func (c Cap) String() string {
	switch c {
	case Perfmon:
		return "CAP_PERFMON"
	case BPF:
		return "CAP_BPF"
	case CheckpointRestore:
		return "CAP_CHECKPOINT_RESTORE"
	}
	if int(c) < len(names) {
		return names[c]
	}
	return prefix + strconv.FormatUint(uint64(c), 10)
}

// ParseCap returns the capability that s names. Upper and lower case are the same and the prefix may be left out:
// CAP_SYS_ADMIN, cap_sys_admin and SYS_ADMIN are one. CAP_41 is a number with no name yet; a number that has a name is
// not accepted in this form, so that each capability is spelled one way in a profile.
//
// The error is an [*UnknownError].
func ParseCap(s string) (Cap, error) {
	name := canonical(s)
	for c := Cap(0); c <= lastNamed; c++ {
		if name == c.String() {
			return c, nil
		}
	}
	digits := strings.TrimPrefix(name, prefix)
	n, err := strconv.ParseUint(digits, 10, 8)
	c := Cap(n)
	if err == nil && c > lastNamed && c <= Max && name == c.String() {
		return c, nil
	}
	if err == nil && c <= lastNamed {
		return 0, &UnknownError{Name: s, Nearest: c.String()}
	}
	return 0, &UnknownError{Name: s, Nearest: nearest(name)}
}

// canonical returns s in upper case and with the prefix, whatever s is.
func canonical(s string) string {
	s = strings.ToUpper(s)
	if !strings.HasPrefix(s, prefix) {
		s = prefix + s
	}
	return s
}
