package seccomp

import "errors"

var (
	// ErrUnknownPolicy says that a word is neither a built-in policy nor a file.
	ErrUnknownPolicy = errors.New("no built-in seccomp policy and no file of that name")
	// ErrNoCompanion says that procjail-seccomp is in none of the places where
	// Load looks for it, so that a policy never seen before cannot be compiled.
	ErrNoCompanion = errors.New("procjail-seccomp is not installed beside procjail nor in ../libexec/procjail")
)

// LoadError is every failure of Load.
type LoadError struct {
	Policy string // what the user asked for
	Err    error
}

func (e *LoadError) Error() string { return "seccomp policy " + quote(e.Policy) + ": " + e.Err.Error() }
func (e *LoadError) Unwrap() error { return e.Err }

// PolicyError says that the companion refused a policy.
type PolicyError struct {
	Message string // what it said: FILE:LINE:COLUMN: reason, one a line
}

func (e *PolicyError) Error() string { return e.Message }

// CompanionError says that procjail-seccomp failed for another reason than the
// policy: a mistake of ours, or a machine out of memory.
type CompanionError struct {
	Path string
	Err  error
}

func (e *CompanionError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *CompanionError) Unwrap() error { return e.Err }
