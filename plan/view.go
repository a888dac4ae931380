package plan

import (
	"path"
	"strings"
)

// view is what the jail's tree looks like while Compile writes the steps that
// build it. It is a model: it knows the directories, links and files that the
// plan itself makes, and where a mounted tree begins whose content it does not
// know.
type view struct{ root *node }

type node struct {
	kind   nodeKind
	target string // link
	host   string // tree: what it shows of the host; empty for others
	kids   map[string]*node
}

type nodeKind uint8

const (
	dirNode  nodeKind = iota // a directory on a tmpfs of the jail's own
	fileNode                 // a file there
	linkNode                 // a symbolic link there
	treeNode                 // a mounted directory of unknown content
	leafNode                 // a mounted file
)

func newView() *view { return &view{root: &node{kind: dirNode}} }

func (n *node) isDir() bool { return n.kind == dirNode || n.kind == treeNode }

// spot is where a path of the jail leads.
type spot struct {
	path string   // with every link of the model resolved, from the root, no leading slash
	node *node    // nil: nothing is there yet
	make []string // the components that are missing, each as a path from the root; the last is path
	tree string   // set inside a mounted tree: the host's path, or "?" where it has none
}

// maxLinks is the kernel's limit (path_resolution(7)).
const maxLinks = 40

// walk follows dest, an absolute path, through the model. Directories that are
// missing on the way are listed in make.
//
// Inside a mounted tree the model ends: the kernel walks the rest when the
// plan runs, in the jail's root (OpenInRoot).
func (v *view) walk(dest string) (spot, error) {
	type place struct {
		n    *node
		path string
	}
	var deep [8]place
	at := deep[:0] // the way from the root, for ".." in a link
	cur, here := v.root, ""
	rest := strings.Trim(path.Clean(dest), "/")
	var s spot
	links := 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			if cur == nil { // ENOENT to the kernel
				return spot{}, refuse("destination "+quote(dest), `a symbolic link leads through "..", from /`+here+", which is not there", "name another destination")
			}
			if len(at) > 0 {
				at = at[:len(at)-1]
			}
			cur, here = v.root, ""
			if len(at) > 0 {
				cur, here = at[len(at)-1].n, at[len(at)-1].path
			}
			continue
		}
		if cur != nil && cur.kind == treeNode {
			inside := path.Join(name, rest)
			s = spot{path: path.Join(here, inside), tree: "?"}
			if cur.host != "" {
				s.tree = path.Join(cur.host, inside)
			}
			return s, nil
		}
		if cur != nil && cur.kind != dirNode {
			return spot{}, refuse("destination "+quote(dest), "/"+here+" inside is no directory", "name another destination")
		}
		var next *node
		if cur != nil {
			next = cur.kids[name]
		}
		if next != nil && next.kind == linkNode {
			if links++; links > maxLinks {
				return spot{}, refuse("destination "+quote(dest), "a loop of symbolic links", "name another destination")
			}
			if path.IsAbs(next.target) {
				at, cur, here = deep[:0], v.root, ""
			}
			rest = next.target + "/" + rest
			continue
		}
		if here != "" {
			name = here + "/" + name
		}
		if next == nil {
			s.make = append(s.make, name)
		}
		at = append(at, place{next, name})
		cur, here = next, name
	}
	s.path, s.node = here, cur
	if s.path == "" {
		s.path = "."
	}
	return s, nil
}

// put records n at a spot that walk returned, and the directories on the way.
func (v *view) put(dest string, n *node) {
	cur := v.root
	for {
		name, rest, below := strings.Cut(dest, "/")
		if cur.kids == nil {
			cur.kids = make(map[string]*node)
		}
		if !below {
			cur.kids[name] = n
			return
		}
		if cur.kids[name] == nil {
			cur.kids[name] = &node{kind: dirNode}
		}
		cur, dest = cur.kids[name], rest
	}
}
