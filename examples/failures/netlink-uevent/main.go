// Command netlink-uevent opens the socket on which the kernel tells of devices, as
// udev, libusb and desktops do.
//
// Seen: "Address family not supported by protocol" from one part of a program
// while another lists the network's interfaces by the same family.
//
// Kernel: socket(AF_NETLINK, ...) is EAFNOSUPPORT by the filter for every protocol
// but NETLINK_ROUTE (netlink(7)): it reads the third argument.
//
// Remedy: --seccomp default allows every netlink protocol; devices there are none
// in a jail.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	for _, protocol := range []struct {
		name  string
		value int
	}{{"NETLINK_ROUTE", unix.NETLINK_ROUTE}, {"NETLINK_KOBJECT_UEVENT", unix.NETLINK_KOBJECT_UEVENT}} {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, protocol.value)
		if err != nil {
			fmt.Fprintf(os.Stderr, "socket(AF_NETLINK, SOCK_RAW, %s): %v\n", protocol.name, err)
			os.Exit(1)
		}
		fmt.Printf("socket(AF_NETLINK, SOCK_RAW, %s) is open\n", protocol.name)
		_ = unix.Close(fd)
	}
}
