package truth

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// walls are calls that fail, each as a line of sh, with the errno and the wall that
// --trace-denials has to name.
var walls = []struct {
	line, call, errno, wall string
}{
	{`cat "$HIDDEN"`, "openat", "ENOENT", "view"},
	{`cat /nowhere/at/all`, "openat", "ENOENT", ""},
	{`mkdir /usr/x`, "mkdir", "EROFS", "read-only"},
	{`echo > /etc/passwd`, "openat", "EROFS", "read-only"},
	{`ln /etc/passwd /tmp/p`, "linkat", "EXDEV", "mounts"},
	{`mknod /tmp/n c 1 3`, "mknodat", "EPERM", "capability"},
	{`chown 5 /tmp`, "fchownat", "EINVAL", "id-map"},
	{`cp /bin/true /tmp/t; chmod 600 /tmp/t; /tmp/t`, "execve", "EACCES", "mode"},
	{`mkdir -m 0 /tmp/d; echo > /tmp/d/x`, "openat", "EACCES", "mode"},
	{`printf '#!/nowhere/sh\n' > /tmp/s; chmod 700 /tmp/s; /tmp/s`, "execve", "ENOENT", "view"},
	{`head -c 1M /dev/zero > /small/f; ln -s $(head -c 3000 /dev/zero | tr '\0' x) /small/l`, "symlinkat", "ENOSPC", "space"},
	{`exec 3<>/dev/tcp/192.0.2.1/80`, "connect", "ENETUNREACH", "network"},
	{`exec 3<>/dev/tcp/127.0.0.1/9`, "connect", "ECONNREFUSED", "network"},
	{`ulimit -n 3; cat /etc/passwd`, "openat", "EMFILE", "limit"},
	{`mkdir /tmp`, "mkdir", "EEXIST", ""},
	{`rmdir /tmp/none`, "rmdir", "ENOENT", ""},
}

// TestKernelWalls: the errno is the kernel's, and the wall the one that it was. With
// a subordinate id and with the caller's.
func TestKernelWalls(t *testing.T) {
	start(t)
	kerneltest.RequirePrograms(t, "bash")
	hidden := filepath.Join(t.TempDir(), "hidden")
	if err := os.WriteFile(hidden, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"auto", "self"} {
		for _, w := range walls {
			name := filepath.Join(t.TempDir(), "report.json")
			got := kerneltest.Run(t, "--id", id, "--allow-degraded", "cgroup,subid", "--trace-denials", "--tmpfs", "/small:16K", "-e", "HIDDEN="+hidden, "-e", "LC_ALL=C", "-w", "/tmp",
				"--report", name, "bash", "-c", w.line+"; exit 3")
			r := read(t, name)
			var met []string
			ok := false
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
