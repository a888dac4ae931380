package policy

import (
	"bytes"
	"fmt"
)

// Policy is what a file says, with includes resolved.
type Policy struct {
	File        string // for messages
	Description string
	Default     Action // numbers that no rule names
	Foreign     Action // every ABI but the native one
	Rules       []Rule
	Flags       uint32 // SECCOMP_FILTER_FLAG_* of seccomp(2)

	// SkipUnknown is true for OCI profiles: a name that nobody knows is passed
	// over, as every runtime does, and not an error. Profiles name system calls
	// that are newer than the libraries that read them.
	SkipUnknown bool
}

// Rule gives an action to system calls.
type Rule struct {
	Action Action
	Names  []Name
	Args   []Arg // all must match; none: whatever the arguments
}

// Name is a system call's name and where it stands.
type Name struct {
	Text string
	Pos  Position
}

// Arg compares one argument of 64 bits. Index is unique in a rule.
type Arg struct {
	Index uint
	Op    Op
	Mask  uint64 // for MaskedEqual: (arg & Mask) == Value
	Value uint64
}

// Op is a comparison, SCMP_CMP_* of seccomp_rule_add(3).
type Op string

// The words of a policy file.
const (
	Equal        Op = "eq"
	NotEqual     Op = "ne"
	Less         Op = "lt"
	LessEqual    Op = "le"
	Greater      Op = "gt"
	GreaterEqual Op = "ge"
	MaskedEqual  Op = "masked_eq"
)

// Position is a place in a file, from 1. The zero value is the whole file.
type Position struct{ Line, Column int }

// Error is a mistake in a policy.
type Error struct {
	File string
	Pos  Position
	Err  error
}

func (e *Error) Error() string {
	if e.Pos.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d:%d: %v", e.File, e.Pos.Line, e.Pos.Column, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Host is what the meaning of an OCI profile depends on besides its text.
type Host struct {
	Arch         string   // GOARCH, for includes.arches
	Kernel       string   // "6.1", for includes.minKernel
	Capabilities []string // that the payload has, as CAP_SYS_ADMIN
}

// Decode reads either format: JSON begins with a brace, TOML never does.
func Decode(file string, text []byte, host Host) (*Policy, error) {
	if t := bytes.TrimLeft(text, " \t\r\n"); len(t) > 0 && t[0] == '{' {
		return decodeOCI(file, text, host)
	}
	return decodeTOML(file, text)
}

// Unconditional returns the actions of the rules without args, by name.
func (p *Policy) Unconditional() map[string]Action {
	m := make(map[string]Action)
	for _, r := range p.Rules {
		if len(r.Args) != 0 {
			continue
		}
		for _, n := range r.Names {
			if _, ok := m[n.Text]; !ok {
				m[n.Text] = r.Action
			}
		}
	}
	return m
}

// Conditional returns the names that a rule with args has.
func (p *Policy) Conditional() map[string]bool {
	m := make(map[string]bool)
	for _, r := range p.Rules {
		for _, n := range r.Names {
			m[n.Text] = m[n.Text] || len(r.Args) != 0
		}
	}
	return m
}
