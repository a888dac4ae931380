package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/test/badhost"
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

func noNewPrivs(string) error { return badhost.NoNewPrivs() }

func mountTmpfs(at string, flags uintptr) func(string) error {
	return func(string) error { return badhost.Tmpfs(at, flags, "") }
}

// show puts a file with that text in another's place.
func show(name, text string, mode os.FileMode) func(string) error {
	return func(dir string) error {
		instead := filepath.Join(dir, filepath.Base(name))
		return errors.Join(os.WriteFile(instead, []byte(text), mode), badhost.Bind(instead, name))
	}
}

func readOnly(name string) func(string) error {
	return func(dir string) error { return badhost.ReadOnly(in(dir, name)) }
}

func fewInodes(dir string) error {
	return errors.Join(badhost.Tmpfs(dir, 0, "nr_inodes=2"), os.Mkdir(filepath.Join(dir, "full"), 0o700))
}

// changeRoot enters a root with the host's programs by chroot(2): a directory of a
// mount.
func changeRoot(below string) func(string) error {
	return func(dir string) error {
		if err := badhost.Tmpfs(dir, 0, ""); err != nil {
			return err
		}
		root := dir + below
		for _, name := range []string{"/usr", "/proc", "/dev", "/etc", "/bin", "/lib", "/lib64", "/sbin", "/tmp"} {
			if _, err := os.Stat(name); err != nil {
				continue
			}
			if err := errors.Join(os.MkdirAll(root+name, 0o755), badhost.Bind(name, root+name)); err != nil {
				return err
			}
		}
		return errors.Join(os.NewSyscallError("chroot", unix.Chroot(root)), os.Chdir("/"))
	}
}

// layers restricts this thread n times.
func layers(n, word int, right uint64) func(string) error {
	return func(string) error {
		for range n {
			if err := badhost.Landlock(word, right); err != nil {
				return err
			}
		}
		return nil
	}
}

// filter has one call answered with an action of seccomp(2), for this thread.
func filter(call int, action uint32) func(string) error {
	return func(string) error { return badhost.Filter(call, action) }
}

func fullOfMounts(string) error { return badhost.FullOfMounts() }

func manyMounts(string) error { return badhost.ManyMounts() }

func manyKeys(string) error { return badhost.ManyKeys() }
