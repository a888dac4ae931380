package truth

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// walls are calls that fail, each as a line of sh, with the errno and the wall that
// --trace-denials has to name.
var walls = []struct {
	line, call, errno, wall string
}{
	{`cat "$HIDDEN"`, "openat", "ENOENT", "view"},
	{`cat /nowhere/at/all`, "openat", "ENOENT", ""},
	{`test -e "$HIDDEN" || echo "there is no $HIDDEN" >&2`, "newfstatat", "ENOENT", "view"},
	{`echo "SECRET is not set" >&2`, "write", "", "variable"},
	{`mkdir /usr/x`, "mkdir", "EROFS", "read-only"},
	{`echo > /etc/passwd`, "openat", "EROFS", "read-only"},
	{`ln /etc/passwd /tmp/p`, "linkat", "EXDEV", "mounts"},
	{`mknod /tmp/n c 1 3`, "mknodat", "EPERM", "capability"},
	{`chown 5 /tmp`, "fchownat", "EINVAL", "id-map"},
	{`cp /bin/true /tmp/t; chmod 600 /tmp/t; /tmp/t`, "execve", "EACCES", "program"},
	{`mkdir -m 0 /tmp/d; echo > /tmp/d/x`, "openat", "EACCES", "program"},
	{`cat "$CLOSED"`, "openat", "EACCES", "mode"},
	{`printf '#!/nowhere/sh\n' > /tmp/s; chmod 755 /tmp/s; /tmp/s`, "execve", "ENOENT", "program"},
	{`printf '#!'"$HIDDEN"'\n' > /tmp/s; chmod 755 /tmp/s; /tmp/s`, "execve", "ENOENT", "view"},
	{`ln -s "$HIDDEN" /tmp/l; cat /tmp/l`, "openat", "ENOENT", "view"},
	{`printf 'x' > /tmp/s; chmod 755 /tmp/s; /tmp/s`, "execve", "ENOEXEC", "program"},
	{`head -c 1M /dev/zero > /small/f; ln -s $(head -c 3000 /dev/zero | tr '\0' x) /small/l`, "symlinkat", "ENOSPC", "space"},
	{`exec 3<>/dev/tcp/192.0.2.1/80`, "connect", "ENETUNREACH", "network"},
	{`exec 3<>/dev/tcp/127.0.0.1/9`, "connect", "ECONNREFUSED", ""},
	{`exec 3<>/dev/tcp/127.0.0.1/$PORT`, "connect", "ECONNREFUSED", "network"},
	{`python3 -c 'import socket; socket.socket().bind(("192.0.2.1", 8080))'`, "bind", "EADDRNOTAVAIL", ""},
	{`cat /proc/$OTHER/status`, "openat", "ENOENT", ""},
	{`python3 -c 'import socket; s = socket.socket(); s.setblocking(False); s.connect_ex(("127.0.0.1", '$PORT')); raise SystemExit("no connection")'`, "connect", "ECONNREFUSED", "network"},
	{`for i in {1..400}; do test -e /nowhere/$i; done; mkdir /usr/x`, "mkdir", "EROFS", "read-only"},
	{`ulimit -n 3; cat /etc/passwd`, "openat", "EMFILE", "program"},
	{`ulimit -v 100000; python3 -c 'bytearray(200 << 20)'`, "mmap", "ENOMEM", "program"},
	{`python3 -c 'x = [open("/dev/null") for i in range(5000)]'`, "openat", "EMFILE", "limit"},
	{`python3 -c 'bytearray(1 << 30)'`, "mmap", "ENOMEM", "limit"},
	{`python3 -c 'import mmap; mmap.mmap(-1, 1 << 48, flags=mmap.MAP_PRIVATE)'`, "mmap", "ENOMEM", "program"},
	{`python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'`, "socket", "EPERM", "capability"},
	{`python3 -c 'import os; os.environ["SECRET"]'`, "write", "", "variable"},
	{`su -c true < /dev/null`, "execve", "", "privilege"},
	{`kill -0 $$`, "kill", "", "namespace"},
	{`: < /dev/tty`, "openat", "ENXIO", "terminal"},
	{`cd /small; head -c 2M /dev/zero > x`, "", "", "full /small"},
	{`mkdir /tmp`, "mkdir", "EEXIST", ""},
	{`rmdir /tmp/none`, "rmdir", "ENOENT", ""},
}

// TestKernelWalls: the errno is the kernel's, and the wall the one that it was. With
// a subordinate id and with the caller's.
func TestKernelWalls(t *testing.T) {
	start(t)
	kerneltest.RequirePrograms(t, "bash", "python3")
	hidden := filepath.Join(t.TempDir(), "hidden")
	if err := os.WriteFile(hidden, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.WriteFile(closed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", "hunter2")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	sameDevice := func(a, b string) bool {
		var first, second unix.Stat_t
		return unix.Stat(a, &first) == nil && unix.Stat(b, &second) == nil && first.Dev == second.Dev
	}
	for _, id := range []string{"auto", "self"} {
		for _, w := range walls {
			if id == "self" && strings.Contains(w.line, "$CLOSED") {
				continue // it is the caller's
			}
			if w.wall == "mounts" && !sameDevice("/etc", "/tmp") {
				w.wall = "program"
			}
			name := filepath.Join(t.TempDir(), "report.json")
			got := kerneltest.Run(t, "--id", id, "--allow-degraded", "cgroup,subid", "--trace-denials", "--tmpfs", "/small:16K", "-e", "HIDDEN="+hidden, "-e", "CLOSED="+closed, "--ro", closed, "-e", "LC_ALL=C", "-e", "PORT="+port, "-e", "OTHER="+strconv.Itoa(os.Getpid()), "-w", "/tmp",
				"--report", name, "bash", "-c", w.line+"; exit 3")
			r := read(t, name)
			var met []string
			ok := false
			if path, full := strings.CutPrefix(w.wall, "full "); full {
				if !slices.Contains(r.Full, path) || !strings.Contains(got.Stderr, "procjail: full: "+path+" had no room left") {
					t.Errorf("--id %s: %s: full %v, said %s", id, w.line, r.Full, got.Stderr)
				}
				continue
			}
			for _, f := range r.Failures.Calls {
				met = append(met, strings.Join([]string{f.Syscall, f.Errno, f.Wall, f.Cause}, " "))
				ok = ok || f.Syscall == w.call && f.Errno == w.errno && f.Wall == w.wall
			}
			said := strings.Contains(got.Stderr, "procjail: failed: "+w.call+"(")
			if !ok || said != (w.wall != "") {
				t.Errorf("--id %s: %s: want %s %s %q; met\n  %s\nsaid %s", id, w.line, w.call, w.errno, w.wall, strings.Join(met, "\n  "), got.Stderr)
			}
		}
	}
}

// TestKernelFull: that a file system is full is told of a payload that ends soon after:
// who keeps it in sight is there in time, but for a machine that has other work.
func TestKernelFull(t *testing.T) {
	start(t)
	kerneltest.RequirePrograms(t, "bash")
	for _, tt := range []struct {
		name   string
		most   int // of 40 that may be missed
		option string
		before string
	}{
		{"traced", 1, "--trace-denials", ""},
		{"not traced, after 10 ms", 10, "--denials=auto", "sleep 0.01; "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			missed := 0
			for range 40 {
				got := kerneltest.Run(t, tt.option, "--id", "self", "--cgroup", "off", "--tmpfs", "/small:16K", "bash", "-c", tt.before+"cd /small; head -c 2M /dev/zero > x; exit 3")
				if !strings.Contains(got.Stderr, "procjail: full: /small had no room left") {
					missed++
				}
			}
			t.Logf("missed %d", missed)
			if missed > tt.most {
				t.Errorf("of 40 full file systems it told nothing of %d", missed)
			}
		})
	}
}

// TestKernelTracedWhole: what is looked at does what it does otherwise: threads,
// children, signals, reads that wait.
func TestKernelTracedWhole(t *testing.T) {
	start(t)
	kerneltest.RequirePrograms(t, "bash")
	const script = `set -e
		trap 'echo trapped' USR1
		mkfifo /tmp/f; (sleep 0.1; echo through > /tmp/f) & read x < /tmp/f; echo $x
		for i in 1 2 3 4 5 6 7 8 9 10; do (kill -USR1 $$) ; cat /etc/passwd > /dev/null; done
		kill -STOP $BASHPID & sleep 0.1; kill -CONT $!; wait $! || true
		ls /proc/self/fd > /dev/null; find /usr/bin -newer /nowhere 2> /dev/null || true
		echo end`
	plain := kerneltest.Run(t, "--allow-degraded", "cgroup,subid", "bash", "-c", script)
	traced := kerneltest.Run(t, "--allow-degraded", "cgroup,subid", "--trace-denials", "bash", "-c", script)
	if plain != traced || plain.Code != 0 || !slices.Equal(strings.Fields(plain.Stdout)[:1], []string{"through"}) {
		t.Errorf("plain %+v\ntraced %+v", plain, traced)
	}
}

// TestKernelTracedExecve: an execve(2) ends the other threads of its process, and one
// that is not the first becomes it.
func TestKernelTracedExecve(t *testing.T) {
	start(t)
	for _, options := range [][]string{{"--trace-denials"}, {"--trace-denials", "--id", "self"}, {"--trace-denials", "--pid1", "payload"}} {
		for _, which := range []string{"first", "other"} {
			if got := run(t, append([]string{"--timeout", "20s"}, options...), "execve", which); got.Code != 3 || got.Stdout != "it was the "+which+"\n" {
				t.Errorf("%v, %s: %+v", options, which, got)
			}
		}
	}
}
