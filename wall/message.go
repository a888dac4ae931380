package wall

import (
	"path"
	"slices"
	"strings"
)

// message is for what a program writes to standard error: where that has the words for
// something that the jail is known to withhold, and of which no call tells.
func message(f Failure, v View) Met {
	var named, locale, display []string
	for _, name := range f.Withheld {
		if len(name) > 2 && slices.Contains(wordsOf(f.Data), name) {
			named = append(named, name)
		}
		if name == "LANG" || strings.HasPrefix(name, "LC_") {
			locale = append(locale, name)
		}
		if name == "DISPLAY" || name == "WAYLAND_DISPLAY" {
			display = append(display, name)
		}
	}
	switch {
	case len(named) > 0:
		return withheld("it names ", named)
	case len(locale) > 0 && hasWord(f.Data, "locale"):
		return withheld("it speaks of the locale, and that is in ", locale)
	case len(display) > 0 && wantsDisplay(strings.ToLower(f.Data)):
		return withheld("it has no display, and that is in ", display)
	case hasWord(f.Data, "own", "owns", "owned", "owner", "ownership"):
		for _, p := range pathsOf(f.Data) {
			p = strings.TrimRight(p, ".!?")
			in := v.Inside(p)
			uid, _ := v.Ids()
			switch you, _ := v.You(); {
			case !in.Exists:
			case in.UID == you && you != uid:
				return Met{
					Wall: IDMap, Inferred: true, Text: "it speaks of the owner of " + p + ", which is yours, and the payload is another user than you",
					Remedy: "--id self, where the payload is you",
				}
			case !v.Shown(in.UID):
				return Met{
					Wall: IDMap, Inferred: true, Text: "it speaks of the owner of " + p + ", who is not in the jail's user namespace: stat(2) says 65534, nobody (user_namespaces(7))",
					Remedy: "--id self for what is yours; tell the program otherwise",
				}
			}
		}
	}
	return Met{}
}

// wantsDisplay looks for what the libraries of X11 and Wayland say.
func wantsDisplay(text string) bool {
	return slices.ContainsFunc([]string{"open display", "open x display", "connect to display", "to wayland display"}, func(s string) bool { return strings.Contains(text, s) })
}

// Speaks reports whether a program's message speaks of a failure: by a path, by the end
// of one, or by what strerror(3) says of the errno and no path; of privilege that was
// not gained by a word for that, and of the network by one of many.
func Speaks(f Failure, m Met, text string) bool {
	text = strings.ToLower(text)
	if m.Wall == Privilege { // a program names itself in whatever it says
		return speaksOfPrivilege(text)
	}
	if m.Wall == Network {
		return strings.Contains(text, "://") || hasWord(text, ofNetwork...)
	}
	if f.Errno != 0 && strings.Contains(text, f.Errno.Error()) && !strings.Contains(text, "/") {
		return true
	}
	for _, p := range f.Paths {
		if name := strings.ToLower(path.Base(p)); strings.Contains(text, strings.ToLower(p)) || len(name) > 3 && strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// ofNetwork are words of who could not reach something.
var ofNetwork = []string{
	"address", "connect", "connected", "connecting", "connection", "dial", "dns", "download", "eai_again", "econnrefused", "enetunreach", "fetch", "getaddrinfo",
	"host", "hostname", "http", "https", "internet", "lookup", "name", "network", "offline", "peer", "port", "proxy", "refused", "remote", "resolution", "resolve",
	"resolved", "resolver", "resolving", "retry", "retrying", "server", "service", "socket", "tcp", "timeout", "udp", "unreachable", "unresolved", "url",
}

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

func hasWord(text string, any ...string) bool {
	return slices.ContainsFunc(wordsOf(strings.ToLower(text)), func(w string) bool { return slices.Contains(any, w) })
}

// wordsOf are made of letters, digits and underlines, as the names of variables are.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// pathsOf are what begins with a slash, up to a blank or what punctuates.
func pathsOf(text string) (list []string) {
	for {
		i := strings.IndexByte(text, '/')
		if i < 0 {
			return list
		}
		text = text[i:]
		n := strings.IndexAny(text, " \t\n\f\r:;,'\"()")
		if n < 0 {
			n = len(text)
		}
		if n > 1 {
			list = append(list, text[:n])
		}
		text = text[n:]
	}
}

func withheld(text string, names []string) Met {
	return Met{
		Wall: Variable, Inferred: true, Text: text + strings.Join(names, ", ") + " of your environment, which the payload has not got",
		Remedy: "-e " + strings.Join(names, " -e ") + ", if it may have that",
	}
}
