package caps_test

import (
	"fmt"

	"github.com/Emmanuel326/procjail/caps"
)

func Example() {
	const last = caps.CheckpointRestore // of the running kernel, from ParseLastCap
	keep, err := caps.Parse("net_bind_service")
	fmt.Println(keep, err)
	fmt.Println(len(caps.Drop(keep, last)), "of", len(caps.DropAll(last)), "are dropped")
	fmt.Printf("%x\n", caps.NewData(keep, keep, 0).Bytes())
	fmt.Println(caps.Locked)

	_, err = caps.Parse("CAP_SYSADMIN")
	fmt.Println(err)
	// Output:
	// CAP_NET_BIND_SERVICE <nil>
	// 40 of 41 are dropped
	// 000400000004000000000000000000000000000000000000
	// SECBIT_NOROOT|SECBIT_NOROOT_LOCKED|SECBIT_NO_SETUID_FIXUP|SECBIT_NO_SETUID_FIXUP_LOCKED|SECBIT_KEEP_CAPS_LOCKED|SECBIT_NO_CAP_AMBIENT_RAISE|SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED
	// unknown capability "CAP_SYSADMIN", the nearest is CAP_SYS_ADMIN
}
