package wall

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// message is for what a program writes to standard error: where that has the words for
// something that the jail is known to withhold, and of which no call tells. One word is
// not enough: programs print names and paths for many reasons.
func message(f Failure, v View) Met {
	var named, locale, display []string
	for _, name := range f.Withheld {
		if len(name) > 2 && misses(f.Data, name) {
			named = append(named, name)
		}
		if name == "LANG" || strings.HasPrefix(name, "LC_") {
			locale = append(locale, name)
		}
		if name == "DISPLAY" || name == "WAYLAND_DISPLAY" {
			display = append(display, name)
		}
	}
	text := strings.ToLower(f.Data)
	switch {
	case len(named) > 0:
		return withheld("it names ", named)
	case len(locale) > 0 && hasAny(text, ofLocale):
		return withheld("it speaks of the locale, and that is in ", locale)
	case len(display) > 0 && hasAny(text, ofDisplay):
		return withheld("it has no display, and that is in ", display)
	case hasWord(text, "owned", "owner", "ownership") && !hasAny(text, ofCall):
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

var (
	// ofLocale is what programs say in whose locale they cannot go on: perl, Python and
	// those that name the one they are in.
	ofLocale = []string{"setting locale", "set locale", "set the locale", "setlocale", "locale setting", "locale c\n", "locale c ", "locale \"c\"", "c locale", "locale posix", "posix locale"}
	// ofDisplay is what the libraries of X11 and Wayland say.
	ofDisplay = []string{"open display", "open x display", "connect to display", "to wayland display"}
	// ofCall is said of a chown(2), which is looked at itself, or of another call that failed.
	ofCall = []string{
		"changing ownership", "change owner", "set owner", unix.EPERM.Error(), unix.EACCES.Error(), unix.EROFS.Error(), unix.EINVAL.Error(), unix.ENOENT.Error(),
	}
)

// misses reports whether a line says that what has this name is not there. A word of
// somebody's source is not a variable of the environment.
func misses(text, name string) bool {
	for line := range strings.Lines(text) {
		if lower := strings.ToLower(line); slices.Contains(wordsOf(line), name) && hasAny(lower, ofAbsence) && !hasAny(lower, ofSource) {
			return true
		}
	}
	return false
}

var (
	// ofAbsence are what shells, languages and their libraries say of a variable that
	// is not set.
	ofAbsence = []string{
		"not set", "n't set", "unset", "null or", "unbound variable", "missing", "undefined", "not defined", "n't defined", "keyerror", "no such key", "uninitialized value", "not present", "notpresent", "required", "requires",
		"is empty", "be empty", "must be set", "must set", "please set", "set the", "you need", "not provided", "not specified", "not given", "no value", "variable not found", "not found in the env", "please export",
	}
	ofSource = []string{
		"syntax", "pars", "unexpected", "nameerror", "referenceerror", "undeclared", "undefined reference", "undefined symbol", "undefined function", "uninitialized constant",
	}
)

func hasAny(text string, any []string) bool {
	return slices.ContainsFunc(any, func(s string) bool { return strings.Contains(text, s) })
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
