package policy

import "math"

// The runtime specification's words and what docker and podman add to them:
// archMap, defaultErrno and errno as names, name, comment, includes, excludes.
var (
	ociActions = map[string]Kind{
		"SCMP_ACT_ALLOW":        Allow,
		"SCMP_ACT_ERRNO":        Errno,
		"SCMP_ACT_KILL":         KillThread,
		"SCMP_ACT_KILL_THREAD":  KillThread,
		"SCMP_ACT_KILL_PROCESS": KillProcess,
		"SCMP_ACT_LOG":          Log,
		"SCMP_ACT_TRAP":         Trap,
		"SCMP_ACT_TRACE":        Trace,
	}
	ociOps = map[string]Op{
		"SCMP_CMP_NE":        NotEqual,
		"SCMP_CMP_LT":        Less,
		"SCMP_CMP_LE":        LessEqual,
		"SCMP_CMP_EQ":        Equal,
		"SCMP_CMP_GE":        GreaterEqual,
		"SCMP_CMP_GT":        Greater,
		"SCMP_CMP_MASKED_EQ": MaskedEqual,
	}
	// ociFlags are those of seccomp(2). TSYNC is accepted and dropped: a filter
	// is installed while there is one thread.
	ociFlags = map[string]uint32{
		"SECCOMP_FILTER_FLAG_TSYNC":              0,
		"SECCOMP_FILTER_FLAG_LOG":                1 << 1,
		"SECCOMP_FILTER_FLAG_SPEC_ALLOW":         1 << 2,
		"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 0, // means nothing without a listener
	}
)

// defaultErrno is what SCMP_ACT_ERRNO and SCMP_ACT_TRACE mean without errnoRet.
const defaultErrno = 1 // EPERM

// ociDecoder reads one profile.
type ociDecoder struct {
	*jsonReader
	host Host
	p    *Policy
}

func decodeOCI(file string, text []byte, host Host) (*Policy, error) {
	d := ociDecoder{
		jsonReader: newJSONReader(file, text),
		host:       host,
		// A runtime kills what calls by an ABI that the profile has no
		// architecture for. Here that is every ABI but the native one, whatever
		// the profile lists; and the process dies, not one of its threads.
		p: &Policy{File: file, Foreign: Action{Kind: KillProcess}, SkipUnknown: true},
	}
	if err := d.profile(); err != nil {
		return nil, err
	}
	d.p.Rules = swallow(d.p.Rules)
	return d.p, d.end()
}

func (d *ociDecoder) profile() error {
	var action ociAction
	err := d.object(func(key string) (err error) {
		switch key {
		case "defaultAction":
			action.name, err = d.string()
		case "defaultErrnoRet":
			action.ret, action.hasRet, err = d.number(maxErrno)
		case "defaultErrno":
			action.errno, err = d.string()
		case "architectures":
			_, err = d.strings()
		case "archMap":
			err = d.archMap()
		case "flags":
			err = d.flags()
		case "listenerPath", "listenerMetadata":
			var s Name
			if s, err = d.string(); err == nil && s.Text != "" {
				err = d.errorAt(s.Pos, "%s: procjail hands no listener to others", key)
			}
		case "syscalls":
			err = d.array(d.syscall)
		default:
			err = errUnknownKey
		}
		return err
	})
	if err == nil {
		d.p.Default, err = d.action(action)
	}
	return err
}

func (d *ociDecoder) archMap() error {
	return d.array(func() error {
		return d.object(func(key string) (err error) {
			switch key {
			case "architecture":
				_, err = d.string()
			case "subArchitectures":
				_, err = d.strings()
			default:
				err = errUnknownKey
			}
			return err
		})
	})
}

func (d *ociDecoder) flags() error {
	names, err := d.strings()
	if err != nil {
		return err
	}
	for _, n := range names {
		bit, ok := ociFlags[n.Text]
		if !ok {
			return d.errorAt(n.Pos, "unknown flag %q", n.Text)
		}
		d.p.Flags |= bit
	}
	return nil
}

// ociAction is an action as it is spread over three keys.
type ociAction struct {
	name   Name
	ret    uint64
	hasRet bool
	errno  Name // podman's spelling of ret; the number wins
}

func (d *ociDecoder) action(a ociAction) (Action, error) {
	if a.name.Text == "" {
		return Action{}, d.errorAt(a.name.Pos, "no action")
	}
	if a.name.Text == "SCMP_ACT_NOTIFY" {
		return Action{}, d.errorAt(a.name.Pos, "action SCMP_ACT_NOTIFY is reserved and does nothing yet")
	}
	kind, ok := ociActions[a.name.Text]
	if !ok {
		return Action{}, d.errorAt(a.name.Pos, "unknown action %q", a.name.Text)
	}
	action := Action{Kind: kind}
	if kind != Errno && kind != Trace {
		return action, nil
	}
	switch {
	case a.hasRet:
		action.Data = uint16(a.ret)
	case a.errno.Text != "":
		if action.Data, ok = errnoNumber(a.errno.Text); !ok {
			return Action{}, d.errorAt(a.errno.Pos, "unknown error name %q", a.errno.Text)
		}
	default:
		action.Data = defaultErrno
	}
	return action, nil
}

// syscall reads one entry of syscalls and appends what it means on this host.
func (d *ociDecoder) syscall() error {
	var (
		rule     Rule
		action   ociAction
		args     []Arg
		pos      = d.pos()
		included = true
	)
	err := d.object(func(key string) (err error) {
		switch key {
		case "names":
			var names []Name
			names, err = d.strings()
			rule.Names = append(rule.Names, names...)
		case "name":
			var n Name
			if n, err = d.string(); err == nil && n.Text != "" {
				rule.Names = append(rule.Names, n)
			}
		case "action":
			action.name, err = d.string()
		case "errnoRet":
			action.ret, action.hasRet, err = d.number(maxErrno)
		case "errno":
			action.errno, err = d.string()
		case "args":
			args, err = d.args()
		case "comment":
			_, err = d.string()
		case "includes", "excludes":
			var all, anyOf bool
			all, anyOf, err = d.conditions()
			included = included && (key == "includes" && all || key == "excludes" && !anyOf)
		default:
			err = errUnknownKey
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(rule.Names) == 0 {
		return d.errorAt(pos, "syscalls: entry without names")
	}
	if action.name.Pos.Line == 0 {
		action.name.Pos = pos
	}
	if rule.Action, err = d.action(action); err != nil || !included {
		return err
	}
	for _, alternative := range alternatives(args) {
		rule.Args = alternative
		d.p.Rules = append(d.p.Rules, rule)
	}
	return nil
}

func (d *ociDecoder) args() ([]Arg, error) {
	var args []Arg
	err := d.array(func() error {
		var (
			arg Arg
			two uint64
			op  Name
			pos = d.pos()
		)
		err := d.object(func(key string) (err error) {
			var n uint64
			switch key {
			case "index":
				n, _, err = d.number(5)
				arg.Index = uint(n)
			case "value":
				arg.Value, _, err = d.number(math.MaxUint64)
			case "valueTwo":
				two, _, err = d.number(math.MaxUint64)
			case "op":
				op, err = d.string()
			default:
				err = errUnknownKey
			}
			return err
		})
		if err != nil {
			return err
		}
		var ok bool
		if arg.Op, ok = ociOps[op.Text]; !ok {
			return d.errorAt(pos, "unknown op %q", op.Text)
		}
		if arg.Op == MaskedEqual { // value is the mask: config-linux.md
			arg.Mask, arg.Value = arg.Value, two
		}
		args = append(args, arg)
		return nil
	})
	return args, err
}
