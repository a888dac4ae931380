package wall

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	words      = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	paths      = regexp.MustCompile(`/[^\s:;,'"()]+`)
	owned      = regexp.MustCompile(`(?i)\bown(s|ed|er|ership)?\b`)
	privileges = regexp.MustCompile(`\b(e?uid|setuid|suid|privileges?|(be|not|as) root)\b([^=]|$)`)
	locales    = regexp.MustCompile(`(?i)\blocale\b`)
)

// message is for what a program writes to standard error: where that has the words for
// something that the jail is known to withhold, and of which no call tells.
func message(f Failure, v View) Met {
	var named, locale []string
	for _, name := range f.Withheld {
		if len(name) > 2 && slices.Contains(words.FindAllString(f.Data, -1), name) {
			named = append(named, name)
		}
		if name == "LANG" || strings.HasPrefix(name, "LC_") {
			locale = append(locale, name)
		}
	}
	switch {
	case len(named) > 0:
		return withheld("it names ", named)
	case len(locale) > 0 && locales.MatchString(f.Data):
		return withheld("it speaks of the locale, and that is in ", locale)
	case owned.MatchString(f.Data):
		for _, p := range paths.FindAllString(f.Data, -1) {
			p = strings.TrimRight(p, ".!?")
			if in := v.Inside(p); in.Exists && !v.Shown(in.UID) {
				return Met{
					Wall: IDMap, Inferred: true, Text: "it speaks of the owner of " + p + ", who is not in the jail's user namespace: stat(2) says 65534, nobody (user_namespaces(7))",
					Remedy: "--id self for what is yours; tell the program otherwise",
				}
			}
		}
	}
	return Met{}
}

// Speaks reports whether a program's message speaks of a failure: by a path, by the end
// of one, or by what strerror(3) says of the errno and no path; of privilege that was
// not gained by a word for that.
func Speaks(f Failure, m Met, text string) bool {
	text = strings.ToLower(text)
	if m.Wall == Privilege { // a program names itself in whatever it says
		return privileges.MatchString(text)
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

func withheld(text string, names []string) Met {
	return Met{
		Wall: Variable, Inferred: true, Text: text + strings.Join(names, ", ") + " of your environment, which the payload has not got",
		Remedy: "-e " + strings.Join(names, " -e ") + ", if it may have that",
	}
}
