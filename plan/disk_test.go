package plan_test

import (
	"testing"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/internal/plantest"
)

// TestDisks: a limit on what is no disk is refused, with a cgroup and without.
// What only /sys could tell is of no interest where there is no cgroup.
func TestDisks(t *testing.T) {
	for _, tt := range []struct {
		path          string
		without, with string // a cgroup
	}{
		{"/dev/sda", "", ""},
		{"/srv/none", `--io-max "/srv/none": ENOENT from stat on the host`, `--io-max "/srv/none": ENOENT from stat on the host`},
		{"/srv/secret", `--io-max "/srv/secret": EACCES from stat on the host`, `--io-max "/srv/secret": EACCES from stat on the host`},
		{"/run", `--io-max "/run": it lies on no block device`, `--io-max "/run": it lies on no block device`},
		{"/dev/unknown", "", `--io-max "/dev/unknown": /sys/dev/block does not tell which disk it is on`},
	} {
		for source, want := range map[cgroupdelegate.Source]string{cgroupdelegate.Auto: tt.with, cgroupdelegate.Off: tt.without} {
			spec, host := strict(), plantest.Ordinary()
			plantest.Look(spec, host)
			spec.Cgroup = source
			spec.Limits.IO = []cgroupdelegate.IOMax{{Path: tt.path, Rbps: 1e6}}
			checkRefusal(t, tt.path+", --cgroup "+source.String(), spec, host, want)
		}
	}
}
