package wall

import (
	"encoding/binary"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func executes(f Failure) bool { return f.Call == "execve" || f.Call == "execveat" }

// explained are errnos that say the same of every program, jail or not.
func explained(f Failure, v View) Met {
	switch {
	case executes(f) && f.Errno == unix.ENOEXEC && len(f.Paths) > 0:
		return Met{Wall: Program, Text: f.Paths[0] + " " + format(v.Head(f.Paths[0]))}
	case executes(f) && f.Errno == unix.ETXTBSY && len(f.Paths) > 0:
		return Met{Wall: Program, Text: f.Paths[0] + " is open for writing, by itself or another process (execve(2))"}
	case f.Errno == unix.ENXIO && len(f.Paths) > 0 && f.Paths[0] == "/dev/tty":
		if v.HasTerminal() {
			return Met{Wall: Program, Text: "its session has no terminal (tty(4)): the payload's has one, which setsid(2) leaves"}
		}
		return Met{Wall: Terminal, Text: "its session has no terminal (tty(4))", Remedy: "--tty always gives the payload one"}
	case f.Call == "umount2" && f.Errno == unix.EBUSY && len(f.Paths) > 0:
		text := f.Paths[0] + " is busy"
		if of := v.Users(f.Paths[0]); of != "" {
			text += ": " + of
		}
		return Met{Wall: Program, Text: text + " (umount2(2))", Remedy: "end that first, or MNT_DETACH"}
	}
	return Met{}
}

// format is what the kernel finds at the beginning of a program that it does not
// know how to execute.
func format(head string) string {
	switch {
	case len(head) >= 20 && strings.HasPrefix(head, "\x7fELF"):
		machine := binary.LittleEndian.Uint16([]byte(head[18:20]))
		name := machines[machine]
		if name == "" {
			name = "the machine " + number(uint64(machine))
		}
		return "is an ELF file for " + name + " (e_machine of elf(5)), which this kernel does not execute"
	case head == "":
		return "is empty, or cannot be read"
	}
	return "begins with neither #! nor a format that this kernel knows"
}

// machines are some of EM_*, linux/elf-em.h.
var machines = map[uint16]string{
	3: "i386", 8: "MIPS", 20: "PowerPC", 21: "64-bit PowerPC", 22: "S/390", 40: "32-bit Arm", 62: "x86-64", 183: "64-bit Arm", 243: "RISC-V", 258: "LoongArch",
}

// without is for a program that is there and whose interpreter or loader is not, for
// which execve(2) says ENOENT as well.
func without(p string, v View) Met {
	name, kind := interpreter(v.Head(p))
	if name == "" {
		return Met{Wall: Unknown, Text: p + " is there: its interpreter or loader is not"}
	}
	quoted := name
	if strings.ContainsAny(name, "\r\t ") {
		quoted = strconv.Quote(name)
	}
	text := p + " needs " + quoted + " as its " + kind
	if !path.IsAbs(name) {
		return Met{Wall: Program, Text: text + ", which is no absolute path"}
	}
	if real, ok := v.OnHost(name); ok {
		return Met{Wall: NotShown, Text: text + ", which exists on the host and is not shown inside", Remedy: "--ro " + real + " shows it"}
	}
	if strings.HasSuffix(name, "\r") {
		return Met{Wall: Program, Text: text + ": its lines end in \\r\\n", Remedy: `sed -i 's/\r$//' ` + p}
	}
	return Met{Wall: Program, Text: text + ", which is nowhere, inside or on the host", Remedy: "install what provides " + quoted}
}

// interpreter is what the kernel would load before a program that begins so: what
// follows "#!", up to a blank (fs/binfmt_script.c), or PT_INTERP of elf(5).
func interpreter(head string) (name, kind string) {
	if script, ok := strings.CutPrefix(head, "#!"); ok {
		line, _, _ := strings.Cut(script, "\n")
		name = strings.TrimLeft(line, " \t")
		if i := strings.IndexAny(name, " \t"); i >= 0 {
			name = name[:i]
		}
		return name, "interpreter"
	}
	const (
		header  = 64 // of ELF64, with e_phoff at 32, e_phentsize at 54, e_phnum at 56
		segment = 56 // of ELF64, with p_type at 0, p_offset at 8, p_filesz at 32
		interp  = 3
	)
	if len(head) < header || !strings.HasPrefix(head, "\x7fELF\x02\x01") {
		return "", ""
	}
	le, b := binary.LittleEndian, []byte(head)
	at, count := le.Uint64(b[32:]), uint64(le.Uint16(b[56:]))
	for i := range count {
		from := at + i*segment
		if le.Uint16(b[54:]) != segment || from < at || from+segment > uint64(len(b)) {
			break
		}
		offset, size := le.Uint64(b[from+8:]), le.Uint64(b[from+32:])
		if le.Uint32(b[from:]) == interp && offset < uint64(len(b)) && size > 0 && size <= uint64(len(b))-offset {
			return strings.TrimRight(string(b[offset:offset+size]), "\x00"), "dynamic loader"
		}
	}
	return "", ""
}
