package wall

import (
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// rlimit is one of getrlimit(2), by what /proc/PID/limits calls it.
type rlimit struct{ name, resource string }

var (
	files        = rlimit{"Max open files", "RLIMIT_NOFILE"}
	processes    = rlimit{"Max processes", "RLIMIT_NPROC"}
	memlock      = rlimit{"Max locked memory", "RLIMIT_MEMLOCK"}
	data         = rlimit{"Max data size", "RLIMIT_DATA"}
	addressSpace = rlimit{"Max address space", "RLIMIT_AS"}
	core         = rlimit{"Max core file size", "RLIMIT_CORE"}
)

// lowered is for a limit that is not what the jail gave: the payload has less by its
// own doing.
func lowered(l rlimit, v View) Met {
	limit := v.Limit(l.name)
	if limit >= v.Given(l.name) {
		return Met{}
	}
	return Met{Wall: Program, Text: "the payload has lowered its own " + l.resource + " to " + number(limit) + " (getrlimit(2))"}
}

// limited is for EMFILE, EAGAIN and ENOMEM, behind which are limits that the kernel
// does not name: getrlimit(2), inotify(7), mlock(2).
func limited(f Failure, v View) Met {
	switch f.Call {
	case "inotify_init", "inotify_init1":
		if f.Errno == unix.EMFILE {
			return inotify(v)
		}
	case "clone", "fork", "vfork":
		switch f.Errno {
		case unix.EAGAIN:
			if m := lowered(processes, v); m.Wall != None {
				m.Inferred = true
				return m
			}
			return Met{Wall: Limit, Inferred: true, Text: "the jail has as many processes and threads as it may", Remedy: "--pids COUNT allows more"}
		case unix.ENOMEM:
			return Met{
				Wall: Program, Inferred: true, Text: "PID 1 of the PID namespace that its children belong to has ended, and no other process can be in it (pid_namespaces(7)); no memory is short",
				Remedy: "unshare --fork, or one command that is PID 1 and starts the others",
			}
		}
	case "mlock", "mlock2", "mlockall":
		if f.Errno == unix.ENOMEM || f.Errno == unix.EAGAIN {
			wanted := f.Args[1]
			if f.Call == "mlockall" {
				wanted = v.Memory("VmSize") - min(v.Memory("VmLck"), v.Memory("VmSize"))
			}
			return locked(wanted, v)
		}
	case "mmap", "mremap":
		if f.Errno == unix.ENOMEM || f.Errno == unix.EAGAIN {
			return mapped(f, v)
		}
	}
	if f.Errno == unix.EMFILE && v.Slots() >= v.Limit(files.name) {
		return full(v)
	}
	return Met{}
}

// full is for the limit on descriptors.
func full(v View) Met {
	if m := lowered(files, v); m.Wall != None {
		return m
	}
	return Met{Wall: Limit, Text: "its limit of " + number(v.Limit(files.name)) + " open descriptors (RLIMIT_NOFILE) is reached", Remedy: "nofile in [limits] of a profile, and ulimit -n for procjail itself"}
}

// inotify tells the limits on instances from that on descriptors, which is EMFILE too.
func inotify(v View) Met {
	limit := v.Inotify()
	if has := uint64(v.Open("anon_inode:inotify")); has >= limit {
		return Met{Wall: Limit, Text: "it has as many inotify instances as the jail may, " + number(limit) + " (user.max_inotify_instances); its descriptors are fewer than it may have", Remedy: "inotify-instances in [limits] of a profile"}
	}
	if uint64(v.Open("")) >= v.Limit(files.name) {
		return full(v)
	}
	return Met{
		Wall: Limit, Inferred: true, Text: "no more inotify instances (user.max_inotify_instances of the jail, or fs.inotify.max_user_instances of the account, with what runs outside); its descriptors are fewer than it may have",
		Remedy: "inotify-instances in [limits] of a profile, where that is the lower one",
	}
}

// locked is for memory that is to stay: mlock(2) is ENOMEM both over the limit and
// where nothing is mapped.
func locked(wanted uint64, v View) Met {
	limit := v.Limit(memlock.name)
	if had := v.Memory("VmLck"); had+wanted <= limit {
		return Met{}
	}
	if m := lowered(memlock, v); m.Wall != None {
		return m
	}
	return Met{
		Wall: Limit, Text: "it would have locked more than the " + bytes(limit) + " that it may (RLIMIT_MEMLOCK, which a jail inherits); no memory is short",
		Remedy: "ulimit -l before procjail",
	}
}

// addresses is how much memory a process can have at all, where it asks for no more
// levels of page tables: arch/x86/include/asm/page_64_types.h, asm/memory.h of arm64.
func addresses() uint64 {
	if runtime.GOARCH == "arm64" {
		return 1 << 48
	}
	return 1 << 47
}

// mapped is for memory that is not to be had. EAGAIN is for memory that would have been
// locked: mmap(2).
func mapped(f Failure, v View) Met {
	size := f.Args[1]
	if f.Call == "mremap" {
		size = f.Args[2] - min(f.Args[1], f.Args[2])
	}
	switch {
	case size >= addresses():
		return Met{Wall: Program, Text: "no process has room for so much: its addresses are " + bytes(addresses())}
	case f.Errno == unix.EAGAIN:
		return locked(size, v)
	}
	// In the order of mm/mmap.c:may_expand_vm.
	if limit := v.Limit(addressSpace.name); v.Memory("VmSize")+size > limit {
		if m := lowered(addressSpace, v); m.Wall != None {
			m.Inferred = true
			return m
		}
		return Met{Wall: Limit, Inferred: true, Text: "its address space would have been more than " + bytes(limit) + " (RLIMIT_AS, which a jail inherits)", Remedy: "ulimit -v unlimited before procjail"}
	}
	private := f.Call == "mremap" || f.Args[2]&unix.PROT_WRITE != 0 && f.Args[3]&unix.MAP_TYPE == unix.MAP_PRIVATE
	if limit := v.Limit(data.name); private && v.Memory("VmData")+size > limit {
		if m := lowered(data, v); m.Wall != None {
			m.Inferred = true
			return m
		}
		return Met{Wall: Limit, Inferred: true, Text: "its memory would have been more than the " + bytes(limit) + " that a process may have (RLIMIT_DATA)", Remedy: "--memory SIZE allows more"}
	}
	return Met{}
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// bytes is a size in its largest unit that leaves no fraction.
func bytes(n uint64) string {
	for _, unit := range []struct {
		shift uint
		name  string
	}{{30, "G"}, {20, "M"}, {10, "K"}} {
		if n >= 1<<unit.shift && n&(1<<unit.shift-1) == 0 {
			return number(n>>unit.shift) + unit.name
		}
	}
	return number(n) + " bytes"
}
