package profiles

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/internal/units"
	"github.com/Emmanuel326/procjail/userns"
)

// The values of a profile, each with the text that it is written as. Options
// of the command line are read by the same functions.

var kindNames = [...]string{
	ReadOnly: "ro", ReadWrite: "rw", LikeHost: "like-host", Tmpfs: "tmpfs", Hide: "hide", Link: "link", File: "file",
	Passwd: "passwd", Group: "group", Dir: "dir", Proc: "proc", Dev: "dev", Overlay: "overlay", OverlayTmp: "overlay-tmp",
	ResolvConf: "resolv.conf", Cgroup: "cgroup",
}

func (k Kind) String() string { return kindNames[k] }

func (n Net) String() string  { return [...]string{"none", "host"}[n] }
func (p PID1) String() string { return [...]string{"init", "payload"}[p] }

// ParseNet reads "none" or "host".
func ParseNet(s string) (Net, error) {
	switch s {
	case "none":
		return NetNone, nil
	case "host":
		return NetHost, nil
	}
	return 0, fmt.Errorf("network %q: want none or host", s)
}

// ParsePID1 reads "init" or "payload".
func ParsePID1(s string) (PID1, error) {
	switch s {
	case "init":
		return PID1Init, nil
	case "payload":
		return PID1Payload, nil
	}
	return 0, fmt.Errorf("pid1 %q: want init or payload", s)
}

// ParseUser reads UID, UID:GID or "caller". Without a GID the group has the
// user's number.
func ParseUser(s string) (uid, gid Number, err error) {
	if s == "caller" {
		return Caller, Caller, nil
	}
	u, g, two := strings.Cut(s, ":")
	if !two {
		g = u
	}
	// 2^32-1 is no id: setresuid(2) takes it as "leave unchanged".
	un, uerr := strconv.ParseUint(u, 10, 32)
	gn, gerr := strconv.ParseUint(g, 10, 32)
	if uerr != nil || gerr != nil || un == 1<<32-1 || gn == 1<<32-1 {
		return 0, 0, fmt.Errorf("user %q: want UID, UID:GID or caller, with numbers up to 4294967294", s)
	}
	return Number(un), Number(gn), nil
}

// ParseSize reads a number of bytes (units.Size).
func ParseSize(s string) (uint64, error) { return units.Size(s) }

// ParseHostname checks a name for sethostname(2): at most 64 bytes, of
// letters, digits, '-' and '.'.
func ParseHostname(s string) (string, error) {
	if s == "" || len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") != "" {
		return "", fmt.Errorf("hostname %q: want 1 to 64 letters, digits, '-' and '.'", s)
	}
	return s, nil
}

// ParsePath checks a path inside the jail: absolute, or relative to the
// caller's home ("~", "~/...") or directory (".", "./..."), without "..".
func ParsePath(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("an empty path")
	case strings.ContainsRune(s, 0):
		return "", fmt.Errorf("path %q holds a NUL byte", s)
	case len(s) > 4095:
		return "", fmt.Errorf("a path of %d bytes; the kernel takes 4095", len(s))
	}
	if s[0] != '/' && s != "~" && s != "." && !strings.HasPrefix(s, "~/") && !strings.HasPrefix(s, "./") {
		return "", fmt.Errorf("path %q: want an absolute one, or one that starts with ~/ or ./", s)
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return "", fmt.Errorf("path %q: \"..\" is not allowed here", s)
		}
	}
	return s, nil
}

// ParseEnv reads KEY=VALUE, or KEY for the caller's value.
func ParseEnv(s string) (EnvRule, error) {
	key, value, set := strings.Cut(s, "=")
	if key == "" || strings.ContainsRune(s, 0) {
		return EnvRule{}, fmt.Errorf("variable %q: want KEY or KEY=VALUE", s)
	}
	return EnvRule{Key: key, Value: value, Pass: !set}, nil
}

// value gives one of these functions to the TOML decoder, which adds the line
// to its errors. It is a struct, since the decoder fills in a number or string
// type without asking it.
type value[T any, P parser[T]] struct{ v T }

type parser[T any] interface{ parse(s string) (T, error) }

func (v *value[T, P]) UnmarshalText(b []byte) (err error) {
	var p P
	v.v, err = p.parse(string(b))
	return err
}

// to stores the value, if the file has it.
func (v *value[T, P]) to(dst *T) {
	if v != nil {
		*dst = v.v
	}
}

type (
	idParser       struct{}
	userParser     struct{}
	hostnameParser struct{}
	netParser      struct{}
	pid1Parser     struct{}
	kindParser     struct{}
	pathParser     struct{}
	ownParser      struct{}
	sizeParser     struct{}
	memoryParser   struct{}
	ioParser       struct{}
	countParser    struct{}
	secondsParser  struct{}
	modeParser     struct{}
	envParser      struct{}
)

func (idParser) parse(s string) (userns.ID, error)    { return userns.ParseID(s) }
func (hostnameParser) parse(s string) (string, error) { return ParseHostname(s) }
func (netParser) parse(s string) (Net, error)         { return ParseNet(s) }
func (pid1Parser) parse(s string) (PID1, error)       { return ParsePID1(s) }
func (sizeParser) parse(s string) (uint64, error)     { return ParseSize(s) }
func (memoryParser) parse(s string) (uint64, error)   { return cgroupdelegate.ParseMemory(s) }
func (envParser) parse(s string) (EnvRule, error)     { return ParseEnv(s) }

func (ioParser) parse(s string) (cgroupdelegate.IOMax, error) { return cgroupdelegate.ParseIOMax(s) }

func (userParser) parse(s string) ([2]Number, error) {
	uid, gid, err := ParseUser(s)
	return [2]Number{uid, gid}, err
}

func (kindParser) parse(s string) (Kind, error) {
	for k, name := range kindNames {
		if name == s && Kind(k) != Overlay {
			return Kind(k), nil
		}
	}
	return 0, fmt.Errorf("mount type %q: want one of ro, rw, like-host, tmpfs, hide, link, file, passwd, group, dir, proc, dev, overlay-tmp, resolv.conf, cgroup", s)
}

func (pathParser) parse(s string) (string, error) { return ParsePath(s) }

func (ownParser) parse(s string) (string, error) {
	if s == "caller" {
		return "", nil // the caller's own, which is not known here
	}
	return ParsePath(s)
}

// ParseSeconds reads a time of at least a second: "90s", "10m".
func ParseSeconds(s string) (uint64, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("time %q: want at least a second, such as 90s or 10m", s)
	}
	return uint64(d / time.Second), nil
}

func (secondsParser) parse(s string) (uint64, error) { return ParseSeconds(s) }

func (modeParser) parse(s string) (uint32, error) {
	m, err := strconv.ParseUint(s, 8, 12)
	if err != nil {
		return 0, fmt.Errorf("mode %q: want octal digits such as \"0755\"", s)
	}
	return uint32(m), nil
}

func (countParser) parse(s string) (uint64, error) {
	if s == "infinity" || s == "unlimited" {
		return Unlimited, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("count %q: want a number such as 128, up to 2147483647, or infinity", s)
	}
	return n, nil
}
