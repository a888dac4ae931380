package kerneltest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Inventory is what a run could leave behind, as lines of text that name each
// thing: descriptors, processes, mounts, namespaces, cgroups, units of the
// caller's systemd, files, sockets, shared memory, keys.
type Inventory []string

// Clean asserts, when the test ends, that everything there is then was there
// when Clean was called. The kernel takes some things away late (keys, network
// namespaces, what an orphan held), so it asks again for up to ten
// seconds, and for keys a minute: they go with the last credentials that name them.
//
// It makes the test binary the reaper of its orphans (PR_SET_CHILD_SUBREAPER),
// so that a process that a jail leaves behind is found among its children.
func Clean(t testing.TB) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(os.NewSyscallError("prctl", err))
	}
	before := TakeInventory()
	t.Cleanup(func() {
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			left := TakeInventory().Less(before)
			if len(left) == 0 {
				return
			}
			bound := 10 * time.Second
			if !slices.ContainsFunc(left, func(thing string) bool { return !strings.HasPrefix(thing, "key ") }) {
				bound = time.Minute
			}
			if time.Since(began) > bound {
				t.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
				return
			}
		}
	})
}

// TakeInventory takes stock for the calling process.
func TakeInventory() Inventory {
	return slices.Concat(descriptors(), children(), lines("mount", "/proc/self/mountinfo"), namespaces(),
		cgroups(), units(), files("/tmp"), files("/dev/shm"), files("/var/tmp"), sockets(), lines("shm", "/proc/sysvipc/shm"), keys())
}

// Less returns what an inventory has that an earlier one has not.
func (inv Inventory) Less(earlier Inventory) Inventory {
	var left Inventory
	for _, thing := range inv {
		if !slices.Contains(earlier, thing) {
			left = append(left, thing)
		}
	}
	return left
}

// descriptors lists the open ones and what they are of. Go's own are left out:
// the runtime opens an epoll and an eventfd when it first waits for something.
func descriptors() Inventory {
	var inv Inventory
	names, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range names {
		target, err := os.Readlink(name)
		if err != nil || target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]" {
			continue // also the one that listed the directory
		}
		inv = append(inv, fmt.Sprintf("fd %s of %s", filepath.Base(name), target))
	}
	return inv
}

// children lists the living processes whose parent this one is. Children is
// quicker, and may miss some while others end (proc_pid_task_children(5)).
func children() Inventory {
	var inv Inventory
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, _ := os.ReadFile("/proc/" + entry.Name() + "/comm")
		if f := Stat(pid); f[1] == strconv.Itoa(os.Getpid()) && f[0] != "Z" && f[0] != "X" {
			inv = append(inv, fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(text))))
		}
	}
	return inv
}

// namespaces lists those of the caller's processes that are not this one's. One
// that nothing lives in, and that no descriptor or mount holds, does not exist.
func namespaces() Inventory {
	var inv Inventory
	own := make(map[string]bool)
	links, _ := filepath.Glob("/proc/self/ns/*")
	for _, name := range links {
		target, _ := os.Readlink(name)
		own[target] = true
	}
	links, _ = filepath.Glob("/proc/[0-9]*/ns/*")
	for _, name := range links {
		target, err := os.Readlink(name)
		thing := "namespace " + target
		if err == nil && !own[target] && !slices.Contains(inv, thing) && descends(strings.Split(name, "/")[2]) {
			inv = append(inv, thing)
		}
	}
	return inv
}

// descends tells whether this process is above another one.
func descends(pid string) bool {
	n, _ := strconv.Atoi(pid)
	for range 100 {
		if n = Parent(n); n == 0 || n == os.Getpid() {
			break
		}
	}
	return n == os.Getpid()
}

// files lists the caller's own in a directory for everybody, but for what Go's
// tests make and remove themselves.
func files(dir string) Inventory {
	var inv Inventory
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		var stat unix.Stat_t
		if unix.Lstat(name, &stat) == nil && int(stat.Uid) == os.Getuid() && !strings.HasPrefix(entry.Name(), "go-build") && !strings.HasPrefix(entry.Name(), "Test") {
			inv = append(inv, "file "+name)
		}
	}
	return inv
}

// sockets lists the sockets of the host that have a name, unix(7), and that one
// of procjail's would have.
func sockets() Inventory {
	var inv Inventory
	text, _ := os.ReadFile("/proc/net/unix")
	for line := range strings.Lines(string(text)) {
		if field := strings.Fields(line); len(field) > 7 && strings.Contains(field[7], "procjail") {
			inv = append(inv, "socket "+field[7])
		}
	}
	return inv
}

// units lists procjail's units that the caller's systemd has files for.
func units() Inventory {
	var inv Inventory
	names, _ := filepath.Glob(fmt.Sprintf("/run/user/%d/systemd/transient/procjail-*", os.Getuid()))
	for _, name := range names {
		inv = append(inv, "unit "+filepath.Base(name))
	}
	return inv
}

func lines(kind, name string) Inventory {
	var inv Inventory
	text, _ := os.ReadFile(name)
	for line := range strings.Lines(string(text)) {
		inv = append(inv, kind+" "+strings.TrimSpace(line))
	}
	return inv
}

// cgroups lists those of the caller's own below the one that it is in.
func cgroups() Inventory {
	var inv Inventory
	top, err := cgroupOf(os.Getpid())
	if err != nil {
		return nil
	}
	_ = filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
		var stat unix.Stat_t
		if err == nil && entry.IsDir() && unix.Stat(name, &stat) == nil && int(stat.Uid) == os.Getuid() {
			inv = append(inv, "cgroup "+name)
		}
		return nil // one that has gone meanwhile is not left behind
	})
	return inv
}

// keys lists the caller's keys by serial number and description, keyrings(7),
// without the counts and times that change by themselves.
func keys() Inventory {
	var inv Inventory
	text, _ := os.ReadFile("/proc/keys")
	for line := range strings.Lines(string(text)) {
		if field := strings.Fields(line); len(field) > 8 && !strings.Contains(field[1], "D") {
			inv = append(inv, "key "+field[0]+" "+strings.Join(field[7:], " "))
		}
	}
	return inv
}
