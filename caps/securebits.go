package caps

import (
	"strconv"
	"strings"
)

// Securebits are a thread's flags for PR_SET_SECUREBITS(2const). Each setting is a pair: the even bit turns it on, the
// odd bit above it locks it as it is, and no later call can undo a lock. Setting any of the first eight needs
// CAP_SETPCAP.
type Securebits uint32

// The bits of include/uapi/linux/securebits.h.
const (
	// SecbitNoroot: execve(2) and set-user-ID-root programs give uid 0 no capabilities.
	SecbitNoroot Securebits = 1 << iota
	SecbitNorootLocked
	// SecbitNoSetuidFixup: a change of uid to or from 0 leaves the capability sets alone.
	SecbitNoSetuidFixup
	SecbitNoSetuidFixupLocked
	// SecbitKeepCaps: the permitted set survives the change of all uids from 0. execve(2) clears it.
	SecbitKeepCaps
	SecbitKeepCapsLocked
	// SecbitNoCapAmbientRaise: nothing can be added to the ambient set. Since Linux 4.3.
	SecbitNoCapAmbientRaise
	SecbitNoCapAmbientRaiseLocked
	// SecbitExecRestrictFile: asks interpreters to check a file with AT_EXECVE_CHECK. Since Linux 6.14; before, EPERM.
	SecbitExecRestrictFile
	SecbitExecRestrictFileLocked
	// SecbitExecDenyInteractive: asks interpreters to refuse code that is no file. Since Linux 6.14; before, EPERM.
	SecbitExecDenyInteractive
	SecbitExecDenyInteractiveLocked
)

// Locked is the value that profile strict sets: uid 0 means nothing, a change of uid changes no capability, nothing is
// kept across a change of uid, the ambient set stays empty, and all four stay so for ever. KEEP_CAPS is locked off.
// The kernel clears KEEP_CAPS at execve(2) whatever its lock says, so nothing is lost there. The two bits of 6.14 are
// left out: they are hints for interpreters, and older kernels refuse them.
const Locked = SecbitNoroot | SecbitNorootLocked |
	SecbitNoSetuidFixup | SecbitNoSetuidFixupLocked |
	SecbitKeepCapsLocked |
	SecbitNoCapAmbientRaise | SecbitNoCapAmbientRaiseLocked

// securebitNames has the name of bit n at n.
var securebitNames = [...]string{
	"SECBIT_NOROOT", "SECBIT_NOROOT_LOCKED",
	"SECBIT_NO_SETUID_FIXUP", "SECBIT_NO_SETUID_FIXUP_LOCKED",
	"SECBIT_KEEP_CAPS", "SECBIT_KEEP_CAPS_LOCKED",
	"SECBIT_NO_CAP_AMBIENT_RAISE", "SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED",
	"SECBIT_EXEC_RESTRICT_FILE", "SECBIT_EXEC_RESTRICT_FILE_LOCKED",
	"SECBIT_EXEC_DENY_INTERACTIVE", "SECBIT_EXEC_DENY_INTERACTIVE_LOCKED",
}

// String returns the flags as strace(1) prints them: names with | between, bits with no name last in hexadecimal, 0 as
// "0".
func (b Securebits) String() string {
	var parts []string
	for n, name := range securebitNames {
		if b&(1<<n) != 0 {
			parts = append(parts, name)
		}
	}
	if rest := b >> len(securebitNames) << len(securebitNames); rest != 0 {
		parts = append(parts, "0x"+strconv.FormatUint(uint64(rest), 16))
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, "|")
}
