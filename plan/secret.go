package plan

import (
	"strings"

	"github.com/Emmanuel326/procjail/profiles"
)

// withheld tells whether a variable that the profile passes on is kept back:
// one with a user's name or password in a URL, as a proxy's or a registry's may
// have (https://user:password@proxy:3128, curl's user:password@proxy). Who wants
// it inside says so with -e.
func withheld(r profiles.EnvRule, value string) bool {
	if r.Asked {
		return false
	}
	// GOPROXY and NO_PROXY are lists.
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(",| \t", r) }) {
		_, rest, url := strings.Cut(part, "://")
		if !url {
			rest = part
		}
		authority, _, _ := strings.Cut(rest, "/")
		if user, _, ok := strings.Cut(authority, "@"); ok && (url || strings.Contains(user, ":")) {
			return true
		}
	}
	return false
}

// noteSecrets names the variables that were kept back, where there is a network
// that they would have been for.
func (c *compiler) noteSecrets() {
	if c.spec.Net == profiles.NetNone {
		return
	}
	asked := make(map[string]bool)
	for _, r := range c.spec.Env {
		asked[r.Key] = asked[r.Key] || r.Asked
	}
	for _, r := range c.spec.Env {
		for _, kv := range c.host.Env {
			if v, ok := strings.CutPrefix(kv, r.Key+"="); ok && r.Pass && !asked[r.Key] && withheld(r, v) {
				c.note("", r.Key+" holds a password and is not passed on; -e "+r.Key+" passes it")
				break
			}
		}
	}
}
