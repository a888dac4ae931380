package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/test/badhost"
)

var long = strings.Repeat("a", 300)

// numbered is a text n times, each with its number and a name before it.
func numbered(name, text string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(name + strconv.Itoa(i) + text)
	}
	return b.String()
}

func link(to, name string) func(string) error {
	return func(dir string) error { return os.Symlink(to, in(dir, name)) }
}

// fileWith is as file, with DIR in the text as well.
func fileWith(name, text string, mode os.FileMode) func(string) error {
	return func(dir string) error { return os.WriteFile(in(dir, name), []byte(in(dir, text)), mode) }
}

func mkdir(name string) func(string) error { return mkdirMode(name, 0o755) }

func mkdirMode(name string, mode os.FileMode) func(string) error {
	return func(dir string) error { return os.MkdirAll(in(dir, name), mode) }
}

func chmod(name string, mode os.FileMode) func(string) error {
	return func(dir string) error { return os.Chmod(in(dir, name), mode) }
}

// covered shows one file of the host's in another's place, and bound a file in its own.
func covered(from, to string) func(string) error {
	return func(string) error { return badhost.Bind(from, to) }
}

func bound(name string) func(string) error { return covered(name, name) }

// remount changes flags or the propagation of a mount.
func remount(name string, flags uintptr) func(string) error {
	return func(dir string) error {
		if flags != unix.MS_UNBINDABLE {
			flags |= unix.MS_REMOUNT | unix.MS_BIND
		}
		if name == "/proc" { // its own flags are locked: mount_namespaces(7)
			flags |= unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
		}
		return os.NewSyscallError("remount "+name, unix.Mount("", in(dir, name), "", flags, ""))
	}
}

// withoutBit shows a copy of a program, without what lets it gain privilege.
func withoutBit(name string) func(string) error {
	return func(dir string) error {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		// The directory's own file system may be nosuid.
		return errors.Join(mountTmpfs(dir, 0)(dir), show(name, string(text), 0o755)(dir))
	}
}

func subids(text string) func(string) error {
	return both(show("/etc/subuid", text, 0o644), show("/etc/subgid", text, 0o644))
}

// sleeping leaves a process in a namespace of its own until this one ends, which
// becomes procjail.
func sleeping(flags uintptr) func(string) error {
	return func(string) error {
		sleep := exec.Command("sleep", "60")
		sleep.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: unix.SIGKILL}
		return sleep.Start()
	}
}

// scriptVariable has a script of sh that is to become procjail, which is its
// arguments.
const scriptVariable = "PROCJAIL_TRUTH_SCRIPT"

func through(script string) func(string) error {
	return func(string) error { return os.Setenv(scriptVariable, script) }
}

// A user namespace has at most 32 above it (kernel/user_namespace.c:create_user_ns),
// and so has a PID namespace (include/linux/pid_namespace.h).
const (
	deepest = `unshare --user --map-current-user true 2>/dev/null && exec unshare --user --map-current-user sh -c "$0" "$0" "$@"
exec "$@"`
	deepestPID = `unshare --pid true 2>/dev/null && exec unshare --pid --fork sh -c "$0" "$0" "$@"
exec setpriv --ambient-caps=-all "$@"`
)

// unreadable has procjail run from a file that nobody may read.
func unreadable(dir string) error {
	from, err := os.Open(os.Getenv("PROCJAIL"))
	if err != nil {
		return err
	}
	defer from.Close()
	name := filepath.Join(dir, "procjail")
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close(), os.Chmod(name, 0o111), os.Setenv("PROCJAIL", name))
}
