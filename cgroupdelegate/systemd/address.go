package systemd

import (
	"strings"

	"github.com/godbus/dbus/v5"
)

// Address is a stream socket behind which a manager may be reached.
type Address struct {
	// Path is of the file system, or begins with "@" for an abstract socket, as in unix(7).
	Path string
	// Direct is true for the manager's own socket, where there is no bus daemon between. It takes the manager's user and
	// root only, and says nothing before it closes the connection of anybody else.
	Direct bool
}

// UserAddresses returns where the service manager of a user may be, the best first: its own socket, then the buses of
// busAddress or, where that is empty, the user's bus. The parameters are the values of XDG_RUNTIME_DIR and
// DBUS_SESSION_BUS_ADDRESS, and each may be empty. Addresses other than of unix sockets are passed over.
//
// Source: src/shared/bus-util.c:bus_connect_user_systemd, and "Server Addresses" of the D-Bus specification.
func UserAddresses(runtimeDir, busAddress string) []Address {
	var addrs []Address
	if runtimeDir != "" {
		addrs = append(addrs, Address{Path: runtimeDir + "/systemd/private", Direct: true})
		if busAddress == "" {
			busAddress = "unix:runtime=yes"
		}
	}
	for server := range strings.SplitSeq(busAddress, ";") {
		if path := unixPath(server, runtimeDir); path != "" {
			addrs = append(addrs, Address{Path: path})
		}
	}
	return addrs
}

// SystemAddresses returns where the service manager of the system is. The first is root's alone.
func SystemAddresses() []Address {
	return []Address{{Path: "/run/systemd/private", Direct: true}, {Path: "/run/dbus/system_bus_socket"}}
}

// unixPath returns the path in an address such as unix:path=/run/user/1000/bus,guid=1234, or "" where it is of another
// kind or broken.
func unixPath(server, runtimeDir string) string {
	keys, ok := strings.CutPrefix(server, "unix:")
	if !ok {
		return ""
	}
	for pair := range strings.SplitSeq(keys, ",") {
		key, value, _ := strings.Cut(pair, "=")
		value, err := dbus.UnescapeBusAddressValue(value)
		switch {
		case err != nil || value == "" || strings.IndexByte(value, 0) >= 0:
		case key == "path":
			return value
		case key == "abstract":
			return "@" + value
		case key == "runtime" && value == "yes" && runtimeDir != "":
			return runtimeDir + "/bus"
		}
	}
	return ""
}
