package systemd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUserAddresses(t *testing.T) {
	private := Address{Path: "/run/user/1000/systemd/private", Direct: true}
	for _, tt := range []struct {
		runtimeDir, bus string
		want            []Address
	}{
		{"", "", nil},
		{"/run/user/1000", "", []Address{private, {Path: "/run/user/1000/bus"}}},
		{"/run/user/1000", "unix:path=/run/user/1000/bus", []Address{private, {Path: "/run/user/1000/bus"}}},
		{"", "unix:path=/tmp/dbus-1,guid=0123456789abcdef", []Address{{Path: "/tmp/dbus-1"}}},
		{"", "unix:guid=01,path=/tmp/dbus%2d1%20x", []Address{{Path: "/tmp/dbus-1 x"}}},
		{"", "unix:abstract=/tmp/dbus-x", []Address{{Path: "@/tmp/dbus-x"}}},
		{"", "tcp:host=localhost,port=1;unix:path=/a;;unix:path=/b", []Address{{Path: "/a"}, {Path: "/b"}}},
		{"/r", "unix:runtime=yes", []Address{{Path: "/r/systemd/private", Direct: true}, {Path: "/r/bus"}}},
		{"", "unix:runtime=yes", nil},
		{"", "unix:runtime=no", nil},
		{"", "unix:path=%zz", nil},
		{"", "unix:path=", nil},
		{"", "unix:path=/a%00b", nil},
		{"", "unix:", nil},
		{"", "unix", nil},
		{"", "autolaunch:", nil},
		{"", "disabled:", nil},
	} {
		if diff := cmp.Diff(tt.want, UserAddresses(tt.runtimeDir, tt.bus)); diff != "" {
			t.Errorf("UserAddresses(%q, %q): %s", tt.runtimeDir, tt.bus, diff)
		}
	}
	want := []Address{{Path: "/run/systemd/private", Direct: true}, {Path: "/run/dbus/system_bus_socket"}}
	if diff := cmp.Diff(want, SystemAddresses()); diff != "" {
		t.Error(diff)
	}
}
