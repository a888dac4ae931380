//go:build cgo

// Package libseccomp gives policies their meaning: it compiles them with
// libseccomp, through its Go binding, and compacts what comes out.
//
// It needs cgo and libseccomp 2.5 or later. Only procjail-seccomp and tests
// import it; the launcher gets the finished bytes.
//
//	p, err := policy.Decode("my.toml", text, policy.Host{})
//	filter, err := libseccomp.Compile(p, "amd64")
//
// The bytes do not depend on the libseccomp that compiled them, as far as it is
// right: names newer than libseccomp 2.5 are in numbers.go, and the kernel
// libseccomp runs on is not asked what it supports.
//
// References: seccomp_init(3), seccomp_rule_add(3), seccomp_api_set(3).
package libseccomp
