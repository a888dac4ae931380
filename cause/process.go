package cause

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// pids are the processes that /proc shows.
func (s *System) pids() []string {
	dir, err := os.ReadDir(s.at("/proc"))
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range dir {
		if n := e.Name(); n[0] >= '1' && n[0] <= '9' {
			list = append(list, n)
		}
	}
	return list
}

// threads are those of a process.
func (s *System) threads(pid string) []string {
	return sys.Names(s.at("/proc/" + pid + "/task"))
}

// userNamespaces are System.UserNS. Each has its parent, which is told as far up
// as the caller's own (ioctl_nsfs(2)).
func userNamespaces(pid string) []UserNamespace {
	fd, err := sys.Openat(unix.AT_FDCWD, "/proc/"+pid+"/ns/user", unix.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	var list []UserNamespace
	for {
		link, err1 := sys.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		owner, err2 := sys.NamespaceOwner(fd)
		parent, err3 := sys.NamespaceParent(fd)
		sys.Close(fd)
		if err1 != nil || err2 != nil {
			return list
		}
		list = append(list, UserNamespace{link, owner})
		if err3 != nil {
			return list
		}
		fd = parent
	}
}

// charged reports whether the kernel counts a process, of a real uid, for the
// user that uid is in this process's user namespace: it is in that namespace and
// the user's, or in one that the user has made there, or below that, whatever its
// own uid is (kernel/ucount.c:inc_rlimit_ucounts).
func (s *System) charged(pid, real, uid string) bool {
	own, its := s.readlink("/proc/self/ns/user"), s.readlink("/proc/"+pid+"/ns/user")
	switch {
	case its == "": // not for this process to see: the first namespace has most
		return real == uid && s.initialUser()
	case its == own:
		return real == uid
	case s.UserNS == nil:
		return false
	}
	chain := s.UserNS(pid)
	for i := 1; i < len(chain); i++ {
		if chain[i].Link == own {
			return strconv.FormatUint(uint64(chain[i-1].Owner), 10) == uid
		}
	}
	return false
}

// cgroupsWith are the directories of this process's cgroup and of those above
// it, in cgroup2 and in the hierarchy of v1 that has a controller, as far as
// they can be seen (cgroups(7)).
func (s *System) cgroupsWith(controller string) []string {
	text, err := s.read("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	mounts := s.mounts()
	var list []string
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		names, own, _ := strings.Cut(rest, ":")
		kind := ""
		switch {
		case id == "0":
			kind = "cgroup2"
		case strings.Contains(","+names+",", ","+controller+","):
			kind = "cgroup"
		}
		for _, m := range mounts {
			if kind == "" || m.kind != kind || !below(own, m.root) || kind == "cgroup" && !strings.Contains(","+m.super+",", ","+controller+",") {
				continue
			}
			for at := strings.TrimPrefix(own, strings.TrimSuffix(m.root, "/")); ; at = path.Dir(at) {
				list = append(list, path.Join(m.at, at))
				if at == "/" || at == "." || at == "" {
					break
				}
			}
			break
		}
	}
	return list
}
