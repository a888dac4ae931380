package plan

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// earlyNetwork and lateNetwork make the network namespace, which takes longer than
// all the others together, in a process of its own beside init, which is ready when
// the mounts are: it shares init's memory and descriptors, and leaves it one of the
// namespace. While others write init's maps there is no processor left for that:
// newuidmap and newgidmap need both of a small machine's.
func (c *compiler) earlyNetwork() error { return c.network(c.id.Method == userns.WriteSelf) }

func (c *compiler) lateNetwork() error { return c.network(c.id.Method != userns.WriteSelf) }

func (c *compiler) network(now bool) error {
	if !now {
		return nil
	}
	c.allProcessors() // of which its child is to run on another
	if c.spec.Net != profiles.NetNone {
		return nil
	}
	c.from = c.spec.at("net")
	c.netPid = c.get(Clone{unix.CLONE_VM | unix.CLONE_FILES})
	c.stage = Network
	c.add(Unshare{unix.CLONE_NEWNET})
	fd := c.get(Socket{})
	c.add(InterfaceUp{fd, "lo"})
	c.netNS = c.get(NamespaceOf{fd})
	c.add(Exit{})
	c.stage, c.from = Init, ""
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
