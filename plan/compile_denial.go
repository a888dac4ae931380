package plan

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// watch is how the supervisor learns what the filter refuses.
type watch struct {
	program        []byte // the policy, asking the listener; nil: nobody listens
	ours, payloads FD     // two ends of a socket
}

// wantListener turns the policy's filter into one that asks. The supervisor then
// gives the answer that the policy gives. Where that cannot be, the kernel gives
// it, and nobody learns of it.
func (c *compiler) wantListener() error {
	switch program, ok := denial.Watch(c.spec.Filter.Program, denial.AuditArch(c.host.Arch), traced(c.spec)); {
	case c.spec.Denials == DenialsOff:
		c.plan.Unwatched = "--denials off"
	case !c.host.Listener:
		c.plan.Unwatched = "procjail itself runs under a filter that has a listener, of which there can be one (seccomp(2), EBUSY), or that refuses it one"
	case !ok:
		c.plan.Unwatched = "the policy " + c.spec.Filter.Name + " does not always allow sendmsg, by which the listener is handed over"
	case c.spec.Denials == DenialsTrace && !c.waitsKillable():
		c.plan.Unwatched = "this kernel is " + c.host.Release + ", and lets a signal interrupt who waits for an answer; 5.19 is the first that does not"
	default:
		c.watch.program = program
		return nil
	}
	if c.spec.Denials == DenialsTrace {
		return refuse("--trace-denials", c.plan.Unwatched, "leave it out")
	}
	return nil
}

// traced are the calls that somebody wants to see.
func traced(spec *Spec) []int32 {
	switch {
	case spec.Denials == DenialsTrace:
		return denial.Traced()
	case spec.Look:
		return []int32{unix.SYS_EXECVE}
	}
	return nil
}

// listenerSocket makes the way on which the payload hands over the listener.
func (c *compiler) listenerSocket() {
	if w := &c.watch; w.program != nil {
		w.ours, w.payloads = c.result(), c.result()
		c.add(Socketpair{w.ours, w.payloads})
	}
}

// filter loads the policy. From there on the payload makes one call before its
// execve: it hands over the listener, which a policy that is watched must allow.
func (c *compiler) filter() {
	f, w := c.spec.Filter, &c.watch
	if w.program == nil {
		c.add(SetFilter(f))
		return
	}
	// One thread loads it, and SECCOMP_FILTER_FLAG_TSYNC, which would return a
	// thread's id, has nothing to do.
	asks := f.Flags&^unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	if c.waitsKillable() {
		asks |= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	}
	listener := c.get(SetFilter{f.Name, w.program, asks})
	c.add(SendFD{w.payloads, listener})
}

// waitsKillable tells whether a thread that waits for the answer can be held to it:
// since Linux 5.19 only a signal that kills comes first.
func (c *compiler) waitsKillable() bool { return c.host.Major > 5 || c.host.Minor >= 19 }

// takeListener receives it.
func (c *compiler) takeListener() {
	if w := &c.watch; w.program != nil {
		c.plan.Listener = c.get(ReceiveFD{w.ours})
		c.plan.Filter = c.spec.Filter.Program
	}
}
