package cgroupdelegate

import "strings"

// Membership reads the file /proc/PID/cgroup: the cgroup of the process in
// cgroup2, below where that is mounted, and the controllers that are bound to
// cgroup v1. own is empty where the process is in no cgroup2; it begins with
// "/.." where its cgroup lies above the root of the reader's cgroup namespace.
//
// Each line is "hierarchy:controllers:path", cgroups(7); hierarchy 0 is cgroup2's.
func Membership(text string) (own string, v1 []string) {
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		switch {
		case id == "0":
			own = path
		case controllers != "" && !strings.HasPrefix(controllers, "name="):
			v1 = append(v1, strings.Split(controllers, ",")...)
		}
	}
	return own, v1
}
