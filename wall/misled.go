package wall

import (
	"golang.org/x/sys/unix"
)

// misled is for calls that succeed and yet do not do what they were made for.
func misled(f Failure, v View) Met {
	switch f.Call {
	case "execve", "execveat":
		for _, p := range f.Paths {
			if m := powerless(p, v); m.Wall != None {
				return m
			}
		}
	case "write":
		return message(f, v)
	case "tgkill":
		return coreless(f, v)
	case "kill":
		if f.Args[1] != 0 {
			return coreless(f, v)
		}
		if int(int32(f.Args[0])) == f.PID {
			return Met{
				Wall: Namespace, Inferred: true, Text: "it asked whether a process is there, and found itself: numbers begin anew in each PID namespace, so that one in a file of an earlier run is often one's own",
				Remedy: "keep such a file where it ends with the jail, on a --tmpfs",
			}
		}
	case "mmap":
		return beyond(f, v)
	case "mount":
		const none = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_MOVE | unix.MS_SHARED | unix.MS_PRIVATE | unix.MS_SLAVE | unix.MS_UNBINDABLE
		if len(f.Paths) > 0 && f.Args[3]&none == 0 { // it is a new file system
			if pid := v.Leaked(f.Paths[0]); pid != 0 {
				return Met{
					Wall: Program, Text: "process " + number(uint64(pid)) + " has that mount too, in a mount namespace of its own: the mount below it is shared (mount_namespaces(7))",
					Remedy: `mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL) before it`,
				}
			}
		}
	}
	return Met{}
}

// coreless is for a process that ends itself by a signal that leaves a core, and no
// core is kept: core(5).
func coreless(f Failure, v View) Met {
	signal := f.Args[1]
	if f.Call == "tgkill" {
		signal = f.Args[2]
	}
	const least = 4096 // of a core in a file: ELF_EXEC_PAGESIZE, fs/coredump.c
	limit := v.Limit(core.name)
	if f.PID == 1 || int(int32(f.Args[0])) != f.PID || v.Handles(unix.Signal(signal)) || limit >= least {
		return Met{}
	}
	if m := lowered(core, v); m.Wall != None {
		m.Text = "it ends itself (abort(3)), and leaves no core: " + m.Text
		return m
	}
	return Met{
		Wall: Program, Text: "it ends itself (abort(3)), and leaves no core: its RLIMIT_CORE is " + number(limit) + " (core(5))",
		Remedy: `for a core, core = "infinity" in [limits] of a profile`,
	}
}

// powerless is for a setuid program, which runs without that: execve(2).
func powerless(p string, v View) Met {
	in := v.Inside(p)
	if uid, _ := v.Ids(); !in.Exists || in.Dir || in.Mode&unix.S_ISUID == 0 || in.UID == uid {
		return Met{}
	}
	return Met{Wall: Privilege, Text: p + " is a setuid program, and gained nothing: no_new_privs holds for every process of a jail (execve(2))", Remedy: "do outside what takes another's privilege"}
}

// beyond is for a file of a tmpfs that is mapped further than there is room for: the
// page that is one too many is SIGBUS, mmap(2).
func beyond(f Failure, v View) Met {
	name, held := v.Descriptor(int(int32(f.Args[4])))
	m := v.MountOf(name)
	if name == "" || m.Type != "tmpfs" {
		return Met{}
	}
	size, free := v.Room(m.Point)
	if end := f.Args[5] + f.Args[1]; size == 0 || end <= held+free {
		return Met{}
	}
	return Met{
		Wall: Space, Inferred: true, Text: "the file is on " + m.Point + ", a tmpfs of " + bytes(size) + ", which has not room for so much: the page too many is SIGBUS (mmap(2))",
		Remedy: "--tmpfs " + m.Point + ":SIZE makes it larger, and it counts as memory",
	}
}
