package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ociExample has every key that the runtime specification, docker and podman
// know, as they write them.
const ociExample = `{
	"defaultAction": "SCMP_ACT_ERRNO",
	"defaultErrnoRet": 38,
	"defaultErrno": "ENOSYS",
	"archMap": [
		{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
		{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": null}
	],
	"architectures": ["SCMP_ARCH_X86_64"],
	"flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"],
	"listenerPath": "",
	"syscalls": [
		{
			"names": ["read", "write"],
			"action": "SCMP_ACT_ALLOW",
			"args": [],
			"comment": "",
			"includes": {},
			"excludes": {}
		},
		{
			"name": "clone",
			"action": "SCMP_ACT_ALLOW",
			"args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
			"comment": "",
			"includes": {},
			"excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390", "s390x"]}
		},
		{
			"names": ["mount"],
			"action": "SCMP_ACT_ALLOW",
			"args": null,
			"includes": {"caps": ["CAP_SYS_ADMIN"]}
		},
		{
			"names": ["ptrace"],
			"action": "SCMP_ACT_ALLOW",
			"includes": {"minKernel": "4.8"}
		},
		{
			"names": ["arch_prctl"],
			"action": "SCMP_ACT_ALLOW",
			"includes": {"arches": ["amd64", "x32"]}
		},
		{
			"names": ["socket"],
			"action": "SCMP_ACT_ERRNO",
			"errnoRet": 22,
			"errno": "EINVAL",
			"args": [{"index": 0, "value": 16, "valueTwo": 0, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 9, "op": "SCMP_CMP_EQ"}]
		},
		{
			"names": ["personality"],
			"action": "SCMP_ACT_ALLOW",
			"args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]
		}
	]
}`

func TestDecodeOCI(t *testing.T) {
	got, err := Decode("docker.json", []byte(ociExample), Host{Arch: "amd64", Kernel: "6.1"})
	if err != nil {
		t.Fatal(err)
	}
	allow := Action{Kind: Allow}
	want := &Policy{
		File:        "docker.json",
		Default:     Action{Errno, 38},
		Foreign:     Action{Kind: KillProcess},
		Flags:       1 << 1,
		SkipUnknown: true,
		Rules: []Rule{
			{Action: allow, Names: []Name{{"read", Position{14, 14}}, {"write", Position{14, 22}}}},
			{Action: allow, Names: []Name{{"clone", Position{22, 12}}}, Args: []Arg{{Op: MaskedEqual, Mask: 2114060288}}},
			{Action: allow, Names: []Name{{"ptrace", Position{36, 14}}}},
			{Action: allow, Names: []Name{{"arch_prctl", Position{41, 14}}}},
			{
				Action: Action{Errno, 22}, Names: []Name{{"socket", Position{46, 14}}},
				Args: []Arg{{Index: 0, Op: Equal, Value: 16}, {Index: 2, Op: Equal, Value: 9}},
			},
			{Action: allow, Names: []Name{{"personality", Position{53, 14}}}, Args: []Arg{{Op: Equal}}},
			{Action: allow, Names: []Name{{"personality", Position{53, 14}}}, Args: []Arg{{Op: Equal, Value: 1<<64 - 1}}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode(): -want +got\n%s", diff)
	}
}

// The same profile means something else elsewhere.
func TestDecodeOCIHost(t *testing.T) {
	for _, tt := range []struct {
		name string
		host Host
		want string
	}{
		{"plain", Host{Arch: "amd64", Kernel: "6.1"}, "arch_prctl clone personality ptrace read socket write"},
		{"arm64", Host{Arch: "arm64", Kernel: "6.1"}, "clone personality ptrace read socket write"},
		{"s390x", Host{Arch: "s390x", Kernel: "6.1"}, "personality ptrace read socket write"},
		{"old kernel", Host{Arch: "amd64", Kernel: "4.7"}, "arch_prctl clone personality read socket write"},
		{"kernel 4.10 is newer than 4.8", Host{Arch: "amd64", Kernel: "4.10"}, "arch_prctl clone personality ptrace read socket write"},
		{"CAP_SYS_ADMIN", Host{Arch: "amd64", Kernel: "6.1", Capabilities: []string{"CAP_SYS_ADMIN"}}, "arch_prctl mount personality ptrace read socket write"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Decode("docker.json", []byte(ociExample), tt.host)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for name := range p.Conditional() {
				names = append(names, name)
			}
			if got := sorted(names); got != tt.want {
				t.Errorf("names %s, want %s", got, tt.want)
			}
		})
	}
}

func TestDecodeOCIErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\",\n  \"sycalls\": []\n}", `test:3:3: unknown key "sycalls"`},
		{"key of another case", `{"DefaultAction": "SCMP_ACT_ALLOW"}`, `test:1:2: unknown key "DefaultAction"`},
		{"key twice", "{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n\"defaultAction\": \"SCMP_ACT_LOG\"}", `test:2:1: key "defaultAction" is here twice`},
		{"unknown key in args", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\",\n \"args\": [{\"idx\": 0}]}]}", `test:2:12: unknown key "idx"`},
		{"unknown action", `{"defaultAction": "SCMP_ACT_DENY"}`, `test:1:19: unknown action "SCMP_ACT_DENY"`},
		{"notify", `{"defaultAction": "SCMP_ACT_NOTIFY"}`, `test:1:19: action SCMP_ACT_NOTIFY is reserved and does nothing yet`},
		{"no default", `{}`, `test: no action`},
		{"no action", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [\n {\"names\": [\"read\"]}]}", `test:2:2: no action`},
		{"no names", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [\n {\"action\": \"SCMP_ACT_LOG\"}]}", `test:2:2: syscalls: entry without names`},
		{"unknown op", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\",\n \"args\": [{\"index\": 0, \"op\": \"EQ\"}]}]}", `test:2:11: unknown op "EQ"`},
		{"index", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\",\n \"args\": [{\"index\": 6}]}]}", `test:2:21: want a whole number from 0 to 5`},
		{"negative", `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1}`, `test:1:56: want a whole number from 0 to 4095`},
		{"unknown errno", `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EFOO"}`, `test:1:53: unknown error name "EFOO"`},
		{"unknown flag", `{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["FAST"]}`, `test:1:47: unknown flag "FAST"`},
		{"listener", `{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x"}`, `test:1:53: listenerPath: procjail hands no listener to others`},
		{"bad kernel", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "new"}}]}`, `test:1:119: minKernel: kernel version "new" is not MAJOR.MINOR`},
		{"truncated", `{"defaultAction": "SCMP_ACT_ALLOW"`, `test:1:35: ends too early`},
		{"trailing", "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n{}", `test:2:1: something follows the policy`},
		{"syntax", "{\n \"defaultAction\" \"SCMP_ACT_ALLOW\"}", `test:2:`},
		{"array for object", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [[]]}`, `test:1:50: want an object`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode("test", []byte(tt.text), Host{Arch: "amd64", Kernel: "6.1"})
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Decode() = %v\nwant %s", err, tt.want)
			}
		})
	}
}

func sorted(words []string) string {
	slices.Sort(words)
	return strings.Join(words, " ")
}
