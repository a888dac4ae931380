package seccomp

import _ "embed" // for the directives below

// The bytes come from seccomp/policy/builtin/*.toml by "go generate"; a test in
// seccomp/libseccomp fails when the two disagree.
var (
	//go:embed filters/strict.arm64.bpf
	strictProgram string
	//go:embed filters/default.arm64.bpf
	defaultProgram string
	//go:embed filters/build.arm64.bpf
	buildProgram string
)
