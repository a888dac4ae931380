package cgroupdelegate

import (
	"slices"
	"testing"
)

func TestMembership(t *testing.T) {
	for _, tt := range []struct {
		name, text, own string
		v1              []string
	}{
		{"cgroup v2", "0::/user.slice/user-1000.slice/session-2.scope\n", "/user.slice/user-1000.slice/session-2.scope", nil},
		{"the root", "0::/\n", "/", nil},
		{"above the namespace", "0::/../../init.scope\n", "/../../init.scope", nil},
		{"hybrid", "12:pids:/a\n11:cpu,cpuacct:/b\n1:name=systemd:/user.slice\n0::/user.slice/c\n", "/user.slice/c", []string{"pids", "cpu", "cpuacct"}},
		{"v1 alone", "2:memory:/x\n1:name=systemd:/y\n", "", []string{"memory"}},
		{"a path with colons and blanks", "0::/a:b/ c \n", "/a:b/ c ", nil},
		{"no newline at the end", "0::/a", "/a", nil},
		{"empty", "", "", nil},
		{"no such format", "0\nx\n:\n", "", nil},
	} {
		own, v1 := Membership(tt.text)
		if own != tt.own || !slices.Equal(v1, tt.v1) {
			t.Errorf("%s: Membership(%q) = %q, %q, want %q, %q", tt.name, tt.text, own, v1, tt.own, tt.v1)
		}
	}
}
