package wall_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/wall"
)

// TestWritable: what is offered for a read-only place works, and covers nothing of the
// jail's own unsaid.
func TestWritable(t *testing.T) {
	v := jail
	v.inside = map[string]wall.Seen{"/dev/null": file(0o666, 0), "/etc": dir(0o755, 0), "/run": dir(0o755, 0), "/srv": dir(0o755, 1001), "/usr/local/bin": dir(0o755, 0), "/usr/local/bin/old": file(0o755, 0), "/srv/old": file(0o644, 1001)}
	v.host = map[string]string{"/dev": "/dev", "/etc": "/etc", "/run": "/run", "/srv": "/srv", "/usr/local/bin": "/usr/local/bin", "/proc/sys/net": "/proc/sys/net", "/sys/fs/cgroup": "/sys/fs/cgroup"}
	v.mounts = `1 0 0:1 / / ro - tmpfs none rw
2 1 0:2 / /usr ro - ext4 /dev/sda rw
3 1 0:3 / /srv ro - ext4 /dev/sda rw
4 1 0:4 / /proc ro - proc none rw
5 1 0:5 / /dev/null ro - devtmpfs none rw
6 1 0:6 / /sys/fs/cgroup ro - cgroup2 none rw
`
	self := v
	self.self = true
	const root, proc = "another place, on a --tmpfs or in what --rw shows", "-p build, whose /proc is not read-only"
	for _, c := range []struct {
		call, path string
		v          view
		want       string
	}{
		{"openat", "/usr/local/bin/tool", v, "--overlay-tmp /usr/local/bin --id self, whose changes are thrown away, or --overlay, which keeps them apart; the host's is not yours to change"},
		{"openat", "/usr/local/bin/tool", self, "--overlay-tmp /usr/local/bin, whose changes are thrown away, or --overlay, which keeps them apart; the host's is not yours to change"},
		{"openat", "/srv/x", v, "--overlay-tmp /srv --id self, whose changes are thrown away, --overlay, which keeps them apart, or --rw, which changes the host's"},
		{"openat", "/srv/x", self, "--overlay-tmp /srv, whose changes are thrown away, --overlay, which keeps them apart, or --rw, which changes the host's"},
		{"openat", "/usr/local/bin/old", v, ""},
		{"unlink", "/usr/local/bin/old", self, "--overlay-tmp /usr/local/bin, whose changes are thrown away, or --overlay, which keeps them apart; the host's is not yours to change"},
		{"openat", "/srv/old", self, "--overlay-tmp /srv, whose changes are thrown away, --overlay, which keeps them apart, or --rw, which changes the host's"},
		{"fchownat", "/srv/old", self, ""},
		{"fchmodat", "/dev/null", v, ""},
		{"openat", "/etc/x", v, "--tmpfs /etc, which hides what is there, for what may be lost"},
		{"openat", "/run/x", v, "--tmpfs /run, which hides what is there, for what may be lost"},
		{"mkdir", "/run/app", v, "--tmpfs /run/app makes it, for what may be lost"},
		{"openat", "/x", v, root},
		{"openat", "/proc/self/oom_score_adj", v, proc},
		{"openat", "/proc/12/comm", v, proc},
		{"openat", "/proc/sys/net/x", v, ""},
		{"openat", "/proc/sysrq-trigger", v, ""},
		{"mkdir", "/sys/fs/cgroup/x", v, ""},
	} {
		f := wall.Failure{Call: c.call, Errno: unix.EROFS, Paths: []string{c.path}, Write: true}
		if c.call == "fchownat" {
			f.IDs = []uint32{5, 1<<32 - 1}
		}
		got := wall.Of(f, c.v)
		if got.Wall != wall.ReadOnly || got.Remedy != c.want {
			t.Errorf("%s %s: %q %q, want %q", c.call, c.path, got.Wall, got.Remedy, c.want)
		}
	}
}
