package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

// TestSecretsInVariables passes a variable on by the profile, and then because
// it was asked for.
func TestSecretsInVariables(t *testing.T) {
	for value, secret := range map[string]bool{
		"https://proxy.example.org:3128":                       false,
		"https://user:password@proxy.example.org:3128":         true,
		"https://token@registry.example.org/go,direct":         true,
		"https://a.example.org|https://u:p@b.example.org,off":  true,
		"user:password@proxy.example.org:3128":                 true,
		"localhost,127.0.0.1,.example.org":                     false,
		"https://registry.example.org/@scope/package":          false,
		"/opt/node@18/bin:/usr/bin":                            false,
		"-O2 -DMAIL=a@example.org -I/usr/include":              false,
		"socks5h://[2001:db8::1]:1080":                         false,
		"--require /srv/hook.js --title=x:y@z --import data:,": true, // rather once too often
	} {
		for _, asked := range []bool{false, true} {
			spec, host := plantest.Spec("build", "id"), plantest.Ordinary()
			spec.Net = profiles.NetHost
			spec.Env = []profiles.EnvRule{{Key: "X", Pass: true}}
			if asked {
				spec.Env = append(spec.Env, profiles.EnvRule{Key: "X", Pass: true, Asked: true})
			}
			host.Env = []string{"X=" + value}
			plantest.Look(spec, host)
			p, err := plan.Compile(spec, host)
			if err != nil {
				t.Fatal(err)
			}
			var env []string
			for _, e := range p.Entries {
				if x, ok := e.Step.(plan.Execve); ok {
					env = x.Env
				}
			}
			kept := secret && !asked
			if got := slices.Contains(env, "X="+value); got == kept {
				t.Errorf("%q, asked %v: passed %v", value, asked, got)
			}
			if got := strings.Contains(fmt.Sprint(p.Notes), "X holds a password and is not passed on; -e X passes it"); got != kept {
				t.Errorf("%q, asked %v: notes %q", value, asked, p.Notes)
			}
		}
	}
}
