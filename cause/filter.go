package cause

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
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
	}
}

// outerFilter asks whether it is the kernel that answers.
func outerFilter(l *look) values {
	mode, ok := l.sys.status("Seccomp")
	switch {
	case !ok:
		return l.saw("/proc/self/status does not tell of it")
	case mode == "0":
		return l.saw("no filter around procjail")
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
	loaded := false
	for _, e := range l.plan.Entries[:min(l.Index, len(l.plan.Entries))] {
		s, ok := e.Step.(plan.SetFilter)
		if !ok || e.Stage != plan.Payload {
			continue
		}
		loaded = true
		const actionErrno = unix.SECCOMP_RET_ERRNO
		if n, ok := runFilter(s.Program, archOf(l.host), w.nr, w.args); ok && n&unix.SECCOMP_RET_ACTION_FULL == actionErrno &&
			unix.Errno(n&unix.SECCOMP_RET_DATA) == l.Errno {
			return values{"policy": s.Name, "errno": errnoName(l.Errno), "call": Call(l.Step)}
		}
	}
	if !loaded {
		return l.saw("not yet loaded")
	}
	return l.saw("it lets this call through")
}

// archOf is the AUDIT_ARCH_* of a host.
func archOf(h *plan.Host) uint32 {
	if h != nil && h.Arch == "arm64" {
		return unix.AUDIT_ARCH_AARCH64
	}
	return unix.AUDIT_ARCH_X86_64
}

// runFilter runs a seccomp program (bpf(4), seccomp(2)) on a call. It is not ok
// where the program has an instruction that seccomp filters have no use for.
// Pointers among the arguments are 0.
func runFilter(program []byte, arch uint32, nr uint64, args [6]uint64) (result uint32, ok bool) {
	data := make([]byte, 64) // struct seccomp_data
	le := binary.NativeEndian
	le.PutUint32(data, uint32(nr))
	le.PutUint32(data[4:], arch)
	for i, v := range args {
		le.PutUint64(data[16+8*i:], v)
	}
	var a, x uint32
	var memory [16]uint32
	for pc := 0; pc >= 0 && 8*pc+8 <= len(program); pc++ {
		ins := program[8*pc:]
		code, jt, jf, k := le.Uint16(ins), int(ins[2]), int(ins[3]), le.Uint32(ins[4:])
		operand := k
		if code&unix.BPF_X != 0 {
			operand = x
		}
		jump := func(taken bool) {
			if taken {
				pc += jt
			} else {
				pc += jf
			}
		}
		switch code &^ unix.BPF_X {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if k > 60 || k%4 != 0 {
				return 0, false
			}
			a = le.Uint32(data[k:])
		case unix.BPF_LD | unix.BPF_IMM:
			a = k
		case unix.BPF_LD | unix.BPF_MEM:
			a = memory[k%16]
		case unix.BPF_ST:
			memory[k%16] = a
		case unix.BPF_ALU | unix.BPF_AND:
			a &= operand
		case unix.BPF_ALU | unix.BPF_RSH:
			a >>= operand
		case unix.BPF_MISC | unix.BPF_TAX:
			x = a
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(k)
		case unix.BPF_JMP | unix.BPF_JEQ:
			jump(a == operand)
		case unix.BPF_JMP | unix.BPF_JGT:
			jump(a > operand)
		case unix.BPF_JMP | unix.BPF_JGE:
			jump(a >= operand)
		case unix.BPF_JMP | unix.BPF_JSET:
			jump(a&operand != 0)
		case unix.BPF_RET:
			return k, true
		case unix.BPF_RET | unix.BPF_A:
			return a, true
		default:
			return 0, false
		}
	}
	return 0, false
}
