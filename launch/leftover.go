package launch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// Leftover is a cgroup that a jail has left: its supervisor was killed in a
// cgroup that was delegated to it, or together with systemd's manager.
type Leftover struct {
	Path  string // of the directory
	Unit  string // the scope, where it is one
	Alive bool   // something lives in it
}

// Leftovers finds them below the cgroups that f says are the caller's. A cgroup
// whose supervisor lives is none: it holds a lock on it, and its process id is
// in the name.
func Leftovers(f cgroupdelegate.Facts) []Leftover {
	if f.Mount == "" {
		return nil
	}
	uid := os.Geteuid()
	tops := []string{"/system.slice"}
	if uid != 0 {
		tops[0] = cgroupdelegate.UserManager(uid)
	}
	for _, c := range []cgroupdelegate.Cgroup{f.Own, f.Parent} {
		if c.Writable {
			tops = append(tops, c.Path)
		}
	}
	found := make(map[string]bool)
	var list []Leftover
	for _, top := range tops {
		_ = filepath.WalkDir(path.Join(f.Mount, top), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return fs.SkipDir // not the caller's to read, or gone
			}
			base := path.Base(name)
			if d.IsDir() && base == cgroupdelegate.Callers && !found[name] && unlocked(path.Dir(name)) {
				found[name] = true
				list = append(list, Leftover{Path: name, Alive: populated(name)})
			}
			if !d.IsDir() || !strings.HasPrefix(base, cgroupdelegate.Prefix) {
				return nil
			}
			if st, err := sys.StatPath(name); err == nil && int(st.UID) == uid && !found[name] && abandoned(name) {
				found[name] = true
				l := Leftover{Path: name, Alive: populated(name)}
				if strings.HasSuffix(base, ".scope") {
					l.Unit = base
				}
				list = append(list, l)
			}
			return fs.SkipDir
		})
	}
	return list
}

// abandoned reports whether the supervisor of a scope or leaf has died.
func abandoned(name string) bool {
	leaf := name
	if strings.HasSuffix(name, ".scope") {
		leaf = path.Join(name, plan.PayloadLeaf)
		for _, dir := range []string{name, path.Join(name, plan.SupervisorLeaf)} {
			if procs, _ := sys.ReadFile(path.Join(dir, "cgroup.procs")); procs != "" {
				return false
			}
		}
	}
	pid, _, _ := strings.Cut(strings.TrimPrefix(path.Base(name), cgroupdelegate.Prefix), "-")
	if comm, err := sys.ReadFile("/proc/" + pid + "/comm"); err == nil && strings.TrimSpace(comm) == "procjail" {
		return false
	}
	if _, err := sys.StatPath(leaf); err != nil {
		return errors.Is(err, unix.ENOENT) && name != leaf
	}
	return unlocked(leaf)
}

// unlocked reports whether no supervisor holds its lock on a directory.
func unlocked(dir string) bool {
	fd, err := sys.Openat(sys.AtFDCWD, dir, unix.O_DIRECTORY, 0)
	if err != nil {
		return false
	}
	defer sys.Close(fd)
	return sys.FlockExclusive(fd) == nil
}

func populated(name string) bool {
	events, _ := sys.ReadFile(path.Join(name, "cgroup.events"))
	return cgroupdelegate.Populated(events)
}

// Remove kills what lives in a leftover and removes it; systemd forgets its
// unit, if m is a connection to it.
func (l Leftover) Remove(ctx context.Context, m *systemd.Manager) error {
	if path.Base(l.Path) == cgroupdelegate.Callers {
		return l.giveBack()
	}
	fd, err := sys.Openat(sys.AtFDCWD, l.Path, unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	if err := sys.WriteFileAt(fd, "cgroup.kill", "1"); err != nil {
		return err
	}
	events, err := sys.Openat(fd, "cgroup.events", 0, 0)
	if err != nil {
		return err
	}
	defer sys.Close(events)
	if err := awaitEmpty(events); err != nil {
		return err
	}
	if l.Unit != "" && m != nil {
		job, err := m.StopUnit(ctx, l.Unit)
		if err == nil {
			err = job.Wait(ctx)
		}
		var e *systemd.Error
		if err != nil && !(errors.As(err, &e) && e.Name == systemd.NoSuchUnit) {
			return err
		}
	}
	if err := removeBelow(fd, ".", ""); err != nil {
		return err
	}
	return removeDir(sys.AtFDCWD, l.Path)
}

// removeBelow removes the directories below one whose names begin with prefix,
// and all below those, from the inside out. It goes on after an error and
// returns the first.
func removeBelow(dir int, name, prefix string) error {
	fd, err := sys.Openat(dir, name, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	entries, first := f.ReadDir(-1)
	if errors.Is(first, unix.ENOENT) { // it has gone since it was opened
		first = nil
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		err := removeBelow(fd, e.Name(), "")
		if err == nil {
			err = removeDir(fd, e.Name())
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// removeDir removes a directory that may be gone already: systemd removes those of
// a scope too.
func removeDir(dir int, name string) error {
	err := sys.Rmdirat(dir, name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// giveBack puts the processes of a callers' leaf back where they were found.
func (l Leftover) giveBack() error {
	top, err := sys.Openat(sys.AtFDCWD, path.Dir(l.Path), unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer sys.Close(top)
	on, err := sys.ReadFile(path.Join(path.Dir(l.Path), "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	return giveBack(top, cgroupdelegate.Callers, strings.Fields(on))
}
