package plan

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// What keeps a hostile payload from what belongs to its caller, beside the
// walls that any jail has. Each was found by trying.

// crossing are the capabilities that make one id of a user namespace as good
// as another (capabilities(7)).
var crossing = caps.Of(caps.Chown, caps.DacOverride, caps.DacReadSearch, caps.Fowner, caps.Fsetid,
	caps.Setuid, caps.Setgid, caps.Setfcap)

// keepsToItself refuses a capability by which the payload would become its
// caller. With an id of its own there are two in its user namespace: 0 is the
// caller, under whose id the jail is built. CAP_SETUID leads from one to the
// other, and CAP_DAC_OVERRIDE to the caller's files (user_namespaces(7)). With
// root as the caller, that is the host's root: /proc/sys/kernel/core_pattern
// asks for the uid and for no capability (fs/proc/proc_sysctl.c:test_perm).
func (c *compiler) keepsToItself() error {
	if c.keep.Has(caps.SysAdmin) {
		return refuse("--cap-add CAP_SYS_ADMIN",
			"the mounts belong to the payload's user namespace, and with this capability it could take off what --ro and --hide put there",
			"--profile build, where the payload may make a user namespace of its own and has every capability there")
	}
	both := c.keep & crossing
	if c.id.ID != userns.SubID || both == 0 {
		return nil
	}
	remedy := "--id self, where the payload is you and nobody else"
	if c.host.Caller.UID == 0 {
		remedy = "call procjail from an ordinary account, with --id self"
	}
	return refuse("--cap-add "+both.Caps()[0].String(),
		"your own id is in the payload's user namespace too, and with this capability the payload could act as you", remedy)
}

// session leaves the caller's session and process group (setsid(2)). From within
// the group, kill(0, SIGKILL) under the caller's id would end procjail, make(1)
// and the shell around them, and /dev/tty would be the caller's terminal
// wherever the streams are redirected to. Init leads the session and the payload
// a process group in it, so that the payload can be stopped: one whose parent is
// in another session is orphaned, and stops for no terminal (setpgid(2)).
func (c *compiler) session() { c.add(Setsid{}) }

// awaitInit lets the payload wait until PID 1 is a program of its own, which
// says so. Until then the payload could read the supervisor's command line in
// /proc/1/cmdline, which asks for no right to trace, unlike all else there
// (fs/proc/base.c:get_mm_cmdline).
func (c *compiler) awaitInit() {
	if c.ready != 0 {
		c.add(Read{c.ready, 8}).Want = 8
	}
}

// stayTied loads a filter of its own where the payload is PID 1. Only the
// parent death signal makes that die with procjail, and any process may take
// its own back: prctl(2) PR_SET_PDEATHSIG becomes EPERM but for SIGKILL. The
// seccomp policy goes on top.
func (c *compiler) stayTied() {
	if c.spec.Init == profiles.PID1Payload {
		c.add(SetFilter{Name: "pid1", Program: tiedFilter(c.host.Arch)})
	}
}

// tiedFilter looks at the calls of the architecture and at those of its 32-bit
// one, since another policy than ours may let those through.
func tiedFilter(arch string) []byte {
	native, compat := uint32(unix.AUDIT_ARCH_X86_64), uint32(unix.AUDIT_ARCH_I386)
	if arch == "arm64" {
		native, compat = unix.AUDIT_ARCH_AARCH64, unix.AUDIT_ARCH_ARM
	}
	const (
		compatPrctl = 172              // on i386 and arm
		notX32      = ^uint32(1 << 30) // x32's numbers are amd64's with this bit
		nr, from    = 0, 4             // struct seccomp_data, in words of little endian
		arg0, arg1  = 16, 24

		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		mask   = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
	)
	var program []byte
	for _, i := range []struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}{
		0:  {load, 0, 0, from},
		1:  {equal, 0, 3, native},
		2:  {load, 0, 0, nr},
		3:  {mask, 0, 0, notX32},
		4:  {equal, 3, 7, unix.SYS_PRCTL},
		5:  {equal, 0, 6, compat},
		6:  {load, 0, 0, nr},
		7:  {equal, 0, 4, compatPrctl},
		8:  {load, 0, 0, arg0},
		9:  {equal, 0, 2, unix.PR_SET_PDEATHSIG},
		10: {load, 0, 0, arg1},
		11: {equal, 0, 1, uint32(unix.SIGKILL)},
		12: {answer, 0, 0, unix.SECCOMP_RET_ALLOW},
		13: {answer, 0, 0, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
	} {
		program = binary.NativeEndian.AppendUint16(program, i.code)
		program = append(program, i.jt, i.jf)
		program = binary.NativeEndian.AppendUint32(program, i.k)
	}
	return program
}
