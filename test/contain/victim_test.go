// Package contain asks the kernel, from inside, what a jail lets its payload see
// and do. The test binary is both sides: procjail is handed the binary itself as
// the program, which then reports what it finds as JSON.
package contain

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

const victimWord = kerneltest.VictimWord

func TestMain(m *testing.M) { os.Exit(kerneltest.Main(m, victim)) }

// report is what a payload finds out about itself.
type report struct {
	Args       []string
	Pid        int
	Status     map[string]string // /proc/self/status
	Namespaces map[string]string // /proc/self/ns
	Limits     map[string]string // /proc/self/limits: "soft hard"
	Env        []string
	FDs        map[int]string // open at the start, and not the runtime's own
	Mounts     []mount
	Pids       []string // in /proc
	Uptime     float64
	Securebits int
	Session    int
	Group      int
	Terminal   string // errno of open("/dev/tty")
	Hostname   string
	Workdir    string
	Root       []string          // names in /
	Masked     map[string]int    // /proc entries: bytes or names that they hold
	Keys       []string          // /proc/keys
	Errnos     map[string]string // of what was asked for by name
}

// mount is a line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	Root, Point, Options, Type, Source string
	Optional                           bool // shared, master or the like
}

func (m mount) has(option string) bool {
	for o := range strings.SplitSeq(m.Options, ",") {
		if o == option {
			return true
		}
	}
	return false
}

// victim is a payload's main.
func victim(act string, args []string) int {
	switch act {
	case "report":
		return print(look(args))
	case "acts": // NAME...
		return print(try(args))
	case "foreign": // one that may end the process
		fmt.Print(kerneltest.ErrnoName(foreign[args[0]]()))
		return 0
	case "files": // PATH... : what is at each path, in one line
		for _, p := range args {
			fmt.Println(describe(p))
		}
		return 0
	case "write": // PATH...: tries to make or change each
		for _, p := range args {
			fmt.Printf("%s %s\n", p, kerneltest.ErrnoName(os.WriteFile(p, []byte("changed\n"), 0o644)))
		}
		return 0
	case "orphans":
		return print(orphans(args))
	case "child": // starts what its parent never hears of
		if err := exec.Command("/proc/self/exe", victimWord, "nap").Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	case "nap":
		return 0
	case "attack":
		return print(attack(args[0]))
	case "with-key": // outside of any jail
		fmt.Fprintln(os.Stderr, withKey(args[0], args[1:]))
		return 1
	case "wait":
		kerneltest.Wait()
		return 0
	}
	fmt.Fprintln(os.Stderr, "no act", act)
	return 99
}

func print(v any) int {
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func look(masks []string) report {
	r := report{
		Args: os.Args, Pid: os.Getpid(), Env: os.Environ(), Masked: map[string]int{}, Errnos: map[string]string{},
		Status: map[string]string{}, Namespaces: map[string]string{}, Limits: map[string]string{}, FDs: descriptors(),
	}
	for line := range strings.Lines(text("/proc/self/status")) {
		k, v, _ := strings.Cut(line, ":")
		r.Status[k] = strings.Join(strings.Fields(v), " ")
	}
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		r.Namespaces[name], _ = os.Readlink("/proc/self/ns/" + name)
	}
	for line := range strings.Lines(text("/proc/self/limits")) {
		if len(line) > 66 {
			r.Limits[strings.TrimSpace(line[:26])] = strings.TrimSpace(line[26:47]) + " " + strings.TrimSpace(line[47:68])
		}
	}
	for line := range strings.Lines(text("/proc/self/mountinfo")) {
		head, tail, _ := strings.Cut(line, " - ")
		h, f := strings.Fields(head), strings.Fields(tail)
		r.Mounts = append(r.Mounts, mount{Root: h[3], Point: h[4], Options: h[5], Optional: len(h) > 6, Type: f[0], Source: f[1]})
	}
	r.Pids, _ = filepath.Glob("/proc/[0-9]*")
	_, _ = fmt.Sscan(text("/proc/uptime"), &r.Uptime)
	r.Securebits, _ = unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	r.Session, _ = unix.Getsid(0)
	r.Group = unix.Getpgrp()
	_, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	r.Terminal = kerneltest.ErrnoName(err)
	r.Hostname, _ = os.Hostname()
	r.Workdir, _ = os.Getwd()
	entries, _ := os.ReadDir("/")
	for _, e := range entries {
		r.Root = append(r.Root, e.Name())
	}
	for _, name := range masks {
		r.Masked[name] = size("/proc/" + name)
	}
	r.Keys = keys()
	return r
}

// size is how many names a directory, or bytes a file, shows; -1 if it is not
// there, -2 if it may not be read.
func size(name string) int {
	info, err := os.Stat(name)
	if err != nil {
		return -1
	}
	if info.IsDir() {
		names, err := os.ReadDir(name)
		if err != nil {
			return -2
		}
		return len(names)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return -2
	}
	return len(data)
}

// descriptors are those that execve(2) left open. The Go runtime opens an epoll
// and an eventfd of its own, and this function a directory.
func descriptors() map[int]string {
	found := map[int]string{}
	for fd := range 1024 {
		target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if err != nil || target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]" {
			continue
		}
		found[fd] = target
	}
	return found
}

// orphans starts children whose children outlive them, waits until nothing is
// left of those, and returns the zombies that stay.
func orphans(args []string) []string {
	n, _ := strconv.Atoi(args[0])
	for range n {
		if err := exec.Command("/proc/self/exe", victimWord, "child").Run(); err != nil {
			return []string{err.Error()}
		}
	}
	var left []string
	for range 300 {
		left = nil
		names, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, name := range names {
			if pid := filepath.Base(filepath.Dir(name)); pid != "1" && pid != strconv.Itoa(os.Getpid()) {
				left = append(left, text(name))
			}
		}
		if len(left) == 0 {
			return nil
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 10e6}, nil)
	}
	return left
}

// describe is one line about a path: its kind, its content or names.
func describe(p string) string {
	info, err := os.Lstat(p)
	if err != nil {
		return p + " " + kerneltest.ErrnoName(err)
	}
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		target, _ := os.Readlink(p)
		return p + " -> " + target
	case info.IsDir():
		entries, err := os.ReadDir(p)
		if err != nil {
			return p + " " + kerneltest.ErrnoName(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		sort.Strings(names)
		return p + "/ [" + strings.Join(names, " ") + "]"
	case !info.Mode().IsRegular():
		return p + " device"
	}
	data, err := os.ReadFile(p)
	if err != nil {
		return p + " " + kerneltest.ErrnoName(err)
	}
	return fmt.Sprintf("%s %q", p, data)
}

func text(name string) string {
	data, _ := os.ReadFile(name)
	return string(data)
}

// command is the test binary as a payload, below the options of procjail.
func command(t testing.TB, options []string, act string, args ...string) *exec.Cmd {
	t.Helper()
	argv := append([]string{"-q"}, options...)
	return kerneltest.Command(t, append(append(argv, "--", kerneltest.Self(t), victimWord, act), args...)...)
}

// ask runs an act of the victim and decodes what it reports.
func ask(t testing.TB, into any, options []string, act string, args ...string) {
	t.Helper()
	decode(t, kerneltest.RunCommand(t, command(t, options, act, args...)), into)
}

func decode(t testing.TB, got kerneltest.Result, into any) {
	t.Helper()
	if got.Code != 0 || got.Stderr != "" {
		t.Fatalf("exit %d, signal %v, stderr %q, stdout %q", got.Code, got.Signal, got.Stderr, got.Stdout)
	}
	if err := json.Unmarshal([]byte(got.Stdout), into); err != nil {
		t.Fatalf("%v in %q", err, got.Stdout)
	}
}
