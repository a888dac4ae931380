// Package seccomp hands out the seccomp filters that procjail installs.
//
// It is the part that the launcher links: pure Go, nothing run at init, no
// parser and no compiler. A built-in filter is bytes in the binary. A filter
// for a policy file comes from the caller's cache or, the first time, from the
// companion program procjail-seccomp, which links libseccomp:
//
//	policy file ──► seccomp/policy ──► seccomp/libseccomp ──► seccomp/compact ──► Filter
//	TOML or OCI       decoded            linear BPF             binary search
//
// What it does not do: it installs nothing. The launcher copies Program into
// the child's table and calls seccomp(2) after no_new_privs is set.
//
//	f, err := seccomp.Load("strict", seccomp.Options{})
//	// prctl(PR_SET_NO_NEW_PRIVS, 1)
//	// seccomp(SECCOMP_SET_MODE_FILTER, f.Flags, &sock_fprog{f.Len(), &f.Program[0]})
//
// References: seccomp(2), seccomp_init(3), Documentation/userspace-api/seccomp_filter.rst.
package seccomp

//go:generate go run github.com/Emmanuel326/procjail/cmd/procjail-seccomp generate filters
