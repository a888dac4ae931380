package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tomlHead = "default = \"errno ENOSYS\"\nforeign = \"kill_process\"\n"

func TestDecodeTOML(t *testing.T) {
	text := `# a comment with "read" in it
description = "an example"
default = "errno EPERM"
foreign = "kill_thread"

[[rule]]
action = "allow"
names = [
  "read",  # not "write"
  "write",
]

[[rule]]
action = "errno EWOULDBLOCK"
names = ['clone']
args = [
  { index = 0, op = "masked_eq", mask = 0x7e020000, value = 0x20000 },
  { index = 5, op = "ne", value = -1 },
]
`
	got, err := Decode("example.toml", []byte(text), Host{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Policy{
		File:        "example.toml",
		Description: "an example",
		Default:     Action{Errno, 1},
		Foreign:     Action{Kind: KillThread},
		Rules: []Rule{
			{Action: Action{Kind: Allow}, Names: []Name{{"read", Position{9, 3}}, {"write", Position{10, 3}}}},
			{
				Action: Action{Errno, 11},
				Names:  []Name{{"clone", Position{15, 10}}},
				Args: []Arg{
					{Index: 0, Op: MaskedEqual, Mask: 0x7e020000, Value: 0x20000},
					{Index: 5, Op: NotEqual, Value: 1<<64 - 1},
				},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode(): -want +got\n%s", diff)
	}
}

// A name of the including file keeps nothing of what the included one says.
func TestDecodeTOMLInclude(t *testing.T) {
	p, err := Decode("test", []byte(`include = "strict"
[[rule]]
action = "errno EACCES"
names = ["ioctl", "read"]
`), Host{})
	if err != nil {
		t.Fatal(err)
	}
	strict, err := Builtin("strict")
	if err != nil {
		t.Fatal(err)
	}
	want := strict.Unconditional()
	want["ioctl"], want["read"] = Action{Errno, 13}, Action{Errno, 13}
	if diff := cmp.Diff(want, p.Unconditional()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if p.Conditional()["ioctl"] || !p.Conditional()["socket"] {
		t.Errorf("rules with args: ioctl %v, want none; socket %v, want strict's", p.Conditional()["ioctl"], p.Conditional()["socket"])
	}
	if p.Default != strict.Default || p.Foreign != strict.Foreign {
		t.Errorf("default %v, foreign %v: not strict's", p.Default, p.Foreign)
	}
}

func TestDecodeTOMLErrors(t *testing.T) {
	rule := tomlHead + "[[rule]]\n"
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", tomlHead + "colour = 1\n", `test:3:1: unknown key "colour"`},
		{"unknown key in a rule", rule + "action = \"allow\"\nnmaes = []\n", `test:5:1: unknown key "nmaes"`},
		{"unknown key in args", rule + "action = \"allow\"\nnames = [\"a\"]\nargs = [{ indx = 1 }]\n", `test:6:11: unknown key "indx"`},
		{"syntax", "default = \n", `test:1:`},
		{"unknown action", "default = \"deny\"\n", `test:1:11: toml: unknown action "deny": want allow, log, errno NAME, trap, kill_thread or kill_process`},
		{"unknown errno", "default = \"errno EFOO\"\n", `test:1:11: toml: unknown error name "EFOO"`},
		{"notify", "default = \"notify\"\n", `test:1:11: toml: action "notify" is reserved and does nothing yet`},
		{"no default", "foreign = \"allow\"\n", `test: no default action, and no include that has one`},
		{"no foreign", "default = \"allow\"\n", `test: no foreign action, and no include that has one`},
		{"no such include", "\ninclude = \"lax\"\n", `test:2:1: include: no built-in policy "lax": there are strict, default, build`},
		{"no action", rule + "names = [\"read\"]\n", `test:3:1: rule without an action`},
		{"no names", rule + "action = \"allow\"\n", `test:3:1: rule without names`},
		{"index", rule + "action = \"allow\"\nnames = [\"a\"]\nargs = [{ index = 6, op = \"eq\", value = 1 }]\n", `test:3:1: args: index must be 0 to 5`},
		{"no value", rule + "action = \"allow\"\nnames = [\"a\"]\nargs = [{ index = 0, op = \"eq\" }]\n", `test:3:1: args: no value`},
		{"unknown op", rule + "action = \"allow\"\nnames = [\"a\"]\nargs = [{ index = 0, op = \"is\", value = 1 }]\n", `test:3:1: args: unknown op "is": want eq, ne, lt, le, gt, ge or masked_eq`},
		{"mask without masked_eq", rule + "action = \"allow\"\nnames = [\"a\"]\nargs = [{ index = 0, op = \"eq\", mask = 1, value = 1 }]\n", `test:3:1: args: mask goes with masked_eq only, not with eq`},
		{"masked_eq without mask", rule + "action = \"allow\"\nnames = [\"a\"]\nargs = [{ index = 0, op = \"masked_eq\", value = 1 }]\n", `test:3:1: args: masked_eq without a mask`},
		{"value outside of mask", rule + "action = \"allow\"\nnames = [\"a\"]\nargs = [{ index = 0, op = \"masked_eq\", mask = 2, value = 1 }]\n", `test:3:1: args: value 0x1 has bits outside of mask 0x2: it never matches`},
		{"argument twice", rule + "action = \"allow\"\nnames = [\"a\"]\nargs = [{ index = 0, op = \"ge\", value = 1 }, { index = 0, op = \"le\", value = 2 }]\n", `test:3:1: args: argument 0 twice in one rule: libseccomp compares each once`},
		{"name twice", rule + "action = \"allow\"\nnames = [\"read\"]\n[[rule]]\naction = \"log\"\nnames = [\"read\"]\n", `test:8:10: "read" is in two rules without args`},
		{"rule without effect", rule + "action = \"errno ENOSYS\"\nnames = [\"read\"]\nargs = [{ index = 0, op = \"eq\", value = 1 }]\n", `test:5:10: this rule for "read" changes nothing: it is errno ENOSYS without it, too`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode("test", []byte(tt.text), Host{})
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Decode() = %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestActionText(t *testing.T) {
	for text, want := range map[string]Action{
		"allow":            {Kind: Allow},
		"log":              {Kind: Log},
		"trap":             {Kind: Trap},
		"kill_thread":      {Kind: KillThread},
		"kill_process":     {Kind: KillProcess},
		"errno EPERM":      {Errno, 1},
		"errno ENOTSUP":    {Errno, 95},
		"errno EOPNOTSUPP": {Errno, 95},
	} {
		var got Action
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("UnmarshalText(%q) = %v, %v, want %v", text, got, err, want)
		}
		var again Action
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("UnmarshalText(%q) = %v, %v, want %v", got.String(), again, err, got)
		}
	}
	if got := (Action{Trace, 7}).Return(); got != 0x7ff00007 {
		t.Errorf("Return() = %#x", got)
	}
}

func TestBuiltinsDecode(t *testing.T) {
	for _, name := range BuiltinNames() {
		p, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Description == "" || len(p.Rules) == 0 || p.Flags != 0 {
			t.Errorf("%s: description %q, %d rules, flags %#x", name, p.Description, len(p.Rules), p.Flags)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(tomlHead + "[[rule]]\naction = \"allow\"\nnames = [\"read\"]\nargs = [{ index = 0, op = \"eq\", value = 1 }]\n"))
	f.Add([]byte("include = \"default\"\n[[rule]]\naction = \"errno EPERM\"\nnames = ['read'] # comment\n"))
	f.Add([]byte(ociExample))
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Decode("fuzz", text, Host{Arch: "amd64", Kernel: "6.1"})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("Decode() = %T %v, want an *Error", err, err)
			}
			return
		}
		for _, r := range p.Rules {
			if len(r.Names) == 0 {
				t.Error("a rule without names")
			}
			seen := make(map[uint]bool)
			for _, a := range r.Args {
				if a.Index > 5 || seen[a.Index] {
					t.Errorf("args %+v", r.Args)
				}
				seen[a.Index] = true
			}
		}
	})
}
