// Command keyctl asks for its session keyring, as Kerberos clients, systemd and
// container runtimes do.
//
// Seen: "keyctl_session_to_parent: Operation not permitted", "unable to join
// session keyring", a Kerberos ticket cache of KEYRING: that cannot be read.
//
// Kernel: keyctl(2) is EPERM by the filter, before the call itself could say
// EOPNOTSUPP for an operation that there is not. Keys are not divided by
// namespaces, and one of the host's could be found by its number (keyrings(7)).
//
// Remedy: another cache (KRB5CCNAME=FILE:/tmp/cc). The policy build has a new
// session keyring and no more.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	ring, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, false)
	if err != nil {
		fmt.Fprintln(os.Stderr, "keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING):", err)
		_, _, errno := unix.Syscall(unix.SYS_KEYCTL, 9999, 0, 0)
		fmt.Fprintln(os.Stderr, "keyctl(9999):", errno)
		os.Exit(1)
	}
	fmt.Println("has a keyring:", ring != 0)
}
