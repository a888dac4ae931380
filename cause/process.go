package cause

import (
	"os"
	"path"
	"strings"
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
