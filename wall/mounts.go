package wall

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// across is for EXDEV: rename(2), link(2).
func across(f Failure, v View) Met {
	if len(f.Paths) < 2 {
		return Met{}
	}
	a, b := v.MountOf(f.Paths[0]), v.MountOf(f.Paths[1])
	switch {
	case a.Point != b.Point && !v.OneMount(path.Dir(f.Paths[0]), path.Dir(f.Paths[1])):
		return Met{
			Wall: Program, Text: "one is on the mount " + a.Point + ", the other on " + b.Point + ", which are two on the host as well: rename(2) and link(2) do not cross mounts",
		}
	case a.Point != b.Point:
		m := Met{Wall: Mounts, Text: "one is on the mount " + a.Point + ", the other on " + b.Point + ": rename(2) and link(2) do not cross mounts"}
		if top := func(p string) string { return strings.SplitN(p, "/", 3)[1] }; top(f.Paths[0]) == top(f.Paths[1]) {
			m.Remedy = "show a directory that holds both, with one --rw"
		}
		return m
	case a.Type == "overlay" && f.Errno == unix.EXDEV && v.Inside(f.Paths[0]).Dir:
		return Met{
			Wall: Mounts, Text: f.Paths[0] + " is a directory of the lower layer of the overlay on " + a.Point + ", which renames none of those",
			Remedy: "mv(1), which copies it instead; or --rw " + a.Point + ", which changes the host's",
		}
	}
	return Met{}
}
