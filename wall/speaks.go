package wall

import (
	"net"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Message is what a process wrote to standard error.
type Message struct {
	PID  int    // inside
	Name string // of the process
	Text string
}

// Speaks reports whether a program's message speaks of a failure: by a path, by the end
// of one, of the network by words for that, and of a privilege that was not gained by
// one for that, where it is the process's own or names its program.
func Speaks(f Failure, m Met, s Message) bool {
	text := strings.ToLower(s.Text)
	switch m.Wall {
	case Privilege: // a program names itself in whatever it says
		ofProgram := slices.ContainsFunc(f.Paths, func(p string) bool { return hasWord(text, wordsOf(path.Base(p))...) })
		return (s.PID == f.PID || ofProgram) && speaksOfPrivilege(text)
	case Network:
		return speaksOfNetwork(f, text)
	}
	for line := range strings.Lines(text) {
		for _, p := range f.Paths {
			if names(line, strings.ToLower(p), f.Errno) || m.Wall == ReadOnly && speaksOfReadOnly(line, p) {
				return true
			}
		}
	}
	return false
}

// Unnamed reports whether a message says what strerror(3) says of an errno, and of no
// file: the process may mean any that failed so.
func Unnamed(errno unix.Errno, s Message) bool {
	for line := range strings.Lines(strings.ToLower(s.Text)) {
		before, after, said := strings.Cut(line, errno.Error())
		if errno == 0 || !said || strings.Contains(line, "/") {
			continue
		}
		if !slices.ContainsFunc(wordsOf(before+" "+after), func(w string) bool {
			return !slices.Contains(ofErrors, w) && (len(w) < 3 || !strings.HasPrefix(strings.ToLower(s.Name), w)) && strings.Trim(w, "0123456789") != ""
		}) {
			return true
		}
	}
	return false
}

// ofErrors are words beside an errno's that name nothing.
var ofErrors = []string{
	"cannot", "code", "could", "error", "errno", "exception", "fail", "failed", "fatal", "io", "ioerror", "kind", "message", "not", "notfound", "open", "opening", "os", "oserror", "panic", "permissiondenied", "read", "stat", "unable", "to", "write",
}

// names reports whether a line names a path: in full, or by its end. What is also a
// word is a name where it is quoted, or where the errno is said.
func names(line, p string, errno unix.Errno) bool {
	said := false
	if errno != 0 {
		line, said = strings.ReplaceAll(line, errno.Error(), "\x00"), strings.Contains(line, errno.Error()) || hasWord(line, strings.ToLower(unix.ErrnoName(errno)))
	}
	base := path.Base(p)
	wordy := len(base) <= 3 || strings.Trim(base, "abcdefghijklmnopqrstuvwxyz") == ""
	for at := 0; ; {
		i := strings.Index(line[at:], base)
		if i < 0 || base == "/" {
			return false
		}
		from, to := at+i, at+i+len(base)
		at = from + 1
		start, quoted := 0, false
		if i := strings.LastIndexAny(line[:from], " \t\x00:;,=<>()[]{}"+quotes); i >= 0 {
			r, size := utf8.DecodeRuneInString(line[i:])
			start, quoted = i+size, strings.ContainsRune(quotes, r)
		}
		written := line[start:to]
		if strings.HasPrefix(written, "//") { // of unix:///path
			written = "/" + strings.TrimLeft(written, "/")
		}
		for strings.HasPrefix(written, "./") || strings.HasPrefix(written, "../") {
			_, written, _ = strings.Cut(written, "/")
		}
		switch {
		case to < len(line) && isOfName(line[to]), to+1 < len(line) && line[to] == '.' && isOfName(line[to+1]):
		case strings.Contains(written, "/"):
			if written == p || strings.HasSuffix(p, "/"+written) {
				return true
			}
		case from > 0 && isOfName(line[from-1]):
		case said, quoted, !wordy:
			return true
		}
	}
}

const quotes = "'\"`‘’“”"

func isOfName(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z'
}

// speaksOfReadOnly is for who does not name the file, but says why, or that it could
// not write where it is.
func speaksOfReadOnly(line, p string) bool {
	paths := pathsOf(line)
	if hasAny(line, []string{"read-only", "readonly", "read only"}) && len(paths) == 0 {
		return true
	}
	return hasAny(line, ofFailing) && hasWord(line, "lock", "write", "create", "save", "update", "remove", "install", "copy", "rename") &&
		slices.ContainsFunc(paths, func(other string) bool { return path.Dir(other) == strings.ToLower(path.Dir(p)) })
}

// ofFailing are the words of who could not.
var ofFailing = []string{"cannot", "can't", "could not", "couldn't", "fail", "unable", "error"}

// speaksOfNetwork looks for the words of who could not reach something: of those that
// are said of much else there are too many.
func speaksOfNetwork(f Failure, text string) bool {
	if host, _, err := net.SplitHostPort(f.Address); err == nil && strings.Contains(text, host) || f.Errno != 0 && strings.Contains(text, f.Errno.Error()) {
		return true
	}
	for line := range strings.Lines(text) {
		if hasAny(line, ofNetwork) || hasWord(line, ofConnections...) || strings.Contains(line, "://") && hasAny(line, ofFailing) {
			return true
		}
	}
	return false
}

var (
	ofNetwork = []string{
		"resolve host", "resolve proxy", "resolving host", "could not resolve", "unknown host", "unknownhost", "bad hostname", "host name", "host not found", "no such host", "no address associated", "name resolution", "name or service", "no route to host",
		"network is", "network error", "network access", "network fail", "network problem", "network unreach", "network connect", "no network", "the network", "keyserver", "fetch failed", "failed to fetch",
	}
	ofConnections = []string{
		"connect", "connected", "connecting", "connection", "connections", "dial", "dns", "download", "downloading", "eai_again", "eai_noname", "econnrefused", "ehostunreach", "enetunreach", "enotfound", "getaddrinfo", "gethostbyname",
		"internet", "offline", "tcp", "udp",
	}
)

// speaksOfPrivilege looks for the words of who has not got it. "uid=1000" is an option
// of a mount.
func speaksOfPrivilege(text string) bool {
	words := wordsOf(text)
	for i, w := range words {
		switch w {
		case "euid", "uid", "setuid", "suid", "privilege", "privileges":
			if !strings.Contains(text, w+"=") {
				return true
			}
		case "root":
			if i > 0 && slices.Contains([]string{"be", "not", "as"}, words[i-1]) {
				return true
			}
		}
	}
	return false
}
