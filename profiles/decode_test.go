package profiles

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/userns"
)

func TestParse(t *testing.T) {
	const text = `
description = "all of it"
id = "subid"
user = "2000:3000"
hostname = "box.example"
net = "host"
pid1 = "payload"
seccomp = "default"
landlock = false
keep-capabilities = ["CAP_NET_RAW"]
home = "/h"
workdir = "/w"
env = ["A=1", "B", "C="]
[limits]
memory = "1G"
swap = "infinity"
pids = 7
cpus = 1.5
core = "1K"
nofile = 64
file-size = "2M"
cpu-time = "1m30s"
tmpfs = "8M"
io-max = ["/dev/sda:wbps=10M,riops=500", "/srv:rbps=1MiB"]
properties = ["MemoryHigh=400M", "CPUWeight=idle", "IOWriteIOPSMax=/srv 30"]
[[mounts]]
type = "ro"
path = "/usr"
[[mounts]]
type = "rw"
path = "~/src"
source = "/srv/src"
[[mounts]]
type = "tmpfs"
path = "/tmp"
size = "1M"
mode = "1777"
[[mounts]]
type = "proc"
path = "/proc"
readonly = true
mask = ["kcore"]
[[mounts]]
type = "file"
path = "/etc/issue"
content = "hello\n"
[[mounts]]
type = "link"
path = "/var/run"
source = "/run"
[[mounts]]
type = "ro"
path = "/opt"
optional = true
`
	from := func(i string) string { return "profile p.toml: mounts[" + i + "]" }
	want := &Profile{
		Name: "p.toml", Description: "all of it", ID: userns.SubID, UID: 2000, GID: 3000, Hostname: "box.example",
		Net: NetHost, Init: PID1Payload, Seccomp: "default", Keep: []string{"CAP_NET_RAW"}, Home: "/h", Workdir: "/w",
		Env: []EnvRule{{Key: "A", Value: "1"}, {Key: "B", Pass: true}, {Key: "C"}},
		Limits: Limits{
			Limits: cgroupdelegate.Limits{
				Memory: 1 << 30, Swap: Unlimited, Pids: 7, CPUs: 1.5,
				IO: []cgroupdelegate.IOMax{{Path: "/dev/sda", Wbps: 10e6, Riops: 500}, {Path: "/srv", Rbps: 1 << 20, Wiops: 30}},
				More: []cgroupdelegate.Setting{
					{Controller: "memory", File: "memory.high", Value: "419430400", Name: "MemoryHigh=400M"},
					{Controller: "cpu", File: "cpu.idle", Value: "1", Name: "CPUWeight=idle"},
				},
			},
			Core: 1024, Nofile: 64,
			FileSize: 2 << 20, CPUTime: 90, Tmpfs: 8 << 20, Inotify: 64,
		},
		Mounts: []Mount{
			{Kind: ReadOnly, Source: "/usr", Dest: "/usr", Mode: 0o755, From: from("0")},
			{Kind: ReadWrite, Source: "/srv/src", Dest: "~/src", Mode: 0o755, From: from("1")},
			{Kind: Tmpfs, Dest: "/tmp", Size: 1 << 20, Mode: 0o1777, From: from("2")},
			{Kind: Proc, Dest: "/proc", Mode: 0o755, RO: true, Mask: []string{"kcore"}, From: from("3")},
			{Kind: File, Dest: "/etc/issue", Mode: 0o755, Content: "hello\n", From: from("4")},
			{Kind: Link, Source: "/run", Dest: "/var/run", Mode: 0o755, From: from("5")},
			{Kind: ReadOnly, Source: "/opt", Dest: "/opt", Optional: true, Mode: 0o755, From: from("6")},
		},
	}
	got, err := Parse(strings.NewReader(text), "p.toml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestParseExtends adds to a built-in profile: single values replace, the
// environment and the mounts come after.
func TestParseExtends(t *testing.T) {
	got, err := Parse(strings.NewReader("extends = \"strict\"\nhostname = \"other\"\nenv = [\"X=1\"]\n[limits]\npids = 9\n[[mounts]]\ntype = \"tmpfs\"\npath = \"/data\"\n"), "x.toml")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := Builtin("strict")
	want.Name, want.Hostname, want.Limits.Pids = "x.toml", "other", 9
	want.Env = append(want.Env, EnvRule{Key: "X", Value: "1"})
	want.Mounts = append(want.Mounts, Mount{Kind: Tmpfs, Dest: "/data", Mode: 0o755, From: "profile x.toml: mounts[0]"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestParseDefaults: a profile that says nothing gives nothing away.
func TestParseDefaults(t *testing.T) {
	got, err := Parse(strings.NewReader(""), "empty.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !got.Landlock || got.Net != NetNone || got.ID != userns.Auto || got.Keep != nil || got.Mounts != nil || got.Seccomp != "strict" || got.Limits.Core != 0 {
		t.Errorf("%+v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	mount := func(lines string) string { return "[[mounts]]\n" + lines }
	for _, tt := range []struct{ text, want string }{
		{"hostnam = \"x\"", `profile p.toml:1:1: unknown key "hostnam"`},
		{"\n\n[limits]\nmemroy = \"1G\"", `profile p.toml:4:1: unknown key "limits.memroy"`},
		{"[limit]\nmemory = \"1G\"", `profile p.toml:1:2: unknown key "limit"`},
		{mount("type = \"ro\"\npath = \"/x\"\nread-only = true"), `profile p.toml:4:1: unknown key "mounts.read-only"`},
		{"landlock = \"yes\"", `profile p.toml:1:12: landlock: want true or false, not string`},
		{"landlock = 1", `profile p.toml:1:12: landlock: want true or false, not integer`},
		{"seccomp = 1", `profile p.toml:1:11: seccomp: want a string, not integer`},
		{"env = \"A=1\"", `profile p.toml:1:7: env: want a list, not string`},
		{"env = [\"=1\"]", `profile p.toml:1:8: variable "=1": want KEY or KEY=VALUE`},
		{"id = \"root\"", `profile p.toml:1:6: unknown id "root", want auto, subid or self`},
		{"user = \"alice\"", `profile p.toml:1:8: user "alice": want UID, UID:GID or caller, with numbers up to 4294967294`},
		{"hostname = \"a b\"", `profile p.toml:1:12: hostname "a b": want 1 to 64 letters, digits, '-' and '.'`},
		{"net = \"bridge\"", `profile p.toml:1:7: network "bridge": want none or host`},
		{"pid1 = \"tini\"", `profile p.toml:1:8: pid1 "tini": want init or payload`},
		{"home = \"h\"", `profile p.toml:1:8: path "h": want an absolute one, or one that starts with ~/ or ./`},
		{"workdir = \"/a/../b\"", `profile p.toml:1:11: path "/a/../b": ".." is not allowed here`},
		{"[limits]\nmemory = \"lots\"", `profile p.toml:2:10: size "lots": want a number of bytes such as 65536, 64K, 512M, 1.5G, or infinity`},
		{"[limits]\npids = -1", `profile p.toml:2:1: count "-1": want a number such as 128, up to 2147483647, or infinity`},
		{"[limits]\ncpu-time = \"10ms\"", `profile p.toml:2:12: time "10ms": want at least a second, such as 90s or 10m`},
		{"[limits]\ncpus = -1.0", `profile p.toml: limits.cpus = -1: want a number of processors, 0 for no limit`},
		{"[limits]\ncpus = nan", `profile p.toml: limits.cpus = NaN: want a number of processors, 0 for no limit`},
		{"[limits]\nmemory = \"4K\"", `profile p.toml:2:10: size "4K": want at least 1M, or infinity`},
		{"[limits]\nio-max = \"/:rbps=1\"", `profile p.toml:2:10: limits.io-max: want a list, not string`},
		{"[limits]\nio-max = [\"sda:rbps=1\"]", `profile p.toml:2:11: "sda:rbps=1": the path is not absolute: want PATH:KEY=RATE,... with rbps, wbps, riops or wiops, such as /dev/sda:wbps=10M,riops=500`},
		{"[limits]\nproperties = [\"CPUWeight=0\"]", `profile p.toml: limits.properties: CPUWeight: weight "0": want 1 to 10000`},
		{"[limits]\nproperties = [7]", `profile p.toml:2:15: limits.properties: want a string, not integer`},
		{mount("path = \"/x\""), `profile p.toml: mounts[0]: has no type`},
		{mount("type = \"ro\""), `profile p.toml: mounts[0]: has no path`},
		{mount("type = \"bind\"\npath = \"/x\""), `profile p.toml:2:8: mount type "bind": want one of ro, rw, like-host, tmpfs, hide, link, file, passwd, group, dir, proc, dev, overlay-tmp, resolv.conf, cgroup`},
		{mount("type = \"overlay\"\npath = \"/x\""), `profile p.toml:2:8: mount type "overlay": want one of ro, rw, like-host, tmpfs, hide, link, file, passwd, group, dir, proc, dev, overlay-tmp, resolv.conf, cgroup`},
		{mount("type = \"link\"\npath = \"/x\""), `profile p.toml: mounts[0]: a link needs its target as source`},
		{mount("type = \"tmpfs\"\npath = \"/x\"\nsource = \"/y\""), `profile p.toml: mounts[0]: source: a mount of type tmpfs has none`},
		{mount("type = \"ro\"\npath = \"/x\"\ncontent = \"y\""), `profile p.toml: mounts[0]: content: only a mount of type file has one, not ro`},
		{mount("type = \"ro\"\npath = \"/x\"\nreadonly = true"), `profile p.toml: mounts[0]: readonly and mask are for type proc, not ro`},
		{mount("type = \"ro\"\npath = \"/x\"\nsize = \"1M\""), `profile p.toml: mounts[0]: size and mode are for type tmpfs, not ro`},
		{mount("type = \"tmpfs\"\npath = \"/x\"\nmode = \"0999\""), `profile p.toml:4:8: mode "0999": want octal digits such as "0755"`},
		{mount("type = \"proc\"\npath = \"/proc\"\nmask = [\"../x\"]"), `profile p.toml: mounts[0]: mask "../x": want the name of an entry of /proc`},
		{mount("type = \"ro\"\npath = \"caller\""), `profile p.toml:3:8: path "caller": want an absolute one, or one that starts with ~/ or ./`},
		{mount("type = \"ro\"\npath = \"/x\"\nsource = \"a/../b\""), `profile p.toml: mounts[0]: source: path "a/../b": want an absolute one, or one that starts with ~/ or ./`},
		{mount("type = \"link\"\npath = \"/x\"\nsource = \"a\\u0000b\""), `profile p.toml: mounts[0]: source: "a\x00b": want the target of a link, without a NUL byte, of at most 4095 bytes`},
		{"extends = \"lax\"", `profile p.toml: extends "lax": no built-in profile of that name`},
		{"id = ", `profile p.toml:1:5: expected value, not end of input`},
		{"id = \"self\"\nid = \"auto\"", `profile p.toml:2:1: key id is already defined`},
	} {
		p, err := Parse(strings.NewReader(tt.text), "p.toml")
		var e *Error
		if p != nil || err == nil || err.Error() != tt.want || !errors.As(err, &e) {
			t.Errorf("Parse(%q)\n got %v\nwant %s", tt.text, err, tt.want)
		}
	}
}

func TestParseTooLarge(t *testing.T) {
	_, err := Parse(strings.NewReader(strings.Repeat("#", 1<<20+1)), "big.toml")
	if err == nil || err.Error() != "profile big.toml: larger than 1048576 bytes" {
		t.Errorf("Parse = %v", err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "p.toml")
	if err := os.WriteFile(file, []byte("hostname = \"h\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(file); err != nil || p.Hostname != "h" || p.Name != file {
		t.Errorf("Load(%q) = %+v, %v", file, p, err)
	}
	for _, tt := range []struct{ name, want string }{
		{"lax", `profile "lax": there is no built-in profile of that name; there are strict and build, and a file is written with a slash or .toml`},
		{"none.toml", `profile: open none.toml: no such file or directory`},
		{"/dev/null", `profile "/dev/null": is no regular file`},
		{dir + "/", `profile "` + dir + `/": is no regular file`},
	} {
		if _, err := Load(tt.name); err == nil || err.Error() != tt.want {
			t.Errorf("Load(%q) = %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want uint64
		ok   bool
	}{
		{"0", 0, true},
		{"65536", 65536, true},
		{"64K", 64 << 10, true},
		{"64k", 64 << 10, true},
		{"64KB", 64 << 10, true},
		{"64KiB", 64 << 10, true},
		{"1Ki", 1 << 10, true},
		{"1.5G", 3 << 29, true},
		{"512M", 512 << 20, true},
		{"2G", 2 << 30, true},
		{"4194304T", 1 << 62, true},
		{"infinity", Unlimited, true},
		{"unlimited", Unlimited, true},
		{"10B", 10, true},
		{"", 0, false},
		{"K", 0, false},
		{"-1", 0, false},
		{"+1", 0, false},
		{"1.5", 0, false},
		{"1 G", 0, false},
		{"1GG", 0, false},
		{"1i", 0, false},
		{"1iB", 0, false},
		{"0x10", 0, false},
		{"4194305T", 0, false},
		{"9223372036854775808", 0, false},
		{"18446744073709551615", 0, false},
	} {
		got, err := ParseSize(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseSize(%q) = %d, %v, want %d, %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestParseUser(t *testing.T) {
	for _, tt := range []struct {
		in       string
		uid, gid Number
		ok       bool
	}{
		{"0", 0, 0, true},
		{"1000", 1000, 1000, true},
		{"1000:100", 1000, 100, true},
		{"4294967294:0", math.MaxUint32 - 1, 0, true},
		{"caller", Caller, Caller, true},
		{"4294967295", 0, 0, false},
		{"0:4294967295", 0, 0, false},
		{"4294967296", 0, 0, false},
		{"-1", 0, 0, false},
		{"alice", 0, 0, false},
		{"1:2:3", 0, 0, false},
		{":1", 0, 0, false},
		{"1:", 0, 0, false},
		{"", 0, 0, false},
		{"1 ", 0, 0, false},
	} {
		uid, gid, err := ParseUser(tt.in)
		if uid != tt.uid || gid != tt.gid || (err == nil) != tt.ok {
			t.Errorf("ParseUser(%q) = %d, %d, %v", tt.in, uid, gid, err)
		}
	}
}

func TestParseWords(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tt := range []struct {
		name  string
		parse func(string) error
		good  []string
		bad   []string
	}{
		{"net", func(s string) error { _, err := ParseNet(s); return err }, []string{"none", "host"}, []string{"", "None", "pasta"}},
		{"pid1", func(s string) error { _, err := ParsePID1(s); return err }, []string{"init", "payload"}, []string{"", "INIT"}},
		{"hostname", func(s string) error { _, err := ParseHostname(s); return err }, []string{"a", "jail-1.x", long}, []string{"", "a b", "a_b", "é", "a\x00", "a\n", "a%b", "a/b", long + "a"}},
		{"seconds", func(s string) error { _, err := ParseSeconds(s); return err }, []string{"1s", "1h", "1500ms"}, []string{"", "0", "5", "-1s", "999ms", "1d"}},
		{"mode", func(s string) error { _, err := modeParser{}.parse(s); return err }, []string{"0", "0755", "1777", "7777"}, []string{"", "8", "17777", "-1", "rwx"}},
		{"path", func(s string) error { _, err := ParsePath(s); return err }, []string{"/", "/a/b", "~", "~/x", ".", "./x", "/a b", "/..a", "/é"}, []string{"", "a", "..", "../a", "/a/..", "/../a", "~alice", "./../x", "/a\x00b", "/" + strings.Repeat("a", 4095)}},
		{"env", func(s string) error { _, err := ParseEnv(s); return err }, []string{"A", "A=", "A=b=c", "a b=c", "A=x\ny"}, []string{"", "=", "=x", "A\x00", "A=\x00"}},
		{"kind", func(s string) error { _, err := kindParser{}.parse(s); return err }, []string{"ro", "overlay-tmp", "dev", "cgroup"}, []string{"", "RO", "overlay"}},
		{"id", func(s string) error { _, err := idParser{}.parse(s); return err }, []string{"auto", "subid", "self"}, []string{"", "root"}},
	} {
		for _, s := range tt.good {
			if err := tt.parse(s); err != nil {
				t.Errorf("%s %q: %v", tt.name, s, err)
			}
		}
		for _, s := range tt.bad {
			if err := tt.parse(s); err == nil {
				t.Errorf("%s %q is accepted", tt.name, s)
			}
		}
	}
}
