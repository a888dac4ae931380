package plan

import (
	"strings"
	"testing"
)

// model is a view with what most jails have.
func model() *view {
	v := newView()
	v.put("usr", &node{kind: treeNode, host: "/usr"})
	v.put("bin", &node{kind: linkNode, target: "usr/bin"})
	v.put("etc/passwd", &node{kind: fileNode})
	v.put("etc/hosts", &node{kind: leafNode, host: "/etc/hosts"})
	v.put("run", &node{kind: dirNode})
	v.put("var/run", &node{kind: linkNode, target: "/run"})
	v.put("var/lock", &node{kind: linkNode, target: "../run/lock"})
	v.put("proc", &node{kind: treeNode})
	v.put("loop/a", &node{kind: linkNode, target: "b"})
	v.put("loop/b", &node{kind: linkNode, target: "/loop/a"})
	v.put("self", &node{kind: linkNode, target: "self/x"})
	v.put("top", &node{kind: linkNode, target: "/"})
	v.put("up", &node{kind: linkNode, target: "../../../.."})
	v.put("astray", &node{kind: linkNode, target: "new/../etc"})
	v.put("dangling", &node{kind: linkNode, target: "new/place"})
	return v
}

func TestWalk(t *testing.T) {
	for _, tt := range []struct {
		dest string
		want string // path, what is there, what is to be made
		err  string
	}{
		{dest: "/", want: ". dir"},
		{dest: "/usr", want: "usr tree /usr"},
		{dest: "/usr/", want: "usr tree /usr"},
		{dest: "//usr/./", want: "usr tree /usr"},
		{dest: "/usr/lib/x", want: "usr/lib/x in /usr/lib/x"},
		{dest: "/bin", want: "usr/bin in /usr/bin"},
		{dest: "/bin/sh", want: "usr/bin/sh in /usr/bin/sh"},
		{dest: "/bin/../lib", want: "lib nothing, make lib"}, // as a shell takes it, and not as the kernel does
		{dest: "/proc/self", want: "proc/self in ?"},
		{dest: "/etc/passwd", want: "etc/passwd file"},
		{dest: "/etc/hosts", want: "etc/hosts leaf /etc/hosts"},
		{dest: "/etc/new/file", want: "etc/new/file nothing, make etc/new etc/new/file"},
		{dest: "/var/run", want: "run dir"},
		{dest: "/var/run/x", want: "run/x nothing, make run/x"},
		{dest: "/var/lock/x", want: "run/lock/x nothing, make run/lock run/lock/x"},
		{dest: "/dangling", want: "new/place nothing, make new new/place"},
		{dest: "/dangling/x", want: "new/place/x nothing, make new new/place new/place/x"},
		{dest: "/top", want: ". dir"},
		{dest: "/top/etc/passwd", want: "etc/passwd file"},
		{dest: "/up/usr/lib", want: "usr/lib in /usr/lib"},
		{dest: "/loop/a", err: `destination "/loop/a": a loop of symbolic links`},
		{dest: "/loop/b/c", err: `destination "/loop/b/c": a loop of symbolic links`},
		{dest: "/self", err: `destination "/self": a loop of symbolic links`},
		{dest: "/astray", err: `destination "/astray": a symbolic link leads through "..", from /new, which is not there`},
		{dest: "/etc/passwd/x", err: `destination "/etc/passwd/x": /etc/passwd inside is no directory`},
		{dest: "/etc/hosts/x", err: `destination "/etc/hosts/x": /etc/hosts inside is no directory`},
	} {
		s, err := model().walk(tt.dest)
		if err != nil || tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("walk(%q): error %v, want %q", tt.dest, err, tt.err)
			}
			continue
		}
		if got := s.show(); got != tt.want {
			t.Errorf("walk(%q) = %q, want %q", tt.dest, got, tt.want)
		}
	}
}

func (s spot) show() string {
	switch {
	case s.tree != "":
		return s.path + " in " + s.tree
	case s.node == nil:
		return s.path + " nothing, make " + strings.Join(s.make, " ")
	}
	kind := [...]string{"dir", "file", "link", "tree", "leaf"}[s.node.kind]
	return strings.TrimSpace(s.path + " " + kind + " " + s.node.host)
}

func TestWalkChangesNothing(t *testing.T) {
	v := model()
	for range 2 {
		if s, err := v.walk("/a/b/c"); err != nil || len(s.make) != 3 {
			t.Fatalf("walk = %+v, %v", s, err)
		}
	}
}
