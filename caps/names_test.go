package caps

import (
	"strings"
	"testing"

	"github.com/syndtr/gocapability/capability"
)

// TestNamesAreGocapabilitys holds the generated table against its source.
func TestNamesAreGocapabilitys(t *testing.T) {
	for i, name := range names {
		if want := "CAP_" + strings.ToUpper(capability.Cap(i).String()); name != want {
			t.Errorf("names[%d] = %q, gocapability has %q; run go generate", i, name, want)
		}
	}
	for _, c := range []Cap{Setgid, Setuid, Setpcap, NetAdmin, SysChroot, SysAdmin, Setfcap} {
		if want := "CAP_" + strings.ToUpper(capability.Cap(c).String()); c.String() != want {
			t.Errorf("Cap(%d) = %v, gocapability has %q", uint(c), c, want)
		}
	}
	for c, want := range map[Cap]capability.Cap{
		Setgid: capability.CAP_SETGID, Setuid: capability.CAP_SETUID, Setpcap: capability.CAP_SETPCAP, NetAdmin: capability.CAP_NET_ADMIN,
		SysChroot: capability.CAP_SYS_CHROOT, SysAdmin: capability.CAP_SYS_ADMIN, Setfcap: capability.CAP_SETFCAP,
	} {
		if int(c) != int(want) {
			t.Errorf("%v = %d, gocapability has %d", c, uint(c), int(want))
		}
	}
}
