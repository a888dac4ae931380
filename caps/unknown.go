package caps

import "strconv"

// UnknownError says that a name is no capability's.
type UnknownError struct {
	Name    string // as it was given
	Nearest string // the accepted spelling that is nearest to it; never empty
}

// Error names the word and the accepted form that is nearest to it.
func (e *UnknownError) Error() string {
	return "unknown capability " + strconv.Quote(e.Name) + ", the nearest is " + e.Nearest
}

// maxSuggest bounds the words that are compared: a longer one is no typing mistake.
const maxSuggest = 64

// nearest returns the name with the fewest single-letter edits to name, the lowest number first. ALL is never offered: a
// slip must not end in that. A word too long to be a mistyped name gets CAP_SYS_ADMIN, which at least shows the form.
//
// Preconditions: name is canonical.
func nearest(name string) string {
	if len(name) > maxSuggest {
		return SysAdmin.String()
	}
	best := Cap(0).String()
	bestDistance := distance(name, best)
	for c := Cap(1); c <= lastNamed; c++ {
		if d := distance(name, c.String()); d < bestDistance {
			best, bestDistance = c.String(), d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b in bytes, one row of the table at a time.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
