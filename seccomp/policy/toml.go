package policy

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// tomlFile is the document's form; what is a pointer must be told from absent.
type tomlFile struct {
	Description string     `toml:"description"`
	Include     string     `toml:"include"`
	Default     *Action    `toml:"default"`
	Foreign     *Action    `toml:"foreign"`
	Rule        []tomlRule `toml:"rule"`
}

type tomlRule struct {
	Action *Action   `toml:"action"`
	Names  []string  `toml:"names"`
	Args   []tomlArg `toml:"args"`
}

// tomlArg's numbers are TOML's, signed 64 bits: -1 is all ones, as in C.
type tomlArg struct {
	Index *int64 `toml:"index"`
	Op    Op     `toml:"op"`
	Mask  *int64 `toml:"mask"`
	Value *int64 `toml:"value"`
}

func decodeTOML(file string, text []byte) (*Policy, error) {
	var f tomlFile
	dec := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, tomlError(file, err)
	}
	at := newLocator(text)
	fail := func(pos Position, format string, args ...any) error {
		return &Error{File: file, Pos: pos, Err: fmt.Errorf(format, args...)}
	}

	p := &Policy{File: file}
	if f.Include != "" {
		base, err := Builtin(f.Include)
		if err != nil {
			return nil, fail(at.key("include"), "include: %w", err)
		}
		p.Default, p.Foreign, p.Rules = base.Default, base.Foreign, base.Rules
	}
	p.Description = f.Description
	if f.Default == nil && f.Include == "" {
		return nil, fail(Position{}, "no default action, and no include that has one")
	}
	if f.Foreign == nil && f.Include == "" {
		return nil, fail(Position{}, "no foreign action, and no include that has one")
	}
	if f.Default != nil {
		p.Default = *f.Default
	}
	if f.Foreign != nil {
		p.Foreign = *f.Foreign
	}

	var own []Rule
	for i, r := range f.Rule {
		pos := at.rule(i)
		if r.Action == nil {
			return nil, fail(pos, "rule without an action")
		}
		if len(r.Names) == 0 {
			return nil, fail(pos, "rule without names")
		}
		rule := Rule{Action: *r.Action}
		for _, n := range r.Names {
			rule.Names = append(rule.Names, Name{Text: n, Pos: at.name(i, n)})
		}
		for _, a := range r.Args {
			arg, err := a.decode(rule.Args)
			if err != nil {
				return nil, fail(pos, "args: %w", err)
			}
			rule.Args = append(rule.Args, arg)
		}
		own = append(own, rule)
	}
	p.Rules = append(without(p.Rules, own), own...)
	if err := checkRules(p, own); err != nil {
		return nil, err
	}
	return p, nil
}

func (a tomlArg) decode(before []Arg) (Arg, error) {
	switch {
	case a.Index == nil || *a.Index < 0 || *a.Index > 5:
		return Arg{}, errors.New("index must be 0 to 5")
	case a.Value == nil:
		return Arg{}, errors.New("no value")
	}
	arg := Arg{Index: uint(*a.Index), Op: a.Op, Value: uint64(*a.Value)}
	for _, b := range before {
		if b.Index == arg.Index {
			return Arg{}, fmt.Errorf("argument %d twice in one rule: libseccomp compares each once", arg.Index)
		}
	}
	switch a.Op {
	case MaskedEqual:
		if a.Mask == nil {
			return Arg{}, errors.New("masked_eq without a mask")
		}
		arg.Mask = uint64(*a.Mask)
		if arg.Value&^arg.Mask != 0 {
			return Arg{}, fmt.Errorf("value %#x has bits outside of mask %#x: it never matches", arg.Value, arg.Mask)
		}
	case Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual:
		if a.Mask != nil {
			return Arg{}, fmt.Errorf("mask goes with masked_eq only, not with %s", a.Op)
		}
	default:
		return Arg{}, fmt.Errorf("unknown op %q: want eq, ne, lt, le, gt, ge or masked_eq", string(a.Op))
	}
	return arg, nil
}

// without returns the rules less the names that own gives a meaning of its own.
func without(rules, own []Rule) []Rule {
	mine := make(map[string]bool)
	for _, r := range own {
		for _, n := range r.Names {
			mine[n.Text] = true
		}
	}
	var left []Rule
	for _, r := range rules {
		keep := Rule{Action: r.Action, Args: r.Args}
		for _, n := range r.Names {
			if !mine[n.Text] {
				keep.Names = append(keep.Names, n)
			}
		}
		if len(keep.Names) != 0 {
			left = append(left, keep)
		}
	}
	return left
}

// checkRules finds what could only be a mistake: a name twice without args, and
// a rule with args that says what holds without it.
func checkRules(p *Policy, own []Rule) error {
	otherwise := make(map[string]Action)
	for _, r := range own {
		for _, n := range r.Names {
			if len(r.Args) != 0 {
				continue
			}
			if _, twice := otherwise[n.Text]; twice {
				return &Error{p.File, n.Pos, fmt.Errorf("%q is in two rules without args", n.Text)}
			}
			otherwise[n.Text] = r.Action
		}
	}
	for _, r := range own {
		for _, n := range r.Names {
			other, ok := otherwise[n.Text]
			if !ok {
				other = p.Default
			}
			if len(r.Args) != 0 && r.Action == other {
				return &Error{p.File, n.Pos, fmt.Errorf("this rule for %q changes nothing: it is %s without it, too", n.Text, other)}
			}
		}
	}
	return nil
}

// tomlError turns what go-toml says into an *Error; of many the first.
func tomlError(file string, err error) error {
	var strict *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		first := &strict.Errors[0]
		line, column := first.Position()
		key := first.Key()
		return &Error{file, Position{line, column}, fmt.Errorf("unknown key %q", key[len(key)-1])}
	case errors.As(err, &decode):
		line, column := decode.Position()
		return &Error{file, Position{line, column}, decode}
	}
	return &Error{File: file, Err: err}
}
