package wall

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/program"
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
	machine := program.Machine(strings.NewReader(head))
	switch {
	case machine != "":
		return "is an ELF file for " + machine + " (e_machine of elf(5)), which this kernel does not execute"
	case head == "":
		return "is empty, or cannot be read"
	}
	return "begins with neither #! nor a format that this kernel knows"
}

// without is for a program that is there and whose interpreter or loader is not, for
// which execve(2) says ENOENT as well.
func without(p string, v View) Met {
	name, kind, _ := program.Interpreter(strings.NewReader(v.Head(p)))
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
