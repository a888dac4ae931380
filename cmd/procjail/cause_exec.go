package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// explainExec tells apart what execve(2) folds into one ENOENT.
func explainExec(s plan.Execve, errno unix.Errno, h *plan.Host, p *plan.Plan) finding {
	onHost, ok := p.Shows(s.Path)
	if onHost == "" {
		onHost = h.Program.Path
	}
	switch errno {
	case unix.ENOENT, unix.ENOTDIR:
		if !ok || !exists(onHost) {
			return finding{cause: fmt.Sprintf("there is no %s inside", s.Path), remedy: "name a program that is inside, or show this one with --ro", exit: 127}
		}
		interp, kind, err := interpreter(onHost)
		if err != nil || interp == "" {
			return finding{exit: 127}
		}
		return finding{
			cause:  fmt.Sprintf("%s needs %s as its %s, which is not there inside", s.Path, interp, kind),
			remedy: interpreterRemedy(interp),
			exit:   126,
		}
	case unix.EACCES:
		f := finding{exit: 126}
		if by, what := coveredBy(p, onHost); by != "" {
			f.cause, f.remedy = by+" covers "+what, "leave that out"
		} else if st, err := sys.StatPath(onHost); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			f.cause = s.Path + " is a directory"
		} else if st.Mode&0o111 == 0 {
			f.cause, f.remedy = s.Path+" is not executable", "chmod +x "+s.Path
		} else if st.Mode&0o001 == 0 {
			f.cause = fmt.Sprintf("%s has mode %04o, and the payload is another user than its owner", s.Path, st.Mode&0o7777)
			f.remedy = "--id self, or chmod o+rx"
		} else if noexec(onHost) {
			f.cause = s.Path + " is on a file system mounted noexec"
		}
		return f
	case unix.ENOEXEC:
		return finding{cause: s.Path + " is neither a program for this machine nor a script with a #! line", exit: 126}
	case unix.ETXTBSY:
		return finding{cause: s.Path + " is open for writing somewhere", exit: 126}
	case unix.E2BIG:
		return finding{cause: "the arguments and the environment are larger than the kernel takes (execve(2): a quarter of the stack limit, 128 KiB for each)", exit: 126}
	}
	return finding{exit: 126}
}

func interpreterRemedy(interp string) string {
	if !filepath.IsAbs(interp) {
		return "write its absolute path after #!"
	}
	if !exists(interp) {
		return "install what provides " + interp
	}
	return "--ro " + interp
}

func noexec(path string) bool {
	f, err := sys.MountFlags(filepath.Dir(path))
	return err == nil && f&unix.ST_NOEXEC != 0
}

// interpreter is what the kernel would load before the program: the word after
// "#!", or the ELF interpreter (execve(2), elf(5)).
func interpreter(path string) (name, kind string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := f.ReadAt(head, 0)
	head = head[:n]
	if script, ok := strings.CutPrefix(string(head), "#!"); ok {
		line, _, _ := strings.Cut(script, "\n")
		name, _, _ = strings.Cut(strings.TrimLeft(line, " \t"), " ")
		return strings.TrimRight(name, "\r\t"), "interpreter", nil
	}
	name, err = elfInterpreter(f, head)
	return name, "dynamic loader", err
}

// elfInterpreter reads PT_INTERP of a 64-bit little-endian ELF file (elf(5)).
// It is empty for a static program, and for what is no such file.
func elfInterpreter(f io.ReaderAt, head []byte) (string, error) {
	if len(head) < 64 || string(head[:6]) != "\x7fELF\x02\x01" {
		return "", nil
	}
	le := binary.LittleEndian
	phoff := le.Uint64(head[32:])
	size, count := le.Uint16(head[54:]), le.Uint16(head[56:])
	if size < 56 {
		return "", nil
	}
	for i := range count {
		ph := make([]byte, 56)
		if _, err := f.ReadAt(ph, int64(phoff)+int64(i)*int64(size)); err != nil {
			return "", err
		}
		const ptInterp = 3
		if le.Uint32(ph) != ptInterp {
			continue
		}
		n := le.Uint64(ph[32:])
		if n == 0 || n > 4096 {
			return "", nil
		}
		name := make([]byte, n)
		if _, err := f.ReadAt(name, int64(le.Uint64(ph[8:]))); err != nil {
			return "", err
		}
		return strings.TrimRight(string(name), "\x00"), nil
	}
	return "", nil
}
