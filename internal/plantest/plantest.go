// Package plantest has hosts written by hand, and Specs and Hosts made of
// bytes, for the tests of what takes a plan. It asks the machine nothing.
//
//	spec, host := plantest.Spec("strict", "id"), plantest.Ordinary()
//	plantest.Look(spec, host)
//	p, err := plan.Compile(spec, host)
package plantest

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// Spec is a built-in profile and a command, with a filter and a PID 1 that
// only look like those of a build.
func Spec(profile string, argv ...string) *plan.Spec {
	p, ok := profiles.Builtin(profile)
	if !ok {
		panic("no profile " + profile)
	}
	return &plan.Spec{
		Profile:   *p,
		Argv:      argv,
		Filter:    plan.Filter{Name: p.Seccomp, Program: []byte("\x06\x00\x00\x00\x00\x00\xff\x7f")}, // BPF_RET|BPF_K, SECCOMP_RET_ALLOW
		InitImage: []byte("\x7fELF and so on"),
	}
}

// Ordinary is a Debian with Linux 6.12, seen by a user with subordinate ids
// who is about to run id(1).
func Ordinary() *plan.Host {
	return &plan.Host{
		Release: "6.12.48+deb13-amd64", Major: 6, Minor: 12, Arch: "amd64", Pid: 4242,
		Caller: userns.Caller{
			UID: 1001, GID: 1001,
			Login:     &userns.Login{Name: "alice", UID: 1001, GID: 1001, Home: "/home/alice"},
			SubUIDs:   userns.Source{Name: "/etc/subuid", Ranges: []userns.Range{{First: 100000, Count: 65536}}},
			SubGIDs:   userns.Source{Name: "/etc/subgid", Ranges: []userns.Range{{First: 100000, Count: 65536}}},
			NewUIDMap: userns.Helper{Path: "/usr/bin/newuidmap", Setuid: true},
			NewGIDMap: userns.Helper{Path: "/usr/bin/newgidmap", Setuid: true},
			UIDMap:    userns.Map{{Inside: 0, Outside: 0, Count: userns.NoID}},
			GIDMap:    userns.Map{{Inside: 0, Outside: 0, Count: userns.NoID}},
		},
		Jail:    "4242-abc",
		Cgroup:  UserManager(),
		Machine: cgroupdelegate.Machine{Memory: 16 << 30, Pids: 1 << 22, Disks: disks},
		Groups:  1, Home: "/home/alice", Cwd: "/home/alice/src",
		Monotonic: 86400, Boottime: 90000,
		LastCap: caps.CheckpointRestore, Landlock: 6, Listener: true,
		Affinity: plan.Processors{0x7f}, Processor: 3,
		Nofile: 1 << 20, Nproc: 31000, Core: profiles.Unlimited, Data: profiles.Unlimited,
		Stdio: [3]plan.Stdio{
			{Open: true, Read: true, Kind: plan.Device},
			{Open: true, Write: true, Kind: plan.Regular},
			{Open: true, Write: true, Kind: plan.Other, Pipe: true},
		},
		Env:     []string{"PATH=/usr/bin:/bin", "TERM=xterm", "LANG=C.UTF-8", "SSH_AUTH_SOCK=/run/user/1001/agent"},
		Program: plan.Program{Path: "/usr/bin/id", Entry: "/usr/bin/id", Kind: plan.Regular, Mode: 0o755, Size: 43808, Readable: true},
	}
}

// UserManager is a login session, with a systemd of the user's own.
func UserManager() cgroupdelegate.Facts {
	return cgroupdelegate.Facts{
		Mount: "/sys/fs/cgroup", Systemd: true,
		Own:    cgroupdelegate.Cgroup{Path: "/user.slice/user-1001.slice/session-3.scope"},
		Parent: cgroupdelegate.Cgroup{Path: "/user.slice/user-1001.slice"},
		Manager: cgroupdelegate.Manager{
			Socket: "/run/user/1001/systemd/private", Direct: true, User: true, Controllers: []string{"cpu", "memory", "pids"},
		},
	}
}

// DelegatedTo is a cgroup that is the caller's, under no systemd.
func DelegatedTo(path string, controllers ...string) cgroupdelegate.Facts {
	return cgroupdelegate.Facts{
		Mount: "/sys/fs/cgroup", Own: cgroupdelegate.Cgroup{Path: path, Writable: true, Controllers: controllers},
	}
}

// NoSubordinate is Ordinary for a user whom subuid(5) does not name.
func NoSubordinate() *plan.Host {
	h := Ordinary()
	h.Caller.SubUIDs.Ranges, h.Caller.SubGIDs.Ranges = nil, nil
	return h
}

// Root is Ordinary for root, who has no subordinate ids.
func Root() *plan.Host {
	h := NoSubordinate()
	h.Caller.UID, h.Caller.GID, h.Caller.Root = 0, 0, true
	h.Caller.Login = &userns.Login{Name: "root", Home: "/root"}
	h.Home, h.Cwd = "/root", "/root"
	h.Cgroup.Manager = cgroupdelegate.Manager{
		Socket: "/run/systemd/private", Direct: true, Controllers: []string{"cpuset", "cpu", "io", "memory", "pids"},
	}
	return h
}

// disks are those of Ordinary that a limit may name.
var disks = map[string]cgroupdelegate.Disk{
	"/dev/sda":     {Number: "8:0"},
	"/srv/none":    {Err: unix.ENOENT},
	"/srv/secret":  {Err: unix.EACCES},
	"/run":         {Unnamed: true},
	"/dev/unknown": {},
}

// files are those of Ordinary that a plan may ask for.
var files = map[string]plan.Path{
	"/":                 {Kind: plan.Directory, Mode: 0o755},
	"/usr":              {Kind: plan.Directory, Mode: 0o755},
	"/opt":              {Kind: plan.Directory, Mode: 0o755},
	"/etc":              {Kind: plan.Directory, Mode: 0o755},
	"/bin":              {Kind: plan.Directory, Mode: 0o755, Link: "usr/bin"},
	"/sbin":             {Kind: plan.Directory, Mode: 0o755, Link: "usr/sbin"},
	"/lib":              {Kind: plan.Directory, Mode: 0o755, Link: "usr/lib"},
	"/lib64":            {Kind: plan.Directory, Mode: 0o755, Link: "usr/lib64"},
	"/etc/ld.so.cache":  {Kind: plan.Regular, Mode: 0o644},
	"/etc/alternatives": {Kind: plan.Directory, Mode: 0o755},
	"/etc/ssl":          {Kind: plan.Directory, Mode: 0o755},
	"/etc/localtime":    {Kind: plan.Regular, Mode: 0o644, Link: "/usr/share/zoneinfo/Europe/Berlin"},
	"/etc/resolv.conf":  {Kind: plan.Regular, Mode: 0o644, Link: "../run/systemd/resolve/stub-resolv.conf"},
	"/home/alice":       {Kind: plan.Directory, Mode: 0o750, UID: 1001},
	"/home/alice/src":   {Kind: plan.Directory, Mode: 0o755, UID: 1001},
	"/srv/shared":       {Kind: plan.Directory, Mode: 0o1777},
	"/srv/data.txt":     {Kind: plan.Regular, Mode: 0o666},
	"/dev/kvm":          {Kind: plan.Device, Mode: 0o666},
	"/srv/loop":         {Err: plan.Errno(unix.ELOOP)},
	"/srv/secret/file":  {Err: plan.Errno(unix.EACCES)},
	"/srv/tree":         {Kind: plan.Directory, Mode: 0o755, Names: []string{"bin", "dev", "etc", "proc", "srv", "tmp", "usr"}},
	"/srv/tree/bin":     {Kind: plan.Directory, Mode: 0o755, Link: "usr/bin"},
	"/srv/tree/etc":     {Kind: plan.Directory, Mode: 0o755},
	"/srv/tree/srv":     {Kind: plan.Directory, Mode: 0o755},
	"/srv/tree/usr":     {Kind: plan.Directory, Mode: 0o755},
	"/proc/acpi":        {Kind: plan.Directory, Mode: 0o555},
	"/proc/bus":         {Kind: plan.Directory, Mode: 0o555},
	"/proc/interrupts":  {Kind: plan.Regular, Mode: 0o444},
	"/proc/irq":         {Kind: plan.Directory, Mode: 0o555},
	"/proc/kallsyms":    {Kind: plan.Regular, Mode: 0o444},
	"/proc/kcore":       {Kind: plan.Regular, Mode: 0o400},
	"/proc/keys":        {Kind: plan.Regular, Mode: 0o444},
	"/proc/timer_list":  {Kind: plan.Regular, Mode: 0o400},
}

// Look fills in host.Paths for the sources of spec, as package host would.
func Look(spec *plan.Spec, host *plan.Host) {
	host.Paths = make(map[string]plan.Path)
	for _, src := range spec.Sources(host.Home, host.Cwd) {
		p := look(src.Path)
		host.Paths[src.Path] = p
		if src.Names {
			for _, name := range p.Names {
				host.Paths[src.Path+"/"+name] = look(src.Path + "/" + name)
			}
		}
	}
}

func look(name string) plan.Path {
	if p, ok := files[name]; ok {
		return p
	}
	if strings.HasPrefix(name, "/usr/") {
		return plan.Path{Kind: plan.Directory, Mode: 0o755}
	}
	return plan.Path{Err: plan.Errno(unix.ENOENT)}
}
