package plan

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
)

// Prctl is prctl(2) with one argument.
type Prctl struct {
	Option Name
	Arg    Name
}

func (s Prctl) Write(w Writer) {
	w.Call("prctl", unix.SYS_PRCTL)
	w.Symbol(s.Option.Bits, s.Option.Name)
	w.Symbol(s.Arg.Bits, s.Arg.Name)
	w.Symbol(0, "0")
	w.Symbol(0, "0")
	w.Symbol(0, "0")
}

// The prctl(2) options that a plan uses.
var (
	prPdeathsig  = Name{unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"}
	prDumpable   = Name{unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE"}
	prCapbset    = Name{unix.PR_CAPBSET_DROP, "PR_CAPBSET_DROP"}
	prSecurebits = Name{unix.PR_SET_SECUREBITS, "PR_SET_SECUREBITS"}
	prTimerslack = Name{unix.PR_SET_TIMERSLACK, "PR_SET_TIMERSLACK"}
	prNoNewPrivs = Name{unix.PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"}
)

// AmbientRaise is prctl(2) PR_CAP_AMBIENT PR_CAP_AMBIENT_RAISE: one
// capability survives execve.
type AmbientRaise struct{ Cap caps.Cap }

func (s AmbientRaise) Write(w Writer) {
	w.Call("prctl", unix.SYS_PRCTL)
	w.Symbol(unix.PR_CAP_AMBIENT, "PR_CAP_AMBIENT")
	w.Symbol(unix.PR_CAP_AMBIENT_RAISE, "PR_CAP_AMBIENT_RAISE")
	w.Symbol(uint64(s.Cap), s.Cap.String())
	w.Symbol(0, "0")
	w.Symbol(0, "0")
}

// Capset is capset(2) for the calling thread: the three sets become Keep.
type Capset struct{ Keep caps.Set }

func (s Capset) Write(w Writer) {
	w.Call("capset", unix.SYS_CAPSET)
	hdr := newStruct(8)
	hdr.u32(0, unix.LINUX_CAPABILITY_VERSION_3)
	w.Struct(hdr, func() string { return "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}" })
	data := newStruct(24)
	for i := range 3 { // effective, permitted, inheritable
		data.u32(4*i, uint32(s.Keep))
		data.u32(12+4*i, uint32(s.Keep>>32))
	}
	w.Struct(data, func() string {
		t := capText(s.Keep)
		return "{effective=" + t + ", permitted=" + t + ", inheritable=" + t + "}"
	})
}

func capText(s caps.Set) string {
	if s == 0 {
		return "0"
	}
	var names []Name
	for _, c := range s.Caps() {
		names = append(names, Name{1 << c, "1<<" + c.String()})
	}
	return flags(uint64(s), names)
}

// Setgroups is setgroups(2) with an empty list.
type Setgroups struct{}

func (s Setgroups) Write(w Writer) {
	w.Call("setgroups", unix.SYS_SETGROUPS)
	w.Int(0)
	w.Null()
}

// Setresgid is setresgid(2); the three ids become GID.
type Setresgid struct{ GID uint32 }

func (s Setresgid) Write(w Writer) {
	w.Call("setresgid", unix.SYS_SETRESGID)
	w.Int(int64(s.GID))
	w.Int(int64(s.GID))
	w.Int(int64(s.GID))
}

// Setresuid is setresuid(2); the three ids become UID. It clears the parent
// death signal and the dumpable flag (kernel/cred.c:commit_creds).
type Setresuid struct{ UID uint32 }

func (s Setresuid) Write(w Writer) {
	w.Call("setresuid", unix.SYS_SETRESUID)
	w.Int(int64(s.UID))
	w.Int(int64(s.UID))
	w.Int(int64(s.UID))
}

// JoinSessionKeyring is keyctl(2) KEYCTL_JOIN_SESSION_KEYRING: a new, empty
// and anonymous session keyring instead of the caller's.
type JoinSessionKeyring struct{}

func (s JoinSessionKeyring) Write(w Writer) {
	w.Call("keyctl", unix.SYS_KEYCTL)
	w.Symbol(unix.KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING")
	w.Null()
}

// Prlimit is prlimit64(2) for the calling process.
type Prlimit struct {
	Resource   Name
	Soft, Hard uint64
}

func (s Prlimit) Write(w Writer) {
	w.Call("prlimit64", unix.SYS_PRLIMIT64)
	w.Int(0)
	w.Symbol(s.Resource.Bits, s.Resource.Name)
	lim := newStruct(16)
	lim.u64(0, s.Soft)
	lim.u64(8, s.Hard)
	w.Struct(lim, func() string { return "{rlim_cur=" + rlimText(s.Soft) + ", rlim_max=" + rlimText(s.Hard) + "}" })
	w.Null()
}

func rlimText(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "RLIM64_INFINITY"
	}
	if n != 0 && n%1024 == 0 {
		return strconv.FormatUint(n/1024, 10) + "*1024"
	}
	return strconv.FormatUint(n, 10)
}

// LandlockCreateRuleset is landlock_create_ruleset(2).
type LandlockCreateRuleset struct {
	FS     uint64 // LANDLOCK_ACCESS_FS_*: refused where no rule allows it
	Net    uint64 // since ABI 4
	Scoped uint64 // since ABI 6
}

func (s LandlockCreateRuleset) Write(w Writer) {
	w.Call("landlock_create_ruleset", unix.SYS_LANDLOCK_CREATE_RULESET)
	size := 8
	if s.Net != 0 || s.Scoped != 0 {
		size = 16
	}
	if s.Scoped != 0 {
		size = 24
	}
	attr := newStruct(24)
	attr.u64(0, s.FS)
	attr.u64(8, s.Net)
	attr.u64(16, s.Scoped)
	w.Struct(attr[:size], func() string {
		text := "{handled_access_fs=" + flags(s.FS, landlockFS)
		if size > 8 {
			text += ", handled_access_net=" + flags(s.Net, landlockNet)
		}
		if size > 16 {
			text += ", scoped=" + flags(s.Scoped, landlockScoped)
		}
		return text + "}"
	})
	w.Int(int64(size))
	w.Symbol(0, "0")
}

// LandlockAddRule is landlock_add_rule(2) for what lies beneath Parent.
type LandlockAddRule struct {
	Ruleset FD
	Access  uint64
	Parent  FD
}

func (s LandlockAddRule) Write(w Writer) {
	w.Call("landlock_add_rule", unix.SYS_LANDLOCK_ADD_RULE)
	w.FD(s.Ruleset)
	w.Symbol(unix.LANDLOCK_RULE_PATH_BENEATH, "LANDLOCK_RULE_PATH_BENEATH")
	attr := newStruct(12)
	attr.u64(0, s.Access)
	w.Ref(attr, 8, s.Parent, func() string {
		return "{allowed_access=" + flags(s.Access, landlockFS) + ", parent_fd=" + s.Parent.String() + "}"
	})
	w.Symbol(0, "0")
}

// LandlockRestrictSelf is landlock_restrict_self(2).
type LandlockRestrictSelf struct{ Ruleset FD }

func (s LandlockRestrictSelf) Write(w Writer) {
	w.Call("landlock_restrict_self", unix.SYS_LANDLOCK_RESTRICT_SELF)
	w.FD(s.Ruleset)
	w.Symbol(0, "0")
}

// SetFilter is seccomp(2) SECCOMP_SET_MODE_FILTER: from here on every call of
// the process is judged by the filter. With SECCOMP_FILTER_FLAG_NEW_LISTENER the
// result is a descriptor, closed on execve, of whom the filter asks.
type SetFilter struct {
	Name    string // the policy it was compiled from
	Program []byte // struct sock_filter, 8 bytes each, native byte order
	Flags   uint32
}

var filterFlags = []Name{
	{unix.SECCOMP_FILTER_FLAG_TSYNC, "SECCOMP_FILTER_FLAG_TSYNC"},
	{unix.SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG"},
	{unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"},
	{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, "SECCOMP_FILTER_FLAG_NEW_LISTENER"},
	{unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"},
}

func (s SetFilter) Write(w Writer) {
	w.Call("seccomp", unix.SYS_SECCOMP)
	w.Symbol(unix.SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER")
	w.Flags(uint64(s.Flags), filterFlags)
	w.Program(s.Program)
}

// Sethostname is sethostname(2).
type Sethostname struct{ Name string }

func (s Sethostname) Write(w Writer) {
	w.Call("sethostname", unix.SYS_SETHOSTNAME)
	w.Bytes([]byte(s.Name))
	w.Int(int64(len(s.Name)))
}

// Socket is socket(2) for an address that is only asked for its interface.
type Socket struct{}

func (s Socket) Write(w Writer) {
	w.Call("socket", unix.SYS_SOCKET)
	w.Symbol(unix.AF_INET, "AF_INET")
	w.Symbol(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, "SOCK_DGRAM|SOCK_CLOEXEC")
	w.Symbol(0, "IPPROTO_IP")
}

// InterfaceUp is ioctl(2) SIOCSIFFLAGS with IFF_UP (netdevice(7)).
type InterfaceUp struct {
	FD        FD
	Interface string
}

func (s InterfaceUp) Write(w Writer) {
	w.Call("ioctl", unix.SYS_IOCTL)
	w.FD(s.FD)
	w.Symbol(unix.SIOCSIFFLAGS, "SIOCSIFFLAGS")
	req := newStruct(40) // struct ifreq, netdevice(7)
	copy(req[:unix.IFNAMSIZ-1], s.Interface)
	req.u16(unix.IFNAMSIZ, unix.IFF_UP)
	w.Struct(req, func() string { return "{ifr_name=" + quote(s.Interface) + ", ifr_flags=IFF_UP}" })
}

// NamespaceOf is ioctl(2) SIOCGSKNS: a descriptor of the network namespace that
// a socket is in.
type NamespaceOf struct{ Socket FD }

func (s NamespaceOf) Write(w Writer) {
	w.Call("ioctl", unix.SYS_IOCTL)
	w.FD(s.Socket)
	w.Symbol(unix.SIOCGSKNS, "SIOCGSKNS")
	w.Null()
}

func (Prctl) sealed()                 {}
func (AmbientRaise) sealed()          {}
func (Capset) sealed()                {}
func (Setgroups) sealed()             {}
func (Setresgid) sealed()             {}
func (Setresuid) sealed()             {}
func (JoinSessionKeyring) sealed()    {}
func (Prlimit) sealed()               {}
func (LandlockCreateRuleset) sealed() {}
func (LandlockAddRule) sealed()       {}
func (LandlockRestrictSelf) sealed()  {}
func (SetFilter) sealed()             {}
func (Sethostname) sealed()           {}
func (Socket) sealed()                {}
func (InterfaceUp) sealed()           {}
func (NamespaceOf) sealed()           {}
