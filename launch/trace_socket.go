package launch

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// listened reports whether somebody listens on a TCP port of the loopback, by
// /proc/PID/net/tcp, whose lines have the local port in hexadecimal and the state,
// 0A for TCP_LISTEN. True for what is no such address.
func listened(tid int, address string) bool {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().IsLoopback() {
		return true
	}
	for _, name := range []string{"tcp", "tcp6"} {
		text, err := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/net/" + name)
		if err != nil {
			return true // not to be known
		}
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			if len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", a.Port())) {
				return true
			}
		}
	}
	return false
}

// unanswered reports whether a socket for UDP is connected to a port of the loopback
// that no other has: what is sent there is ECONNREFUSED (udp(7)), and it shows in a
// read(2). /proc/PID/net/udp has the local port in hexadecimal, and the inode.
func unanswered(tid, fd int, address string) bool {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().IsLoopback() {
		return false
	}
	_, socket, err := sys.DescriptorOf(leader(tid), fd)
	if err != nil {
		return false
	}
	inode := strconv.FormatUint(socket.Ino, 10)
	ours, others := false, false
	for _, name := range []string{"udp", "udp6"} {
		text, _ := sys.ReadFile("/proc/" + strconv.Itoa(tid) + "/net/" + name)
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			switch {
			case len(f) < 10:
			case f[9] == inode:
				ours = true
			default:
				others = others || strings.HasSuffix(f[1], fmt.Sprintf(":%04X", a.Port()))
			}
		}
	}
	return ours && !others
}
