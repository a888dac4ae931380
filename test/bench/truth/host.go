package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What conditions are made of. Each is a function of the directory that is the
// condition's own, DIR in a name.

func in(dir, name string) string { return strings.ReplaceAll(name, "DIR", dir) }

func both(a, b func(string) error) func(string) error {
	return func(dir string) error { return errors.Join(a(dir), b(dir)) }
}

func file(name, text string, mode os.FileMode) func(string) error {
	return func(dir string) error { return os.WriteFile(in(dir, name), []byte(text), mode) }
}

func write(name, text string) func(string) error {
	return func(string) error { return os.WriteFile(name, []byte(text), 0) }
}

// elf begins an ELF file for RISC-V.
var elf = "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\xf3\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 100)

// writing keeps a file open, also in procjail.
func writing(name string) func(string) error {
	return func(dir string) error {
		_, err := unix.Open(in(dir, name), unix.O_WRONLY, 0)
		return err
	}
}

func limit(resource int, n uint64) func(string) error {
	return func(string) error {
		return os.NewSyscallError("setrlimit", unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n}))
	}
}

func noNewPrivs(string) error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

func mountTmpfs(at string, flags uintptr) func(string) error {
	return func(string) error {
		return os.NewSyscallError("mount "+at, unix.Mount("tmpfs", at, "tmpfs", flags, ""))
	}
}

func bind(from, to string) error {
	return os.NewSyscallError("bind "+to, unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""))
}

// show puts a file with that text in another's place.
func show(name, text string, mode os.FileMode) func(string) error {
	return func(dir string) error {
		instead := filepath.Join(dir, filepath.Base(name))
		return errors.Join(os.WriteFile(instead, []byte(text), mode), bind(instead, name))
	}
}

func readOnly(name string) func(string) error {
	return func(dir string) error {
		at := in(dir, name)
		return errors.Join(bind(at, at), os.NewSyscallError("mount_setattr", unix.MountSetattr(unix.AT_FDCWD, at, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})))
	}
}

func fewInodes(dir string) error {
	return errors.Join(os.NewSyscallError("mount", unix.Mount("tmpfs", dir, "tmpfs", 0, "nr_inodes=2")), os.Mkdir(filepath.Join(dir, "full"), 0o700))
}

// changeRoot enters a root with the host's programs by chroot(2): a directory of a
// mount.
func changeRoot(below string) func(string) error {
	return func(dir string) error {
		if err := os.NewSyscallError("mount", unix.Mount("tmpfs", dir, "tmpfs", 0, "")); err != nil {
			return err
		}
		root := dir + below
		for _, name := range []string{"/usr", "/proc", "/dev", "/etc", "/bin", "/lib", "/lib64", "/sbin", "/tmp"} {
			if _, err := os.Stat(name); err != nil {
				continue
			}
			if err := errors.Join(os.MkdirAll(root+name, 0o755), bind(name, root+name)); err != nil {
				return err
			}
		}
		return errors.Join(os.NewSyscallError("chroot", unix.Chroot(root)), os.Chdir("/"))
	}
}

// layers restricts this thread n times by one right: of files (word 0 of its
// structure) or of the network (word 1). landlock(7).
func layers(n, word int, right uint64) func(string) error {
	return func(dir string) error {
		if err := noNewPrivs(dir); err != nil {
			return err
		}
		var attr [2]uint64
		attr[word] = right
		for range n {
			fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
			if e != 0 {
				return os.NewSyscallError("landlock_create_ruleset", e)
			}
			if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); e != 0 {
				return os.NewSyscallError("landlock_restrict_self", e)
			}
			_ = unix.Close(int(fd))
		}
		return nil
	}
}

// filter has one call answered with an action of seccomp(2), for this thread.
func filter(call int, action uint32) func(string) error {
	return func(dir string) error {
		if err := noNewPrivs(dir); err != nil {
			return err
		}
		list := []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // seccomp_data.nr
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(call)},
			{Code: unix.BPF_RET | unix.BPF_K, K: action},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		}
		program := unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]}
		return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0))
	}
}

// execveFD calls execveat(2) with AT_EMPTY_PATH.
func execveFD(fd int, argv, env []string) error {
	empty, err := unix.BytePtrFromString("")
	if err != nil {
		return err
	}
	a, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	e, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(empty)), uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&e[0])), unix.AT_EMPTY_PATH, 0)
	return os.NewSyscallError("execveat", errno)
}
