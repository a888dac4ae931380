package wall_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/wall"
)

// TestMessage: what a program says is the environment's or an owner's doing only where
// it says more than a name. The first rows are of programs that do, the others of
// programs that fail of themselves.
func TestMessage(t *testing.T) {
	withheld := []string{"TOKEN", "DEBUG", "MAIL", "LC_ALL", "USER"}
	v := jail
	v.inside = map[string]wall.Seen{"/usr/include/stdio.h": file(0o644, 0), "/usr/bin/ls": file(0o755, 0), "/usr": dir(0o755, 0)}
	for _, c := range []struct {
		text string
		want wall.Kind
	}{
		{"bash: line 1: TOKEN: parameter null or not set", wall.Variable},
		{"sh: 1: TOKEN: parameter not set", wall.Variable},
		{"bash: line 1: TOKEN: unbound variable", wall.Variable},
		{"KeyError: 'TOKEN'", wall.Variable},
		{"Error: TOKEN is not set", wall.Variable},
		{"the environment variable TOKEN is required", wall.Variable},
		{"Use of uninitialized value $ENV{\"TOKEN\"} in print at -e line 1.", wall.Variable},
		{"missing TOKEN", wall.Variable},
		{"perl: warning: Setting locale failed.", wall.Variable},
		{"locale.Error: unsupported locale setting", wall.Variable},
		{"cannot write \"Käse\" in the locale C\n", wall.Variable},
		{"/usr is owned by uid 65534, not by root", wall.IDMap},

		{"DEBUG: reading input", wall.None},
		{"MAIL FROM: rejected by recipient policy", wall.None},
		{"syntax error at TOKEN in line 3", wall.None},
		{"parse error: missing TOKEN in line 3", wall.None},
		{"NameError: name 'TOKEN' is not defined", wall.None},
		{"undefined reference to `TOKEN'", wall.None},
		{"not set: a thing\nDEBUG: a line of its own", wall.None},
		{"unsupported locale file foo.po", wall.None},
		{"locale C: login failed", wall.None},
		{"cannot include /usr/include/stdio.h on its own", wall.None},
		{"who owns /usr/bin/ls", wall.None},
		{"chown: changing ownership of '/usr/bin/ls': Read-only file system", wall.None},
	} {
		if got := wall.Of(wall.Failure{Call: "write", Data: c.text, Withheld: withheld}, v); got.Wall != c.want {
			t.Errorf("%q: %+v, want %q", c.text, got, c.want)
		}
	}
}

// TestSpeaks: a message speaks of a failure by its path or by its errno, of the network
// and of privilege only by a word for that.
func TestSpeaks(t *testing.T) {
	key := wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/srv/app/key.pem"}, PID: 3}
	config := wall.Failure{Call: "openat", Errno: unix.ENOENT, Paths: []string{"/srv/app/config"}, PID: 3}
	short := wall.Failure{Call: "openat", Errno: unix.EROFS, Paths: []string{"/srv/app/x"}, PID: 3}
	lock := wall.Failure{Call: "openat", Errno: unix.EROFS, Paths: []string{"/etc/.pwd.lock"}, PID: 3}
	cache := wall.Failure{Call: "openat", Errno: unix.EROFS, Paths: []string{"/usr/local/lib/cache.db"}, PID: 3}
	mount := wall.Failure{Call: "execve", Paths: []string{"/usr/bin/mount"}, PID: 3}
	lookup := wall.Failure{Call: "connect", Errno: unix.ECONNREFUSED, Address: "127.0.0.1:53"}
	https := wall.Failure{Call: "connect", Errno: unix.ENETUNREACH, Address: "192.0.2.1:443"}
	for _, c := range []struct {
		f    wall.Failure
		kind wall.Kind
		by   int
		text string
		want bool
	}{
		{key, wall.NotShown, 3, "cannot read /srv/app/KEY.pem", true},
		{key, wall.NotShown, 4, "key.pem is missing", true},
		{key, wall.NotShown, 3, "cannot read app/key.pem", true},
		{key, wall.NotShown, 3, "cannot read ../app/key.pem", true},
		{key, wall.NotShown, 3, "nobody listens on unix:///srv/app/key.pem. Is it there?", true},
		{key, wall.NotShown, 3, "cannot read /srv/app/key.pem.bak", false},
		{key, wall.NotShown, 3, "cannot read other/key.pem", false},
		{key, wall.NotShown, 3, "monkey.pem is missing", false},
		{key, wall.NotShown, 3, "/etc/other: no such file or directory", false},
		{config, wall.NotShown, 3, "config: No such file or directory", true},
		{config, wall.NotShown, 3, "cannot read ‘config’", true},
		{config, wall.NotShown, 3, "invalid config", false},
		{config, wall.NotShown, 3, "cat: config.txt: No such file or directory", false},
		{short, wall.ReadOnly, 3, "sh: 1: cannot create x: Read-only file system", true},
		{short, wall.ReadOnly, 3, "Runtime error: attempt to write a readonly database (8)", true},
		{short, wall.ReadOnly, 3, "x: invalid argument", false},
		{lock, wall.ReadOnly, 3, "useradd: cannot lock /etc/passwd; try again later.", true},
		{lock, wall.ReadOnly, 3, "useradd: bad line in /etc/passwd", false},
		{cache, wall.ReadOnly, 3, "invalid argument: --colour=purple", false},
		{key, wall.NotShown, 3, "usage: app", false},
		{lookup, wall.Network, 3, "curl: (6) Could not resolve host: example.com", true},
		{lookup, wall.Network, 3, "cannot open https://example.com/x", true},
		{https, wall.Network, 3, "error: 192.0.2.1 said nothing", true},
		{lookup, wall.Network, 3, "see https://example.com/x", false},
		{lookup, wall.Network, 3, "Unknown command: \"x\"", false},
		{https, wall.Network, 3, "NameError: name 'undefined_thing' is not defined", false},
		{https, wall.Network, 3, "invalid port in the server's service file on host 3: resolve it", false},
		{mount, wall.Privilege, 3, "mount: must be superuser, effective uid 1000", true},
		{mount, wall.Privilege, 3, "mount: you are not root", true},
		{mount, wall.Privilege, 4, "mount ran with the effective uid 1000", true},
		{mount, wall.Privilege, 4, "not root: bad document", false},
		{mount, wall.Privilege, 3, "mount: bad usage", false},
		{mount, wall.Privilege, 3, "tmpfs on /tmp type tmpfs (rw,nosuid,nodev,uid=1000)", false},
	} {
		if got := wall.Speaks(c.f, wall.Met{Wall: c.kind}, wall.Message{PID: c.by, Name: "app", Text: c.text}); got != c.want {
			t.Errorf("%q of %v: %v, want %v", c.text, c.f.Paths, got, c.want)
		}
	}
}

// TestUnnamed: an errno alone may be of any file, and one beside another's name is not.
func TestUnnamed(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"open: No such file or directory", true},
		{"app: No such file or directory", true},
		{"app: error 2: No such file or directory", true},
		{`Error: Os { code: 2, kind: NotFound, message: "No such file or directory" }`, true},
		{"Error: No such file or directory (os error 2)", true},
		{"FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'", false},
		{"cat: nothere.txt: No such file or directory", false},
		{"open nothere: no such file or directory", false},
		{"app: nothere: No such file or directory", false},
		{"/etc/other: no such file or directory", false},
		{"app: Read-only file system", false},
		{"usage: app", false},
	} {
		if got := wall.Unnamed(unix.ENOENT, wall.Message{Name: "app", Text: c.text}); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}
