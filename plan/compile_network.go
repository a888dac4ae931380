package plan

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// startNetwork makes the network namespace, which takes longer than all the
// others together. While others write init's maps, init has the time. Otherwise
// a process of its own makes it, and is ready when the mounts are: it shares
// init's memory and descriptors, and leaves it one of the namespace.
func (c *compiler) startNetwork() error {
	if c.spec.Net != profiles.NetNone {
		return nil
	}
	c.from = c.spec.at("net")
	defer func() { c.from = "" }()
	if c.id.Method != userns.WriteSelf {
		c.add(Unshare{unix.CLONE_NEWNET})
		c.loopback()
		return nil
	}
	c.netPid = c.get(Clone{unix.CLONE_VM | unix.CLONE_FILES})
	c.stage = Network
	c.add(Unshare{unix.CLONE_NEWNET})
	c.netNS = c.get(NamespaceOf{c.loopback()})
	c.add(Exit{})
	c.stage = Init
	return nil
}

// joinNetwork takes init to the network that was made meanwhile. Its socket
// says which that is: the old /proc may be gone by then.
func (c *compiler) joinNetwork() error {
	if c.netNS == 0 {
		return nil
	}
	c.from = c.spec.at("net")
	c.add(Reap{c.netPid})
	c.add(Setns{c.netNS, unix.CLONE_NEWNET})
	c.from, c.netNS = "", 0
	return nil
}

// loopback brings up the interface that leads nowhere, by way of a socket.
func (c *compiler) loopback() FD {
	fd := c.get(Socket{})
	c.add(InterfaceUp{fd, "lo"})
	return fd
}
