package wall

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// expected reports whether most programs that meet such a failure go on without: what
// the C library, language runtimes and tools look for by rule.
func expected(f Failure) bool {
	if len(f.Paths) == 0 {
		return false
	}
	p := f.Paths[0]
	switch {
	case p == "/dev/tty": // a shell looks for a terminal; who wants to ask somebody waits
		return f.openFlags()&unix.O_NONBLOCK != 0
	case f.Errno == unix.ENOENT && strings.HasPrefix(p, "/sys/"): // how large the machine is
		return true
	case strings.HasPrefix(p, "/proc/self/task/") && path.Base(p) == "comm": // pthread_setname_np(3)
		return true
	case strings.HasPrefix(p, "/proc/1/"): // ps(1)
		return true
	}
	return slices.ContainsFunc(optional, func(name string) bool {
		return p == name || strings.HasSuffix(name, "/") && strings.HasPrefix(p, name) || strings.HasPrefix(name, "*") && strings.HasSuffix(p, name[1:])
	})
}

// Asks reports whether a call only asks whether a file or directory is there, or wants
// it away.
func (f Failure) Asks() bool {
	asks := []string{"stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "unlink", "unlinkat", "rmdir"}
	return slices.Contains(asks, f.Call) || f.openFlags()&unix.O_DIRECTORY != 0
}

// looksInOwn reports whether a program asks for a file in a directory where it may make
// one: whether the host has one of that name in the other directory says little.
func looksInOwn(f Failure, v View) bool {
	if !f.Asks() || len(f.Paths) != 1 {
		return false
	}
	dir := path.Dir(f.Paths[0])
	in := v.Inside(dir)
	return in.Exists && may(in, v, write|search) && !v.MountOf(dir).has("ro")
}

// openFlags are those of open(2).
func (f Failure) openFlags() uint64 {
	switch f.Call {
	case "open":
		return f.Args[1]
	case "openat":
		return f.Args[2]
	}
	return 0
}

// optional are files that programs read if they are there. One that ends in "/" is
// a directory and what is in it; one that begins with "*" is an end.
var optional = []string{
	// The C library: locales, time zones, names, preloading.
	"/usr/share/locale/", "/usr/lib/locale/", "/etc/locale.alias", "/etc/localtime", "/etc/timezone",
	"/etc/host.conf", "/etc/gai.conf", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/ld.so.preload", "/etc/ld.so.conf",
	// Terminals and shells.
	"/etc/terminfo/", "/etc/terminfo", "/etc/inputrc", "/etc/profile", "/etc/bash.bashrc", "/etc/zsh/",
	// What tools take their defaults from.
	"/etc/gitconfig", "/etc/wgetrc", "/etc/ssh/ssh_config", "/etc/ssl/openssl.cnf", "/etc/pip.conf", "/etc/npmrc", "/etc/debian_version", "/etc/login.defs",
	"*/sitecustomize.py", "*/usercustomize.py",
	// Java asks for smaller cores of itself.
	"/proc/self/coredump_filter",
}
