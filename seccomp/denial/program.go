package denial

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// Call is a system call as a filter sees it: struct seccomp_data of
// linux/seccomp.h, less the instruction pointer.
type Call struct {
	NR   int32
	Arch uint32 // AUDIT_ARCH_*
	Args [6]uint64
}

// The instructions that procjail's filters are made of (seccomp/compact).
const (
	opLoad   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opAnd    = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opJump   = unix.BPF_JMP | unix.BPF_JA
	opEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opGreat  = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	opAtLeas = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opSet    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	opReturn = unix.BPF_RET | unix.BPF_K
)

// Offsets in struct seccomp_data.
const (
	offsetNR   = 0
	offsetArch = 4
	offsetArgs = 16
)

const (
	actionMask = unix.SECCOMP_RET_ACTION_FULL
	size       = 8    // of struct sock_filter
	longest    = 4096 // BPF_MAXINSNS
)

// instruction is struct sock_filter of linux/filter.h.
type instruction struct {
	op     uint16
	jt, jf uint8
	k      uint32
}

// at is the instruction of program with that index.
func at(program []byte, pc int) instruction {
	b := program[pc*size:]
	return instruction{binary.NativeEndian.Uint16(b), b[2], b[3], binary.NativeEndian.Uint32(b[4:])}
}

func (i instruction) appendTo(program []byte) []byte {
	program = binary.NativeEndian.AppendUint16(program, i.op)
	program = append(program, i.jt, i.jf)
	return binary.NativeEndian.AppendUint32(program, i.k)
}

// Verdict is what program returns for c: SECCOMP_RET_*, with its data. A
// program that does what no filter of procjail's does is taken to refuse.
func Verdict(program []byte, c Call) uint32 {
	pc, a := 0, uint32(0)
	for pc < len(program)/size {
		i := at(program, pc)
		pc++
		switch i.op {
		case opLoad:
			a = c.word(i.k)
		case opAnd:
			a &= i.k
		case opReturn:
			return i.k
		default:
			n, ok := i.jump(a)
			if !ok {
				return refused
			}
			pc += n
		}
	}
	return refused
}

const refused = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)

// jump is how far i leads if the accumulator holds a.
func (i instruction) jump(a uint32) (n int, ok bool) {
	var is bool
	switch i.op {
	case opJump:
		return int(i.k), true
	case opEqual:
		is = a == i.k
	case opGreat:
		is = a > i.k
	case opAtLeas:
		is = a >= i.k
	case opSet:
		is = a&i.k != 0
	default:
		return 0, false
	}
	if is {
		return int(i.jt), true
	}
	return int(i.jf), true
}

// word is the one at an offset of struct seccomp_data.
func (c Call) word(off uint32) uint32 {
	switch {
	case off == offsetNR:
		return uint32(c.NR)
	case off == offsetArch:
		return c.Arch
	case off >= offsetArgs && off < offsetArgs+6*8:
		return uint32(c.Args[(off-offsetArgs)/8] >> (8 * (off & 4))) // little endian
	}
	return 0
}

// Verdicts are all that program may return for a call of that number, whatever
// its arguments; nil where that cannot be told.
func Verdicts(program []byte, arch uint32, nr int32) []uint32 {
	type state struct {
		pc    int
		a     uint32
		known bool
	}
	var found []uint32
	todo := []state{{known: true}}
	for steps := 0; len(todo) > 0; steps++ {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.pc >= len(program)/size || steps > 1<<14 {
			return nil
		}
		i := at(program, s.pc)
		s.pc++
		switch i.op {
		case opLoad:
			s.known = i.k == offsetNR || i.k == offsetArch
			s.a = Call{NR: nr, Arch: arch}.word(i.k)
		case opAnd:
			s.a &= i.k
		case opReturn:
			if !slices.Contains(found, i.k) {
				found = append(found, i.k)
			}
			continue
		default:
			n, ok := i.jump(s.a)
			if !ok {
				return nil
			}
			if !s.known && i.op != opJump {
				other := s
				other.pc += int(i.jt)
				todo = append(todo, other)
				n = int(i.jf)
			}
			s.pc += n
		}
		todo = append(todo, s)
	}
	slices.Sort(found)
	return found
}

// always reports whether every call of that number gets the answer.
func always(program []byte, arch uint32, nr int32, answer uint32) bool {
	v := Verdicts(program, arch, nr)
	return len(v) == 1 && v[0] == answer
}

// AuditArch is AUDIT_ARCH_* of a GOARCH.
func AuditArch(arch string) uint32 {
	if arch == "arm64" {
		return unix.AUDIT_ARCH_AARCH64
	}
	return unix.AUDIT_ARCH_X86_64
}

// Watch returns program with SECCOMP_RET_USER_NOTIF in the place of each
// SECCOMP_RET_ERRNO and SECCOMP_RET_KILL_PROCESS, so that a listener learns of
// the call and gives the answer. Without a listener, or when that has gone, such
// a call is ENOSYS (seccomp(2)): it never succeeds. All that program allows,
// traps or logs stays as it is.
//
// A call of one of the traced numbers goes to the listener as well where program
// allows it. Unless it is traced, clone3(2) is left alone where it always answers
// ENOSYS: glibc and musl try that first, for each thread and child.
//
// ok is whether the result can be loaded by a process that then hands over the
// listener by sendmsg(2), which program must always allow.
func Watch(program []byte, arch uint32, traced []int32) (watching []byte, ok bool) {
	if !always(program, arch, unix.SYS_SENDMSG, unix.SECCOMP_RET_ALLOW) {
		return nil, false
	}
	var first []instruction
	answer := func(nr int32, with uint32) {
		first = append(first, instruction{opEqual, 0, 1, uint32(nr)}, instruction{opReturn, 0, 0, with})
	}
	if v := Verdicts(program, arch, unix.SYS_CLONE3); !slices.Contains(traced, unix.SYS_CLONE3) && len(v) == 1 && v[0] == unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS) {
		answer(unix.SYS_CLONE3, v[0])
	}
	for _, nr := range traced {
		i := slices.IndexFunc(only, func(o argument) bool { return o.nr == nr })
		switch {
		case !observable(Verdicts(program, arch, nr)):
		case i < 0:
			answer(nr, unix.SECCOMP_RET_USER_NOTIF)
		default:
			values := only[i].values
			first = append(first, instruction{opEqual, 0, uint8(2 + 2*len(values)), uint32(nr)}, instruction{opLoad, 0, 0, offsetArgs + 8*only[i].arg})
			for _, v := range values {
				answer(int32(v), unix.SECCOMP_RET_USER_NOTIF)
			}
			first = append(first, instruction{opLoad, 0, 0, offsetNR})
		}
	}
	out := make([]byte, 0, len(program)+(5+len(first))*size)
	for _, i := range []instruction{{opLoad, 0, 0, offsetArch}, {opEqual, 1, 0, arch}, {opJump, 0, 0, uint32(len(first) + 1)}, {opLoad, 0, 0, offsetNR}} {
		out = i.appendTo(out)
	}
	for _, i := range first {
		out = i.appendTo(out)
	}
	out = instruction{opAnd, 0, 0, 0}.appendTo(out) // what the accumulator starts with
	for pc := range len(program) / size {
		i := at(program, pc)
		if i.op == opReturn && (i.k&actionMask == unix.SECCOMP_RET_ERRNO || i.k&actionMask == unix.SECCOMP_RET_KILL_PROCESS) {
			i.k = unix.SECCOMP_RET_USER_NOTIF
		}
		out = i.appendTo(out)
	}
	return out, len(out)/size <= longest
}

// observable is whether a listener can give each of the answers.
func observable(verdicts []uint32) bool {
	for _, v := range verdicts {
		switch v & actionMask {
		case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO, unix.SECCOMP_RET_KILL_PROCESS:
		default:
			return false
		}
	}
	return len(verdicts) > 0
}
