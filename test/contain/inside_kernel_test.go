package contain

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/profiles"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestKernelNamespaces(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		var got report
		ask(t, &got, []string{"--id", id}, "report")
		if len(got.Namespaces) != 8 {
			t.Errorf("%d namespaces", len(got.Namespaces))
		}
		for name, inside := range got.Namespaces {
			outside, err := os.Readlink("/proc/self/ns/" + name)
			if err != nil || inside == "" || inside == outside {
				t.Errorf("%s is %q inside and %q outside (%v)", name, inside, outside, err)
			}
		}
		if got.Uptime > 10 {
			t.Errorf("/proc/uptime says %v s inside", got.Uptime)
		}
		if got.Hostname != "jail" {
			t.Errorf("the host name is %q", got.Hostname)
		}
		// 0 stands for what is outside of the process-id namespace.
		if got.Session == 0 || got.Group == 0 {
			t.Errorf("session %d, process group %d: want those of the jail", got.Session, got.Group)
		}
		if got.Terminal != "ENXIO" {
			t.Errorf("open(/dev/tty) = %s with no terminal among the streams, want ENXIO", got.Terminal)
		}
	})
}

func TestKernelPrivileges(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		var got report
		ask(t, &got, []string{"--id", id}, "report")
		want := map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "Uid": "1000 1000 1000 1000", "Gid": "1000 1000 1000 1000", "Umask": "0022"}
		for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
			want[set] = "0000000000000000"
		}
		if id == "subid" {
			want["Groups"] = ""
		}
		for k, v := range want {
			if got.Status[k] != v {
				t.Errorf("%s: %q, want %q", k, got.Status[k], v)
			}
		}
		const locked = 0b11101111 // all four locked, KEEP_CAPS off
		if got.Securebits != locked {
			t.Errorf("securebits %#b, want %#b", got.Securebits, locked)
		}
	})
}

// TestKernelOutsideIdentity looks at the payload from here.
func TestKernelOutsideIdentity(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		w, payload := startWaiting(t, "--id", id)
		uid, gid := outsideIDs(t, payload)
		if id == "self" {
			if uid != os.Getuid() || gid != os.Getgid() {
				t.Errorf("payload is %d:%d outside, want the caller's %d:%d", uid, gid, os.Getuid(), os.Getgid())
			}
		} else {
			if !subordinate(t, "/etc/subuid", uid) || !subordinate(t, "/etc/subgid", gid) {
				t.Errorf("payload is %d:%d outside: not the caller's subordinate ids", uid, gid)
			}
		}
		if code := w.End(); code != 0 {
			t.Errorf("exit %d", code)
		}
	})
}

func TestKernelDescriptors(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for _, pid1 := range []string{"init", "payload"} {
			dir, err := os.Open("/")
			if err != nil {
				t.Fatal(err)
			}
			cmd := command(t, []string{"--id", id, "--pid1", pid1}, "report")
			cmd.ExtraFiles = []*os.File{dir, dir, dir}
			var got report
			decode(t, kerneltest.RunCommand(t, cmd), &got)
			dir.Close()
			for fd, target := range got.FDs {
				if fd > 2 {
					t.Errorf("--pid1 %s: descriptor %d is open: %s", pid1, fd, target)
				}
			}
		}
	})
}

// TestKernelOpenFiles: the supervisor opens nothing before it begins
// (internal/boot/boot.go), and has the limit on descriptors then that it was given, or
// the usual one.
func TestKernelOpenFiles(t *testing.T) {
	kerneltest.Begin(t)
	for given, want := range map[string]string{"20": "1024", "2000": "2000"} {
		cmd := kerneltest.Command(t, "-q", "--id", "self", "sh", "-c", "echo ready; read x")
		cmd.Args = append([]string{"sh", "-c", `ulimit -Sn "$0" && exec "$@"`, given, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		w := kerneltest.StartWaiting(t, cmd)
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", w.Cmd.Process.Pid))
		if err != nil {
			t.Error(err)
		}
		if got := regexp.MustCompile(`Max open files +(\d+)`).FindSubmatch(text); got == nil || string(got[1]) != want {
			t.Errorf("given %s: %s, want %s", given, got, want)
		}
		w.End()
	}
}

// processors is the line of proc(5)'s status that names those that a thread may use.
var processors = regexp.MustCompile(`Cpus_allowed:.*`)

// TestKernelProcessors: the supervisor ties itself to one processor while it begins
// (internal/boot/boot.go), and again while it makes init. Nothing is tied afterwards that
// the caller has not tied: no thread of it, not PID 1, and no payload.
func TestKernelProcessors(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	var one unix.CPUSet
	for n := 0; one.Count() == 0; n++ {
		if all.IsSet(n) {
			one.Set(n)
		}
	}
	most := all // but one, where that leaves one
	for n := 0; most.Count() == all.Count() && all.Count() > 1; n++ {
		most.Clear(n)
	}
	kerneltest.EachID(t, func(t *testing.T, id string) {
		runtime.LockOSThread() // whose processors a child has
		defer runtime.UnlockOSThread()
		defer func() { _ = unix.SchedSetaffinity(0, &all) }()
		for _, set := range []*unix.CPUSet{&all, &one, &most} {
			if err := unix.SchedSetaffinity(0, set); err != nil {
				t.Fatal(err)
			}
			status, err := os.ReadFile("/proc/thread-self/status")
			if err != nil {
				t.Fatal(err)
			}
			want := processors.FindString(string(status))
			for range kerneltest.Often(20, 200) {
				cmd := kerneltest.Command(t, "-q", "--id", id, "sh", "-c", "cat /proc/1/status /proc/self/status; echo ready; read x")
				w := kerneltest.StartWaiting(t, cmd)
				for end := time.Now().Add(10 * time.Second); ; { // some are untied after some milliseconds only
					got := processorsOf(t, w.Cmd.Process.Pid)
					if len(got) == 1 && got[want] >= 2 {
						break
					}
					if time.Now().After(end) {
						t.Errorf("threads with %v, want %s", got, want)
						break
					}
				}
				w.End()
				if got := processors.FindAllString(w.Shown, -1); !slices.Equal(got, []string{want, want}) {
					t.Errorf("PID 1 and the payload: %s, want %s", got, want)
				}
			}
		}
	})
}

// processorsOf counts a process's threads by what they say of their processors.
func processorsOf(t *testing.T, pid int) map[string]int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	threads := make(map[string]int)
	for _, name := range tasks {
		if status, err := os.ReadFile(name); err == nil {
			threads[processors.FindString(string(status))]++
		}
	}
	return threads
}

// TestKernelTimerSlack: the supervisor changes its own (internal/boot/boot.go).
func TestKernelTimerSlack(t *testing.T) {
	want, err := exec.Command("cat", "/proc/self/timerslack_ns").Output()
	if err != nil {
		t.Skip(err)
	}
	kerneltest.EachID(t, func(t *testing.T, id string) {
		if got := kerneltest.Run(t, "-q", "--id", id, "cat", "/proc/self/timerslack_ns"); got.Stdout != string(want) {
			t.Errorf("inside %+v, outside %s", got, want)
		}
	})
}

// TestKernelDirectoryAsStream: fchdir(2) would lead out of the jail.
func TestKernelDirectoryAsStream(t *testing.T) {
	kerneltest.Begin(t)
	dir, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd := kerneltest.Command(t, "true")
	cmd.Stdin = dir
	if got := kerneltest.RunCommand(t, cmd); got.Code != 125 || !strings.Contains(got.Stderr, "standard input: it is a directory") {
		t.Errorf("%+v", got)
	}
}

func TestKernelEnvironment(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		cmd := command(t, []string{"--id", id, "-e", "ONE=1", "-e", "PASSED", "-e", "ABSENT"}, "report")
		cmd.Env = append(os.Environ(), "TERM=vt100", "LANG=C", "TZ=UTC", "PASSED=yes", "SECRET=1", "LD_PRELOAD=", "SSH_AUTH_SOCK=/x", "LC_ALL=C")
		var got report
		decode(t, kerneltest.RunCommand(t, cmd), &got)
		sort.Strings(got.Env)
		want := []string{
			"HOME=/home/user", "LANG=C", "ONE=1", "PASSED=yes",
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=vt100", "TZ=UTC",
		}
		got.Env = slices.DeleteFunc(got.Env, func(kv string) bool { return strings.HasPrefix(kv, "USER=") }) // the login's or "user"
		if diff := cmp.Diff(want, got.Env); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// TestKernelLimits: with a cgroup the number of processes is its to limit, so
// there is none.
func TestKernelLimits(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		var got report
		ask(t, &got, []string{"--id", id, "--cgroup", "off"}, "report")
		for name, want := range map[string]string{
			"Max open files": "1024 1024", "Max processes": "128 128",
			"Max nice priority": "0 0", "Max realtime priority": "0 0",
		} {
			if f := strings.Fields(got.Limits[name]); strings.Join(f, " ") != want {
				t.Errorf("%s: %q, want %q", name, got.Limits[name], want)
			}
		}
		if core := strings.Fields(got.Limits["Max core file size"]); len(core) != 2 || core[0] > "1" || core[1] > "1" {
			t.Errorf("core: %q, want none", core)
		}
	})
}

// TestKernelMounts holds the mount table inside against what strict shows.
func TestKernelMounts(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		var got report
		ask(t, &got, []string{"--id", id}, "report")
		self := got.Args[0]
		writable := []string{"/dev/pts", "/dev/shm", "/home/user", "/tmp"}
		profile, _ := profiles.Builtin("strict")
		var view []string
		for _, m := range profile.Mounts {
			view = append(view, m.Dest)
		}
		seen := map[string]bool{}
		for _, m := range got.Mounts {
			if m.Optional {
				t.Errorf("%s is no private mount", m.Point)
			}
			if !m.has("nosuid") {
				t.Errorf("%s is not nosuid: %s", m.Point, m.Options)
			}
			if m.has("ro") == slices.Contains(writable, m.Point) {
				t.Errorf("%s is %s", m.Point, m.Options)
			}
			device := m.Type == "devtmpfs" || m.Point == "/dev/pts"
			if !device && !m.has("nodev") {
				t.Errorf("%s (%s) is not nodev: %s", m.Point, m.Type, m.Options)
			}
			if seen[m.Point] {
				t.Errorf("%s is mounted twice", m.Point)
			}
			seen[m.Point] = true
			if m.Point != "/" && m.Point != self && !slices.ContainsFunc(view, func(p string) bool {
				return m.Point == p || strings.HasPrefix(m.Point, p+"/")
			}) {
				t.Errorf("%s is no part of the view", m.Point)
			}
		}
		for _, p := range append(writable, "/", "/usr", "/proc") {
			if !seen[p] {
				t.Errorf("nothing is mounted on %s", p)
			}
		}
	})
}

// TestKernelOldRoot puts a marker where the payload would find it if any way
// led back to the host's root.
func TestKernelOldRoot(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		marker := filepath.Join(t.TempDir(), "marker")
		if err := os.WriteFile(marker, []byte("here"), 0o644); err != nil {
			t.Fatal(err)
		}
		ways := []string{
			marker, "/.." + marker, "/../../../../.." + marker, "/proc/self/root" + marker, "/proc/self/root/.." + marker,
			"/proc/1/root" + marker, "/proc/1/cwd/../../../.." + marker, "/proc/self/cwd/../../../.." + marker, "/tmp/../.." + marker,
			"/proc/self/fd/0/../../.." + marker, "/dev/fd/1/../../.." + marker,
		}
		got := kerneltest.RunCommand(t, command(t, []string{"--id", id}, "files", ways...))
		if got.Code != 0 || strings.Contains(got.Stdout, "here") {
			t.Errorf("%+v", got)
		}
		for line := range strings.Lines(got.Stdout) {
			if f := strings.Fields(line); !slices.Contains([]string{"ENOENT", "EACCES", "ENOTDIR", "EPERM"}, f[len(f)-1]) {
				t.Errorf("%s", line)
			}
		}
	})
}

func TestKernelProc(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		profile, _ := profiles.Builtin("strict")
		var masks []string
		for _, m := range profile.Mounts {
			if m.Kind == profiles.Proc {
				masks = m.Mask
			}
		}
		if len(masks) < 15 {
			t.Fatalf("masks: %q", masks)
		}
		var got report
		ask(t, &got, []string{"--id", id}, "report", masks...)
		for _, name := range masks {
			if _, err := os.Stat("/proc/" + name); err == nil && got.Masked[name] != 0 {
				t.Errorf("/proc/%s holds %d inside, want nothing", name, got.Masked[name])
			}
		}
		if want := []string{"/proc/1", "/proc/" + itoa(got.Pid)}; !slices.Equal(got.Pids, want) {
			t.Errorf("processes %q, want %q", got.Pids, want)
		}
	})
}

func TestKernelForbidden(t *testing.T) {
	for _, profile := range []string{"strict", "build"} {
		for _, id := range kerneltest.Identities {
			if profile == "build" && id == "subid" {
				continue // --rw . of build is the caller's
			}
			t.Run(profile+"/"+id, func(t *testing.T) {
				kerneltest.RequireID(t, id)
				kerneltest.Begin(t)
				wants := map[string]string{}
				var names []string
				for name, a := range acts {
					wants[name] = a.strict
					if profile == "build" && a.build != "" {
						wants[name] = a.build
					}
					if wants[name] != "-" {
						names = append(names, name)
					}
				}
				cmd := command(t, []string{"-p", profile, "--id", id}, "acts", names...)
				cmd.Dir = t.TempDir()
				var got map[string]string
				decode(t, kerneltest.RunCommand(t, cmd), &got)
				for _, name := range names {
					if !slices.Contains(strings.Split(wants[name], "|"), got[name]) {
						t.Errorf("%s: %s, want %s", name, got[name], wants[name])
					}
				}
			})
		}
	}
}

// TestKernelForeignCalls: by the entry of another architecture.
func TestKernelForeignCalls(t *testing.T) {
	kerneltest.Begin(t)
	for name := range foreign {
		for _, profile := range []string{"strict", "build"} {
			cmd := command(t, []string{"-p", profile}, "foreign", name)
			cmd.Dir = t.TempDir()
			if got := kerneltest.RunCommand(t, cmd); got.Code != 128+31 || got.Stdout != "" {
				t.Errorf("%s under %s: %+v, want SIGSYS", name, profile, got)
			}
		}
	}
}

// TestKernelKeyring gives the caller a key that only who holds it may see.
func TestKernelKeyring(t *testing.T) {
	kerneltest.Begin(t)
	name := fmt.Sprintf("procjail-%d", os.Getpid())
	self := kerneltest.Self(t)
	cmd := command(t, []string{"-p", "build"}, "report")
	cmd.Args = append([]string{self, victimWord, "with-key", name}, cmd.Args...)
	cmd.Path, cmd.Dir = self, t.TempDir()
	said := kerneltest.RunCommand(t, cmd)
	var mine []string
	var got report
	first, second, _ := strings.Cut(said.Stdout, "\n")
	said.Stdout = first
	decode(t, said, &mine)
	said.Stdout = second
	decode(t, said, &got)
	if !strings.Contains(strings.Join(mine, "\n"), name) {
		t.Fatalf("the key is not in the caller's /proc/keys: %q", mine)
	}
	if strings.Contains(strings.Join(got.Keys, "\n"), name) {
		t.Errorf("the caller's key is in the payload's /proc/keys: %q", got.Keys)
	}
	if !slices.ContainsFunc(got.Keys, func(key string) bool { return strings.Contains(key, "_ses") && !slices.Contains(mine, key) }) {
		t.Errorf("no session keyring but the caller's: %q", got.Keys)
	}
}
