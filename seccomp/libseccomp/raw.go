//go:build cgo

package libseccomp

import (
	"errors"
	"fmt"

	scmp "github.com/seccomp/libseccomp-golang"

	"github.com/Emmanuel326/procjail/seccomp/compact"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// Raw returns what libseccomp itself makes of p for several ABIs at once, to
// measure against: runc and crun install this. Rules for names that it does not
// know are left out.
func Raw(p *policy.Policy, abiNames []string) ([]byte, error) {
	if len(abiNames) == 1 {
		program, err := Linear(p, abiNames[0])
		return compact.Encode(program), err
	}
	var list []abi
	for _, name := range abiNames {
		a, ok := findABI(name)
		if !ok {
			return nil, fmt.Errorf("cannot compile for %q", name)
		}
		list = append(list, a)
	}
	f, err := newFilter(p, p.Default, list)
	if err != nil {
		return nil, err
	}
	defer f.Release()
	unconditional := p.Unconditional()
	for _, pr := range p.Rules {
		for _, name := range pr.Names {
			if _, both := unconditional[name.Text]; both && len(pr.Args) != 0 {
				return nil, errors.New("libseccomp cannot say for several ABIs at once what holds where no args match")
			}
			if number, err := scmp.GetSyscallFromName(name.Text); err == nil {
				if err := addRule(f, number, rule{action: pr.Action, args: pr.Args}, p.Default); err != nil {
					return nil, &policy.Error{File: p.File, Pos: name.Pos, Err: err}
				}
			}
		}
	}
	program, err := export(f)
	return compact.Encode(program), err
}
