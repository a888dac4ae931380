package plan_test

import (
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// obeys carries out, on a model of its own, what a plan does by name to the
// new root, and returns an error for the first call that the kernel would
// refuse or that would change a tree of the host's.
func obeys(p *plan.Plan) error {
	r := &newRoot{at: map[string]byte{".": 'd'}, host: map[plan.FD]byte{}}
	inside := false
	for i, e := range p.Entries {
		switch e.Step.(type) {
		case plan.Fchdir:
			inside = true
			continue
		case plan.PivotRoot:
			return nil
		}
		if !inside && !is[plan.OpenTree](e) && !is[plan.Fsopen](e) && !is[plan.Fsmount](e) {
			continue
		}
		if err := r.step(e); err != nil {
			return fmt.Errorf("step %d: %s: %w", i+1, e, err)
		}
	}
	return fmt.Errorf("no pivot_root")
}

// newRoot is what lies at each path of the jail's own: a directory 'd', a file
// 'f', a link 'l', a tree of the host's 'T', a file of the host's 'F'.
type newRoot struct {
	at   map[string]byte
	host map[plan.FD]byte // what a mount that stands nowhere yet is of
}

func (r *newRoot) step(e plan.Entry) error {
	switch s := e.Step.(type) {
	case plan.Mkdirat:
		return r.make(s.Path, 'd')
	case plan.Mknodat:
		return r.make(s.Path, 'f')
	case plan.Symlinkat:
		return r.make(s.Path, 'l')
	case plan.Openat:
		switch {
		case s.Flags&unix.O_CREAT != 0:
			return r.make(s.Path, 'f')
		case !path.IsAbs(s.Path):
			return r.find(s.Path, 'f')
		}
	case plan.Unlinkat:
		if err := r.find(s.Path, 'f'); err != nil {
			return err
		}
		delete(r.at, s.Path)
	case plan.Rmdir:
		if err := r.find(s.Path, 'd'); err != nil {
			return err
		}
		delete(r.at, s.Path)
	case plan.Detach:
		return r.detach(s.Path)
	case plan.OpenTree:
		kind := byte('F')
		if s.Recursive || !path.IsAbs(s.Path) {
			kind = 'T'
		}
		if !path.IsAbs(s.Path) {
			if err := r.find(s.Path, 'd'); err != nil {
				return err
			}
		}
		r.host[e.Out] = kind
	case plan.Fsopen:
		kind := byte('T')
		if s.Type == "tmpfs" {
			kind = 'd'
		}
		r.host[e.Out] = kind
	case plan.Fsmount:
		r.host[e.Out] = r.host[s.FD]
	case plan.MoveMount:
		if s.ToPath != "" {
			return r.cover(s.ToPath, r.host[s.From])
		}
	}
	return nil
}

// parent checks that a name can be made or looked up below the directories
// before it.
func (r *newRoot) parent(name string) error {
	if name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "..") {
		return fmt.Errorf("%q is no path below the new root", name)
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		switch r.at[dir] {
		case 'd':
		case 'T', 'F':
			return fmt.Errorf("%q is the host's", dir)
		default:
			return fmt.Errorf("%q is no directory of the jail's", dir)
		}
		if dir == "." {
			return nil
		}
	}
}

func (r *newRoot) make(name string, kind byte) error {
	if err := r.parent(name); err != nil {
		return err
	}
	if r.at[name] != 0 {
		return fmt.Errorf("%q is there already", name)
	}
	r.at[name] = kind
	return nil
}

func (r *newRoot) find(name string, kind byte) error {
	if err := r.parent(name); err != nil {
		return err
	}
	if r.at[name] != kind {
		return fmt.Errorf("%q is %q, not %q", name, r.at[name], kind)
	}
	return nil
}

// cover mounts something: what was below is gone.
func (r *newRoot) cover(name string, kind byte) error {
	// A mask lies in the jail's own proc, which is a tree that was mounted.
	if strings.HasPrefix(name, "proc/") && r.at["proc"] == 'T' {
		return nil
	}
	if name == "." {
		return fmt.Errorf("it covers the root")
	}
	if err := r.parent(name); err != nil {
		return err
	}
	was := r.at[name]
	if was == 0 || was == 'l' {
		return fmt.Errorf("nothing is at %q", name)
	}
	if dir := was == 'd' || was == 'T'; dir != (kind == 'd' || kind == 'T') {
		return fmt.Errorf("%q is %q and becomes %q", name, was, kind)
	}
	r.clear(name)
	r.at[name] = kind
	return nil
}

func (r *newRoot) detach(name string) error {
	if err := r.find(name, 'd'); err != nil {
		return err
	}
	r.clear(name)
	return nil
}

func (r *newRoot) clear(name string) {
	for other := range r.at {
		if strings.HasPrefix(other, name+"/") {
			delete(r.at, other)
		}
	}
}
