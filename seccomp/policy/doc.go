// Package policy decodes seccomp policies: procjail's own TOML, and the JSON of
// OCI runtimes, docker and podman as it is. It knows names and words, not what
// a rule does in the kernel: that is libseccomp's to say (seccomp/libseccomp).
//
// In TOML:
//
//	description = "strict, and a tracer may trace"
//	include = "strict"          # optional: a built-in policy to start from
//	default = "errno ENOSYS"    # what no rule names
//	foreign = "kill_process"    # any ABI but the native one: i386, x32
//
//	[[rule]]
//	action = "allow"
//	names = ["ptrace"]
//
//	[[rule]]
//	action = "errno EPERM"
//	names = ["ioctl"]
//	args = [{ index = 1, op = "masked_eq", mask = 0xffffffff, value = 0x5412 }]
//
// Actions: allow, log, errno NAME, trap, kill_thread, kill_process. notify is a
// reserved word. Operators: eq, ne, lt, le, gt, ge, all on 64 bits, and
// masked_eq. The args of a rule must all match. A system call may stand in
// several rules with args, any of which may match, and in one without, which
// holds when none does. A call that a file names keeps nothing of what an
// included policy says of it.
//
// Decoding is strict: an unknown key, word or name is an *Error with file, line
// and column.
//
// References: seccomp_rule_add(3), config-linux.md of the OCI runtime spec.
package policy
