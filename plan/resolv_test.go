package plan_test

import (
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

// TestResolvConf looks for the one mount that is there with a network only. On
// the ordinary host /etc/resolv.conf is systemd-resolved's link to /run.
func TestResolvConf(t *testing.T) {
	for _, tt := range []struct {
		profile string
		net     profiles.Net
		plain   bool   // /etc/resolv.conf is no link
		want    string // where the host's file goes; empty: it is not shown
	}{
		{"strict", profiles.NetNone, false, ""},
		{"strict", profiles.NetHost, false, "etc/resolv.conf"},
		{"strict", profiles.NetHost, true, "etc/resolv.conf"},
		{"build", profiles.NetNone, false, ""},
		// The link is the host's, since all of /etc is; /run is not.
		{"build", profiles.NetHost, false, "run/systemd/resolve/stub-resolv.conf"},
		{"build", profiles.NetHost, true, ""}, // it is there with /etc
	} {
		spec, host := plantest.Spec(tt.profile, "id"), plantest.Ordinary()
		spec.Net = tt.net
		plantest.Look(spec, host)
		if p, ok := host.Paths["/etc/resolv.conf"]; ok && tt.plain {
			p.Link = ""
			host.Paths["/etc/resolv.conf"] = p
		}
		p, err := plan.Compile(spec, host)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, e := range p.Entries {
			if m, ok := e.Step.(plan.MoveMount); ok && strings.HasSuffix(m.ToPath, "resolv.conf") {
				got += m.ToPath
			}
		}
		if got != tt.want {
			t.Errorf("%s, net %s, plain %v: shown at %q, want %q", tt.profile, tt.net, tt.plain, got, tt.want)
		}
	}
}
