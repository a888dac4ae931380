package seccomp

// InstructionSize is sizeof(struct sock_filter), see linux/filter.h.
const InstructionSize = 8

// Filter is a program for seccomp(2), ready to be installed.
type Filter struct {
	Name    string // the built-in name, or the policy file as the caller named it
	Source  string // "built-in", or the policy file's path
	Program []byte // array of struct sock_filter, native endian, at most 4096 of them
	Flags   uint32 // SECCOMP_FILTER_FLAG_* that the policy asks for; 0 for every built-in
}

// Len returns the number of instructions: sock_fprog.len.
func (f Filter) Len() int { return len(f.Program) / InstructionSize }

// SourceBuiltin is Filter.Source of the filters that are part of the binary.
const SourceBuiltin = "built-in"

// Builtin returns the built-in filter of that name for the architecture this
// binary was built for. The caller owns Program.
func Builtin(name string) (Filter, bool) {
	program := ""
	switch name {
	case "strict":
		program = strictProgram
	case "default":
		program = defaultProgram
	case "build":
		program = buildProgram
	default:
		return Filter{}, false
	}
	return Filter{Name: name, Source: SourceBuiltin, Program: []byte(program)}, true
}

// Builtins returns the names that Builtin knows, the narrowest first.
func Builtins() []string { return []string{"strict", "default", "build"} }
