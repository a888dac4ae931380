package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// alternatives returns the rules that args stand for. One argument compared
// twice cannot match twice in libseccomp: runc makes each comparison a rule of
// its own then, so that any of them matches; see its matchSyscall.
func alternatives(args []Arg) [][]Arg {
	var indexes uint
	for _, a := range args {
		if indexes&(1<<a.Index) != 0 {
			var each [][]Arg
			for _, a := range args {
				each = append(each, []Arg{a})
			}
			return each
		}
		indexes |= 1 << a.Index
	}
	return [][]Arg{args}
}

// conditions reads includes or excludes. all: every condition that is stated
// holds; anyOf: one does. As moby/profiles/seccomp/seccomp_linux.go reads them.
func (d *ociDecoder) conditions() (all, anyOf bool, err error) {
	all = true
	check := func(holds bool) {
		all = all && holds
		anyOf = anyOf || holds
	}
	err = d.object(func(key string) error {
		switch key {
		case "caps":
			caps, err := d.strings()
			for _, c := range caps {
				check(slices.Contains(d.host.Capabilities, c.Text))
			}
			return err
		case "arches":
			arches, err := d.strings()
			if len(arches) != 0 {
				check(slices.ContainsFunc(arches, func(a Name) bool { return a.Text == d.host.Arch }))
			}
			return err
		case "minKernel":
			v, err := d.string()
			if err != nil || v.Text == "" {
				return err
			}
			holds, err := atLeast(d.host.Kernel, v.Text)
			if err != nil {
				return d.errorAt(v.Pos, "minKernel: %w", err)
			}
			check(holds)
			return nil
		}
		return errUnknownKey
	})
	return all, anyOf, err
}

// atLeast compares kernel versions of the form MAJOR.MINOR.
func atLeast(have, want string) (bool, error) {
	h, err := parseKernel(have)
	if err != nil {
		return false, err
	}
	w, err := parseKernel(want)
	if err != nil {
		return false, err
	}
	return slices.Compare(h[:], w[:]) >= 0, nil
}

func parseKernel(s string) (v [2]uint64, err error) {
	major, minor, ok := strings.Cut(s, ".")
	if !ok {
		return v, fmt.Errorf("kernel version %q is not MAJOR.MINOR", s)
	}
	var errMinor error
	v[0], err = strconv.ParseUint(major, 10, 32)
	v[1], errMinor = strconv.ParseUint(minor, 10, 32)
	if errors.Join(err, errMinor) != nil {
		return v, fmt.Errorf("kernel version %q is not MAJOR.MINOR", s)
	}
	return v, nil
}

// swallow drops, of rules for one call, those with args where there is one
// without. libseccomp does the same, whatever their order (src/db.c:
// db_rule_add); in a procjail policy the two together mean something else.
func swallow(rules []Rule) []Rule {
	always := make(map[string]bool)
	for _, r := range rules {
		for _, n := range r.Names {
			always[n.Text] = always[n.Text] || len(r.Args) == 0
		}
	}
	var left []Rule
	for _, r := range rules {
		if len(r.Args) != 0 {
			r.Names = slices.DeleteFunc(slices.Clone(r.Names), func(n Name) bool { return always[n.Text] })
		}
		if len(r.Names) != 0 {
			left = append(left, r)
		}
	}
	return left
}
