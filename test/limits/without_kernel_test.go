package limits

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// limitsOf is what the kernel says of a payload's own limits.
const limitsOf = `grep -E 'data size|processes' /proc/self/limits | tr -s ' '; cat /proc/self/cgroup; ls -A /sys/fs/cgroup 2>/dev/null || :`

const byRlimits = "Max data size 67108864 67108864 bytes \nMax processes 40 40 processes \n0::/"

// with makes a command that has another environment.
func with(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := kerneltest.Command(t, args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "XDG_RUNTIME_DIR=") && !strings.HasPrefix(kv, "DBUS_SESSION_BUS_ADDRESS=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// TestKernelWithout: a host that has no cgroup to give. The limits that have an
// rlimit are kept by that, and one line names each, and the fix.
func TestKernelWithout(t *testing.T) {
	start(t)
	empty := t.TempDir()
	const note = `procjail: note: no cgroup: no systemd of yours runs: there is no [^ ]+, as after su, in cron and under ssh without a session: ` +
		`swap 0, cpus 1 not in force; memory 64M by RLIMIT_DATA, for each process by itself; pids 40 by RLIMIT_NPROC ` +
		`\(loginctl enable-linger \$USER as root starts one for good; logging in starts one for the session\)` + "\n"
	args := []string{"--memory", "64M", "--pids", "40", "sh", "-c", limitsOf}
	got := kerneltest.RunCommand(t, with(t, []string{"XDG_RUNTIME_DIR=" + empty}, args...))
	match(t, "stderr", note, got.Stderr)
	if got.Code != 0 || !strings.HasPrefix(got.Stdout, byRlimits) {
		t.Errorf("%+v", got)
	}

	got = kerneltest.RunCommand(t, with(t, []string{"XDG_RUNTIME_DIR=" + empty}, append([]string{"--allow-degraded", "cgroup"}, args...)...))
	if got.Code != 0 || got.Stderr != "" {
		t.Errorf("--allow-degraded cgroup: %+v", got)
	}

	got = kerneltest.RunCommand(t, with(t, []string{"XDG_RUNTIME_DIR=" + empty}, append([]string{"--require", "cgroup"}, args...)...))
	match(t, "--require cgroup", `procjail: error: --require cgroup: no cgroup: no systemd of yours runs: .*`+"\nprocjail: remedy: leave it out, to run with less\n", got.Stderr)
	if got.Code != 125 || got.Stdout != "" {
		t.Errorf("--require cgroup: %+v", got)
	}

	got = kerneltest.RunCommand(t, with(t, []string{"XDG_RUNTIME_DIR=" + empty}, append([]string{"--cgroup", "systemd"}, args...)...))
	match(t, "--cgroup systemd", `procjail: error: --cgroup systemd: no systemd of yours runs: .*`+"\nprocjail: remedy: loginctl enable-linger .*\n", got.Stderr)
	if got.Code != 125 || got.Stdout != "" {
		t.Errorf("--cgroup systemd: %+v", got)
	}

	// Nothing was asked for, so nothing is missing.
	got = kerneltest.RunCommand(t, with(t, []string{"XDG_RUNTIME_DIR=" + empty}, append([]string{"--cgroup", "off"}, args...)...))
	if got.Code != 0 || got.Stderr != "" || !strings.HasPrefix(got.Stdout, byRlimits) {
		t.Errorf("--cgroup off: %+v", got)
	}

	// A session that does not know where its sockets are, and a manager that does.
	got = kerneltest.RunCommand(t, with(t, nil, "-q", "--memory", "64M", "cat", "/sys/fs/cgroup/memory.max"))
	if got.Code != 0 || got.Stdout != "67108864\n" {
		t.Errorf("without XDG_RUNTIME_DIR: %+v", got)
	}
}

// TestKernelRuntimes: RLIMIT_DATA leaves those alone that reserve what they
// never use.
func TestKernelRuntimes(t *testing.T) {
	start(t)
	for _, argv := range [][]string{
		{"node", "-e", "console.log(1)"}, {"java", "-version"}, {"go", "version"}, {"python3", "-c", "print(1)"}, {self(t), victimWord, "show"},
	} {
		if _, err := exec.LookPath(argv[0]); err != nil {
			t.Logf("not here: %s", argv[0])
			continue
		}
		got := kerneltest.RunCommand(t, with(t, []string{"XDG_RUNTIME_DIR=" + t.TempDir()}, append([]string{"-q", "--"}, argv...)...))
		if got.Code != 0 {
			t.Errorf("%q: %+v", argv, got)
		}
	}
}

// TestKernelReadOnlyFS: cgroup2 is there and nobody may write to it.
func TestKernelReadOnlyFS(t *testing.T) {
	start(t)
	script := `mount --bind /sys/fs/cgroup /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup && exec unshare --user --map-user=1000 --map-group=1000 "$@"`
	args := []string{"--user", "--mount", "--map-root-user", "sh", "-c", script, "sh", kerneltest.Binary(t), "--id", "self", "--memory", "64M", "--pids", "40"}
	for _, tt := range []struct{ name, source, want string }{
		{"auto", "auto", `procjail: note: no cgroup: .*\n`},
		{"delegated", "delegated", `procjail: error: --cgroup delegated: .*\nprocjail: remedy: .*\n`},
	} {
		cmd := exec.Command("unshare", append(args, "--cgroup", tt.source, "sh", "-c", limitsOf)...)
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
		got := kerneltest.RunCommand(t, cmd)
		match(t, tt.name, tt.want, got.Stderr)
		if (got.Code != 0) != (tt.source == "delegated") {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	// systemd answers, and what it makes cannot be written to from here.
	cmd := exec.Command("unshare", append(args, "sh", "-c", limitsOf)...)
	got := kerneltest.RunCommand(t, cmd)
	match(t, "with systemd", `procjail: note: no cgroup: .*\n`, got.Stderr)
	if got.Code != 0 || !strings.HasPrefix(got.Stdout, byRlimits) {
		t.Errorf("with systemd: %+v", got)
	}
}

// TestKernelBus: procjail from outside, in front of a socket that is no systemd.
// What each reply does is in the tests of cgroupdelegate/systemd.
func TestKernelBus(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve func(c net.Conn)
		why   string
	}{
		{"refused", nil, `connect: ECONNREFUSED`},
		{"never answers", func(c net.Conn) { time.Sleep(time.Minute) }, `authenticate: no answer in time`},
		{"closes", func(c net.Conn) { c.Close() }, `authenticate: the peer closed the connection`},
		{"answers garbage", func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); c.Close() }, `authenticate: .*`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start(t)
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "systemd"), 0o700); err != nil {
				t.Fatal(err)
			}
			socket := filepath.Join(dir, "systemd", "private")
			listener, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			listener.(*net.UnixListener).SetUnlinkOnClose(false)
			if tt.serve == nil {
				listener.Close()
			} else {
				defer listener.Close()
				go func() {
					for {
						c, err := listener.Accept()
						if err != nil {
							return
						}
						go tt.serve(c)
					}
				}()
			}
			env := []string{"XDG_RUNTIME_DIR=" + dir}
			began := time.Now()
			got := kerneltest.RunCommand(t, with(t, env, "--memory", "64M", "--pids", "40", "sh", "-c", limitsOf))
			took := time.Since(began)
			match(t, "stderr", `procjail: note: no cgroup: systemd gives none: [^\n]*/systemd/private: `+tt.why+
				`: swap 0, cpus 1 not in force; memory 64M by RLIMIT_DATA, for each process by itself; pids 40 by RLIMIT_NPROC\n`, got.Stderr)
			if got.Code != 0 || !strings.HasPrefix(got.Stdout, byRlimits) || took > 8*time.Second {
				t.Errorf("after %v: %+v", took, got)
			}
			got = kerneltest.RunCommand(t, with(t, env, "--cgroup", "systemd", "true"))
			match(t, "--cgroup systemd", `procjail: error: step [0-9]+/[0-9]+ \(supervisor\): sendmsg\(.*: `+tt.why+"\n"+`procjail: cause: .*\n(procjail: remedy: .*\n)?`, got.Stderr)
			if got.Code != 125 {
				t.Errorf("--cgroup systemd: %+v", got)
			}
			got = kerneltest.RunCommand(t, with(t, env, "--require", "cgroup", "true"))
			match(t, "--require cgroup", `procjail: error: --require cgroup: no cgroup: systemd gives none: .*\n`, got.Stderr)
			if got.Code != 125 {
				t.Errorf("--require cgroup: %+v", got)
			}
		})
	}
}
