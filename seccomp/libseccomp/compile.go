//go:build cgo

package libseccomp

import (
	"fmt"
	"slices"

	scmp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/net/bpf"

	"github.com/Emmanuel326/procjail/seccomp/compact"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// Version returns the version of libseccomp, "2.5.4".
func Version() string {
	major, minor, micro := scmp.GetLibraryVersion()
	return fmt.Sprintf("%d.%d.%d", major, minor, micro)
}

// Compile returns the compact filter of p for an architecture, amd64 or arm64:
// an array of struct sock_filter. A mistake in the policy is a *policy.Error.
func Compile(p *policy.Policy, goarch string) ([]byte, error) {
	a, ok := findABI(goarch)
	if !ok {
		return nil, fmt.Errorf("cannot compile for %q", goarch)
	}
	linear, err := Linear(p, goarch)
	if err != nil {
		return nil, err
	}
	program, err := compact.Compact(linear, a.audit)
	if err != nil {
		return nil, &policy.Error{File: p.File, Err: err}
	}
	return compact.Encode(program), nil
}

// Linear returns libseccomp's own program for p and one ABI. It is the reference
// that compaction is proven against.
//
// It is one program of libseccomp's, or several stitched together (stitch.go)
// where a policy says what libseccomp has no words for.
func Linear(p *policy.Policy, abiName string) ([]bpf.RawInstruction, error) {
	a, ok := findABI(abiName)
	if !ok {
		return nil, fmt.Errorf("cannot compile for %q", abiName)
	}
	s, err := split(p, a)
	if err != nil {
		return nil, err
	}
	main, err := build(p, a, p.Default, s.rules)
	if err != nil {
		return nil, err
	}
	st := stitch{arch: a.audit, main: main, constants: s.constants}
	for _, o := range s.otherwise {
		sub, err := build(p, a, o.action, o.rules)
		if err != nil {
			return nil, err
		}
		st.sections = append(st.sections, section{numbers: o.numbers(), program: sub})
	}
	return st.program(), nil
}

// rule is one of the policy's for one system call of one ABI.
type rule struct {
	name   policy.Name
	number int
	action policy.Action
	args   []policy.Arg
}

// parts of a policy, by how they are put to libseccomp.
type parts struct {
	rules     []rule                // as they are
	otherwise []otherwise           // calls with an action of their own for when no args match
	constants map[int]policy.Action // calls that this libseccomp cannot be given for this ABI
}

// otherwise is the calls that, where their rules with args do not match, all
// have the same action, which is not the policy's default. libseccomp has one
// default for a filter: these get a filter of their own.
type otherwise struct {
	action policy.Action
	rules  []rule
}

func (o otherwise) numbers() []int {
	var list []int
	for _, r := range o.rules {
		list = append(list, r.number)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func split(p *policy.Policy, a abi) (parts, error) {
	s := parts{constants: make(map[int]policy.Action)}
	unconditional, conditional := p.Unconditional(), p.Conditional()
	for _, pr := range p.Rules {
		for _, name := range pr.Names {
			number, how := a.number(name.Text)
			if how == notOnABI || how == unknownName && p.SkipUnknown {
				continue
			}
			fail := func(format string, args ...any) error {
				return &policy.Error{File: p.File, Pos: name.Pos, Err: fmt.Errorf(format, args...)}
			}
			if how == unknownName {
				return parts{}, fail("unknown system call %q", name.Text)
			}
			r := rule{name: name, number: number, action: pr.Action, args: pr.Args}
			other, both := unconditional[name.Text]
			switch {
			case how == fromTable && !a.native():
				if len(r.args) != 0 {
					return parts{}, fail("libseccomp %s does not know %q: its arguments can be compared only on %s itself",
						Version(), name.Text, a.name)
				}
				if _, ok := s.constants[number]; !ok {
					s.constants[number] = r.action
				}
			case both && len(r.args) != 0 && other != p.Default:
				s.add(other, r)
			case len(r.args) == 0 && conditional[name.Text] && r.action != p.Default:
				// It is the default of the filter that the call's other rules go to.
			default:
				s.rules = append(s.rules, r)
			}
		}
	}
	return s, nil
}

func (s *parts) add(action policy.Action, r rule) {
	for i := range s.otherwise {
		if s.otherwise[i].action == action {
			s.otherwise[i].rules = append(s.otherwise[i].rules, r)
			return
		}
	}
	s.otherwise = append(s.otherwise, otherwise{action, []rule{r}})
}
