package userns

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// ParseNSS reads nsswitch.conf(5) and returns the module that subordinate ids come from, "" for /etc/subuid and
// /etc/subgid: no subid line, an empty one, or "files". Any other word is a module that only shadow can load, and
// getsubids(1) is how its answer is had.
//
// It reads as shadow does (lib/nss.c, since 4.9): "subid:" in either case at the start of a line, the first such line
// that names something counts, and of it only the first word, for shadow asks one source alone.
func ParseNSS(r io.Reader) (module string, err error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	const key = "subid:"
	for line := range strings.Lines(string(text)) {
		if len(line) < len(key) || !strings.EqualFold(line[:len(key)], key) {
			continue
		}
		words := strings.Fields(line[len(key):])
		if len(words) == 0 {
			continue
		}
		if words[0] == "files" {
			return "", nil
		}
		return words[0], nil
	}
	return "", nil
}

// ParseGetSubIDs reads what getsubids(1) prints, one line for each range:
//
//	(1) index and colon  (2) owner  (3) first id  (4) count
//
// The owner is the word that getsubids was asked for and is not looked at. A line of another form is an error, for then
// this is another program's output.
func ParseGetSubIDs(r io.Reader) ([]Range, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var ranges []Range
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSuffix(line, "\n")
		// From the right: an owner from a directory service may hold blanks, as in "DOMAIN\domain user".
		fields := strings.Fields(line)
		n := len(fields)
		if n < 4 || !isIndex(fields[0]) {
			return nil, &LineError{File: "getsubids", Line: number, Text: line, Reason: "want index: owner first count"}
		}
		rng, bad := newRange(fields[n-2], fields[n-1])
		if bad != "" {
			return nil, &LineError{File: "getsubids", Line: number, Text: line, Reason: bad}
		}
		ranges = append(ranges, rng)
	}
	return ranges, nil
}

func isIndex(s string) bool {
	digits, ok := strings.CutSuffix(s, ":")
	if !ok {
		return false
	}
	_, err := strconv.ParseUint(digits, 10, 32)
	return err == nil
}

// Login is what passwd(5) says of a user and procjail needs.
type Login struct {
	Name string
	UID  uint32
	GID  uint32 // the primary group
	Home string
}

// ErrNoLogin says that passwd(5) has no line for the uid. It is no proof that the user has no name: a directory service
// may know one.
var ErrNoLogin = errors.New("no line for this uid in passwd")

// ParsePasswd reads passwd(5) and returns the first user with the given uid, as getpwuid(3) with "files" would:
//
//	(1) login name  (2) password  (3) uid  (4) primary gid  (5) comment  (6) home  (7) shell
//
// Lines that are broken, and the + and - lines of nis(5), are passed over. [ErrNoLogin] if there is none.
func ParsePasswd(r io.Reader, uid uint32) (Login, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return Login{}, err
	}
	return parsePasswd(string(text), uid)
}

func parsePasswd(text string, uid uint32) (Login, error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		name, rest, _ := strings.Cut(line, ":")
		_, rest, _ = strings.Cut(rest, ":")
		user, rest, _ := strings.Cut(rest, ":")
		group, rest, more := strings.Cut(rest, ":")
		if !more || name == "" || strings.ContainsAny(name[:1], "#+-") {
			continue
		}
		u, uerr := strconv.ParseUint(user, 10, 32)
		if uerr != nil || uint32(u) != uid {
			continue
		}
		g, gerr := strconv.ParseUint(group, 10, 32)
		if gerr != nil {
			continue
		}
		_, rest, _ = strings.Cut(rest, ":")
		home, _, _ := strings.Cut(rest, ":")
		return Login{Name: name, UID: uid, GID: uint32(g), Home: home}, nil
	}
	return Login{}, ErrNoLogin
}
