package wall

import (
	"strconv"

	"golang.org/x/sys/unix"
)

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
			return Met{Wall: Limit, Inferred: true, Text: "the jail has as many processes and threads as it may", Remedy: "--pids COUNT allows more"}
		case unix.ENOMEM:
			return Met{
				Wall: Program, Inferred: true, Text: "PID 1 of the PID namespace that its children belong to has ended, and no other process can be in it (pid_namespaces(7)); no memory is short",
				Remedy: "unshare --fork, or one command that is PID 1 and starts the others",
			}
		}
	case "mlock", "mlock2", "mlockall":
		if f.Errno == unix.ENOMEM || f.Errno == unix.EAGAIN {
			return locked(f, v)
		}
	case "mmap", "mremap":
		if f.Errno == unix.ENOMEM || f.Errno == unix.EAGAIN {
			return mapped(f, v)
		}
	}
	if limit := v.Limit("Max open files"); f.Errno == unix.EMFILE && v.Slots() >= limit {
		return Met{Wall: Limit, Text: "its limit of " + number(limit) + " open descriptors (RLIMIT_NOFILE) is reached", Remedy: "nofile in [limits] of a profile, and ulimit -n for procjail itself"}
	}
	return Met{}
}

// inotify tells the limits on instances from that on descriptors, which is EMFILE too.
func inotify(v View) Met {
	if files := v.Limit("Max open files"); v.Slots() >= files {
		return limited(Failure{Errno: unix.EMFILE}, v)
	}
	limit := v.Inotify()
	if has := uint64(v.Open("anon_inode:inotify")); has >= limit {
		return Met{Wall: Limit, Text: "it has as many inotify instances as the jail may, " + number(limit) + " (user.max_inotify_instances); its descriptors are fewer than it may have", Remedy: "inotify-instances in [limits] of a profile"}
	}
	return Met{
		Wall: Limit, Inferred: true, Text: "no more inotify instances (user.max_inotify_instances of the jail, or fs.inotify.max_user_instances of the account, with what runs outside); its descriptors are fewer than it may have",
		Remedy: "inotify-instances in [limits] of a profile, where that is the lower one",
	}
}

// locked is for memory that is to stay: mlock(2) is ENOMEM both over the limit and
// where nothing is mapped.
func locked(f Failure, v View) Met {
	limit, wanted := v.Limit("Max locked memory"), f.Args[1]
	if f.Call == "mlockall" {
		wanted = v.Memory("VmSize")
	}
	if had := v.Memory("VmLck"); had+wanted <= limit {
		return Met{}
	}
	return Met{
		Wall: Limit, Text: "it would have locked more than the " + bytes(limit) + " that it may (RLIMIT_MEMLOCK, which a jail inherits); no memory is short",
		Remedy: "ulimit -l before procjail",
	}
}

// mapped is for memory that is not to be had.
func mapped(f Failure, v View) Met {
	size := f.Args[1]
	if f.Call == "mremap" {
		size = f.Args[2] - min(f.Args[1], f.Args[2])
	}
	private := f.Call == "mremap" || f.Args[2]&unix.PROT_WRITE != 0 && f.Args[3]&unix.MAP_TYPE == unix.MAP_PRIVATE
	if limit := v.Limit("Max data size"); private && v.Memory("VmData")+size > limit {
		return Met{Wall: Limit, Inferred: true, Text: "its memory would have been more than the " + bytes(limit) + " that a process may have (RLIMIT_DATA)", Remedy: "--memory SIZE allows more"}
	}
	if limit := v.Limit("Max address space"); v.Memory("VmSize")+size > limit {
		return Met{Wall: Limit, Inferred: true, Text: "its address space would have been more than " + bytes(limit) + " (RLIMIT_AS, which a jail inherits)", Remedy: "ulimit -v unlimited before procjail"}
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
