package cause

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/program"
	"github.com/Emmanuel326/procjail/plan"
)

// programEntries are why a command cannot be executed: execve(2) says the same
// errno for several reasons.
func programEntries() []Entry {
	on := func(errnos ...unix.Errno) []On { return []On{{[]plan.Step{plan.Execve{}}, errnos}} }
	see := []string{"execve(2)"}
	return []Entry{
		{
			ID: "exec-missing", Looks: "whether the program is inside", On: on(unix.ENOENT, unix.ENOTDIR),
			Cause:  "there is no {path} inside",
			Remedy: "name a program that is inside, or show this one with --ro",
			See:    see, exit: 127,
			probe: func(l *look) values {
				onHost, shown := l.program()
				if shown && l.sys.exists(onHost) {
					return l.saw("%s is", onHost)
				}
				return values{"path": l.Step.(plan.Execve).Path}
			},
		},
		{
			ID: "exec-line-ends", Looks: "how its first line ends", On: on(unix.ENOENT, unix.ENOTDIR),
			Cause:  "the first line of {path} ends as on DOS, so that it names the interpreter {interpreter}",
			Remedy: `sed -i 's/\r$//' {path}`,
			See:    see,
			probe: noInterpreter(func(_ *look, name string) bool {
				return strings.HasSuffix(name, "\r")
			}),
		},
		{
			ID: "exec-interpreter-relative", Looks: "the interpreter that it names", On: on(unix.ENOENT, unix.ENOTDIR),
			Cause:  "{path} needs {interpreter} as its {kind}, which is no absolute path",
			Remedy: "write its absolute path after #!",
			See:    see,
			probe:  noInterpreter(func(_ *look, name string) bool { return !filepath.IsAbs(name) }),
		},
		{
			ID: "exec-interpreter", Looks: "whether that is on the host", On: on(unix.ENOENT, unix.ENOTDIR),
			Cause:  "{path} needs {interpreter} as its {kind}, which is not on the host",
			Remedy: "install what provides {interpreter}",
			See:    append([]string{"elf(5): PT_INTERP", "ld.so(8)"}, see...),
			probe:  noInterpreter(func(l *look, name string) bool { return !l.sys.exists(name) }),
		},
		{
			ID: "exec-interpreter-inside", Looks: "whether that is inside", On: on(unix.ENOENT, unix.ENOTDIR),
			Cause:  "{path} needs {interpreter} as its {kind}, which is not there inside",
			Remedy: "--ro {interpreter}",
			See:    append([]string{"elf(5): PT_INTERP", "ld.so(8)"}, see...),
			probe:  noInterpreter(func(*look, string) bool { return true }),
		},
		{
			ID: "exec-covered", Looks: "what the options put in its place", On: on(unix.EACCES),
			Cause:  "{by} covers {what}",
			Remedy: "leave that out",
			See:    see,
			probe:  covered,
		},
		{
			ID: "exec-directory", Looks: "what it is", On: on(unix.EACCES, unix.EISDIR),
			Cause: "{path} is a directory", See: see,
			probe: func(l *look) values {
				onHost, _ := l.program()
				if st, err := l.sys.stat(onHost); err != nil || !st.IsDir() {
					return l.saw("no directory")
				}
				return values{"path": l.Step.(plan.Execve).Path}
			},
		},
		{
			ID: "exec-mode", Looks: "its mode", On: on(unix.EACCES),
			Cause: "{path} is not executable (mode {mode})", Remedy: "chmod +x {path}", See: see,
			probe: func(l *look) values {
				onHost, _ := l.program()
				st, err := l.sys.stat(onHost)
				if err != nil {
					return l.saw("%v", err)
				}
				if st.Mode&0o111 != 0 {
					return l.saw("%04o", st.Mode&0o7777)
				}
				return values{"path": l.Step.(plan.Execve).Path, "mode": fmt.Sprintf("%04o", st.Mode&0o7777)}
			},
		},
		{
			ID: "exec-noexec", Looks: "the mount that it is on", On: on(unix.EACCES),
			Cause:  "{path} is on a file system that is mounted noexec",
			Remedy: "copy it to one that is not",
			See:    append([]string{"mount(8): noexec", "fs/exec.c:do_open_execat"}, see...),
			probe: func(l *look) values {
				onHost, _ := l.program()
				if l.sys.Space == nil {
					return l.saw("nobody asked")
				}
				s, err := l.sys.Space(filepath.Dir(onHost))
				if err != nil {
					return l.saw("%v", err)
				}
				if s.Flags&unix.ST_NOEXEC == 0 {
					return l.saw("not noexec")
				}
				return values{"path": l.Step.(plan.Execve).Path}
			},
		},
		{
			ID: "exec-others", Looks: "whether another user may execute it", On: on(unix.EACCES),
			Cause:  "{path} has mode {mode}, and the payload is another user than its owner",
			Remedy: "--id self, or chmod o+rx {path}",
			See:    see,
			probe: func(l *look) values {
				onHost, _ := l.program()
				st, err := l.sys.stat(onHost)
				if err != nil || l.plan == nil {
					return l.saw("nobody asked")
				}
				if st.Mode&0o001 != 0 || !l.ofOthers() {
					return l.saw("%04o", st.Mode&0o7777)
				}
				return values{"path": l.Step.(plan.Execve).Path, "mode": fmt.Sprintf("%04o", st.Mode&0o7777)}
			},
		},
		{
			ID: "exec-machine", Looks: "the machine that it is for", On: on(unix.ENOEXEC, unix.EINVAL),
			Cause:  "{path} is a program for {machine}, and this machine is {this}",
			Remedy: "one that is built for {this}",
			See:    append([]string{"elf(5): e_machine"}, see...),
			probe: func(l *look) values {
				onHost, _ := l.program()
				machine := program.Machine(l.sys.file(onHost))
				this := "x86-64"
				if l.host != nil && l.host.Arch == "arm64" {
					this = "AArch64"
				}
				if machine == "" || machine == this {
					return l.saw("%s", machine)
				}
				return values{"path": l.Step.(plan.Execve).Path, "machine": machine, "this": this}
			},
		},
		{
			ID: "exec-format", Looks: "its first bytes", On: on(unix.ENOEXEC),
			Cause: "{path} is neither a program for this machine nor a script with a #! line", See: see,
			probe: func(l *look) values {
				onHost, _ := l.program()
				head, err := program.Head(l.sys.file(onHost))
				if err != nil || strings.HasPrefix(head, "#!") || strings.HasPrefix(head, "\x7fELF") {
					return l.saw("%.4q", head)
				}
				return values{"path": l.Step.(plan.Execve).Path}
			},
		},
		{
			ID: "exec-busy", Looks: "who has it open", On: on(unix.ETXTBSY),
			Cause: "{path} is open for writing in process {pid} ({name})", Remedy: "wait until that has ended", See: append([]string{"proc(5): /proc/PID/fdinfo"}, see...),
			probe: openForWriting,
		},
		{
			ID: "exec-large", Looks: "the size of the arguments and the environment", On: on(unix.E2BIG),
			Cause: "the arguments and the environment are larger than the kernel takes: {what}", See: append([]string{"execve(2): Limits on size of arguments and environment"}, see...),
			probe: tooLarge,
		},
	}
}

// program is the path of the command on the host, and whether the plan shows
// anything at its place inside.
func (l *look) program() (onHost string, shown bool) {
	path := l.Step.(plan.Execve).Path
	if l.plan != nil {
		onHost, shown = l.plan.Shows(path)
	}
	if onHost == "" && l.host != nil {
		onHost = l.host.Program.Path
	}
	return onHost, shown
}

// noInterpreter is the probe for an interpreter that is not inside, and of which
// is says what else must hold.
func noInterpreter(is func(l *look, name string) bool) func(*look) values {
	return func(l *look) values {
		onHost, _ := l.program()
		name, kind, err := program.Interpreter(l.sys.file(onHost))
		switch {
		case err != nil:
			return l.saw("%v", err)
		case name == "":
			return l.saw("none")
		case l.insideIs(name) || !is(l, name):
			return l.saw("%s", name)
		}
		return values{"path": l.Step.(plan.Execve).Path, "interpreter": name, "kind": kind}
	}
}

// insideIs reports whether the plan shows a path, and the host has what it shows
// there.
func (l *look) insideIs(path string) bool {
	if l.plan == nil || !filepath.IsAbs(path) {
		return false
	}
	onHost, shown := l.plan.Shows(path)
	if !shown {
		return false
	}
	return onHost == "" || l.sys.exists(onHost)
}

// covered looks for the option or profile line that has put something else in
// the place of the program, or of its interpreter, in a tree of the host's.
func covered(l *look) values {
	if l.plan == nil {
		return l.saw("nobody asked")
	}
	onHost, _ := l.program()
	interp, _, _ := program.Interpreter(l.sys.file(onHost))
	for _, file := range []string{onHost, interp} {
		real, err := filepath.EvalSymlinks(l.sys.at(file))
		if err != nil {
			continue
		}
		for _, e := range l.plan.Entries {
			if s, ok := e.Step.(plan.OpenInRoot); ok {
				if at, err := filepath.EvalSymlinks(l.sys.at("/" + s.Path)); err == nil && at == real {
					return values{"by": e.From, "what": file}
				}
			}
		}
	}
	return l.saw("nothing")
}

// openForWriting looks for a process of the caller's that has the program open.
func openForWriting(l *look) values {
	onHost, _ := l.program()
	want, err := l.sys.stat(onHost)
	if err != nil {
		return l.saw("%v", err)
	}
	for _, pid := range l.sys.pids() {
		fds, err := os.ReadDir(l.sys.at("/proc/" + pid + "/fd"))
		if err != nil {
			continue // somebody else's
		}
		for _, fd := range fds {
			st, err := l.sys.stat("/proc/" + pid + "/fd/" + fd.Name())
			if err != nil || st.Dev != want.Dev || st.Ino != want.Ino {
				continue
			}
			info, _ := l.sys.read("/proc/" + pid + "/fdinfo/" + fd.Name())
			v, _ := fieldOf(info, "flags") // octal
			if flags, err := strconv.ParseUint(v, 8, 64); err == nil && flags&unix.O_ACCMODE != unix.O_RDONLY {
				name, _ := l.sys.word("/proc/" + pid + "/comm")
				return values{"path": l.Step.(plan.Execve).Path, "pid": pid, "name": name}
			}
		}
	}
	return l.saw("no process that can be seen has it open for writing")
}

// tooLarge adds the strings up, as fs/exec.c:bprm_stack_limits and
// copy_strings do.
func tooLarge(l *look) values {
	s := l.Step.(plan.Execve)
	const oneMax = 131072 // MAX_ARG_STRLEN
	total := uint64(len(s.Path) + 1)
	for _, list := range [][]string{s.Argv, s.Env} {
		for _, word := range list {
			if len(word)+1 > oneMax {
				name, _, _ := strings.Cut(word, "=")
				return values{"what": fmt.Sprintf("%.20q has %d bytes, and 131071 is the most for one", name, len(word))}
			}
			total += uint64(len(word)) + 1 + 8
		}
	}
	if l.sys.Limit == nil {
		return l.saw("nobody asked")
	}
	stack, err := l.sys.Limit(unix.RLIMIT_STACK)
	if err != nil {
		return l.saw("%v", err)
	}
	limit := max(min(stack/4, 6<<20), oneMax) // three quarters of 8 MiB at most
	if total <= limit {
		return l.saw("%d bytes of %d", total, limit)
	}
	return values{"what": fmt.Sprintf("%d bytes, and %d is the most (a quarter of RLIMIT_STACK)", total, limit)}
}
