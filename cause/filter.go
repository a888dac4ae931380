package cause

import (
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// filterEntries are seccomp filters: they answer before the kernel does.
func filterEntries() []Entry {
	return []Entry{
		{
			ID: "seccomp-own", Looks: "the profile's own seccomp policy",
			On:     []On{{[]plan.Step{plan.Execve{}, plan.SetFilter{}}, []unix.Errno{unix.EPERM, unix.EACCES, unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL, unix.ENOENT}}},
			Cause:  "the seccomp policy {policy} of the profile answers {errno} to {call}, by which the command is started",
			Remedy: "allow it there, or name another with --seccomp",
			See:    []string{"seccomp(2)", "kernel/seccomp.c:__seccomp_filter"},
			probe:  ownFilter,
		},
		{
			ID: "seccomp-outer", Looks: "seccomp",
			On:    []On{{nil, nil}},
			Cause: "a seccomp filter around procjail answers {errno} to {call}",
			Remedy: "start what is around procjail without that filter: docker run --security-opt seccomp=unconfined, Kubernetes seccompProfile: Unconfined, " +
				"a systemd unit without SystemCallFilter= and RestrictNamespaces=",
			See:   []string{"seccomp(2)", "proc(5): Seccomp in /proc/PID/status"},
			probe: outerFilter,
		},
		{
			ID: "seccomp-outer-kills", Looks: "seccomp",
			Cause: "a seccomp filter around procjail ends whoever calls {call}",
			Remedy: "start what is around procjail without that filter: docker run --security-opt seccomp=unconfined, Kubernetes seccompProfile: Unconfined, " +
				"a systemd unit without SystemCallFilter=",
			See:    []string{"seccomp(2): SECCOMP_RET_KILL_PROCESS", "systemd.exec(5): SystemCallFilter="},
			killed: true,
			probe:  killingFilter,
		},
	}
}

// filtered reports whether there is a filter around procjail.
func filtered(l *look) bool {
	switch mode, ok := l.sys.status("Seccomp"); {
	case !ok:
		l.saw("/proc/self/status does not tell of it")
		return false
	case mode == "0":
		l.saw("no filter around procjail")
		return false
	}
	return true
}

// killingFilter asks as outerFilter does, and looks at what becomes of who asks.
func killingFilter(l *look) values {
	if !filtered(l) {
		return nil
	}
	call, _, ok := questionFor(l.Step)
	if !ok || l.sys.Try == nil {
		return l.saw("a filter around procjail, of which nothing tells whether it lets this call through")
	}
	switch got := l.sys.Try(Trial{Flags: l.around(), Call: &call}); {
	case got.Cloned == 0 && !got.Made && got.Killed == unix.SIGSYS:
		return values{"call": Call(l.Step)}
	case !got.Made:
		return l.saw("a filter around procjail, of which nothing tells whether it lets this call through")
	}
	return l.saw("a filter around procjail, which lets this call through")
}

// outerFilter asks whether it is the kernel that answers.
func outerFilter(l *look) values {
	if !filtered(l) {
		return nil
	}
	switch l.ask() {
	case byOther:
		return values{"errno": errnoName(l.Errno), "call": Call(l.Step)}
	case byKernel:
		return l.saw("a filter around procjail, which lets this call through")
	}
	return l.saw("a filter around procjail, of which nothing tells whether it lets this call through")
}

// ownFilter runs the filters that the payload has loaded before the step.
func ownFilter(l *look) values {
	if l.plan == nil || l.Stage != plan.Payload {
		return l.saw("not yet loaded")
	}
	var w number
	l.Step.Write(&w)
	const actionErrno = unix.SECCOMP_RET_ERRNO
	loaded := false
	for _, e := range l.plan.Entries[:min(l.Index, len(l.plan.Entries))] {
		s, ok := e.Step.(plan.SetFilter)
		if !ok || e.Stage != plan.Payload {
			continue
		}
		loaded = true
		program := s.Program
		if s.Flags&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER != 0 { // the answer is the policy's
			program = l.plan.Filter
		}
		arch := "amd64"
		if l.host != nil {
			arch = l.host.Arch
		}
		n := denial.Verdict(program, denial.Call{NR: int32(w.nr), Arch: denial.AuditArch(arch), Args: w.args})
		if n&unix.SECCOMP_RET_ACTION_FULL == actionErrno && unix.Errno(n&unix.SECCOMP_RET_DATA) == l.Errno {
			return values{"policy": s.Name, "errno": errnoName(l.Errno), "call": Call(l.Step)}
		}
	}
	if !loaded {
		return l.saw("not yet loaded")
	}
	return l.saw("it lets this call through")
}
