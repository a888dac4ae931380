package plan

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

const (
	attrShown = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	attrRO    = attrShown | unix.MOUNT_ATTR_RDONLY
)

// newRoot mounts a fresh tmpfs over the old root, which is always there to be
// mounted on, and goes into it. Until leaveOldRoot, absolute paths are the
// host's and relative ones the jail's.
func (c *compiler) newRoot() error {
	c.add(Umask{0})
	// Room for the files that are made and for the program, if it is copied.
	size := int64(1 << 20)
	if c.command.copy {
		size += c.host.Program.Size
	}
	c.root = c.tmpfs(itoa(size), "0755", "4096", false)
	c.add(MoveMount{c.root, AtFDCWD, "/"})
	c.add(Fchdir{c.root})
	return nil
}

// tmpfs makes a tmpfs that stands nowhere yet. With payload it belongs to the
// payload, otherwise to whoever builds.
func (c *compiler) tmpfs(size, mode, inodes string, payload bool) FD {
	fs := c.get(Fsopen{"tmpfs"})
	c.add(FsconfigString{fs, "size", size})
	c.add(FsconfigString{fs, "nr_inodes", inodes})
	c.add(FsconfigString{fs, "mode", mode})
	if payload && c.id.Method != userns.WriteSelf {
		c.add(FsconfigString{fs, "uid", itoa(int64(c.id.PayloadUID))})
		c.add(FsconfigString{fs, "gid", itoa(int64(c.id.PayloadGID))})
	}
	c.add(FsconfigCreate{fs})
	return c.get(Fsmount{fs, attrShown})
}

// mounts builds the view, line by line.
func (c *compiler) mounts() error {
	list := c.spec.Mounts
	if c.spec.Rootfs != "" {
		var err error
		if list, err = c.rootfs(list); err != nil {
			return err
		}
	}
	for _, m := range list {
		c.from = m.From
		m.Dest = expand(m.Dest, c.home, c.host.Cwd)
		if !path.IsAbs(m.Dest) || m.Kind != profiles.Link && m.Source != "" && !path.IsAbs(expand(m.Source, c.host.Home, c.host.Cwd)) {
			return refuse(m.From, "it is about your current directory, which has no name here: it was removed, or lies outside of the root", "cd to another directory")
		}
		if err := c.mount(m); err != nil {
			return err
		}
	}
	c.from = ""
	return nil
}

func (c *compiler) mount(m profiles.Mount) error {
	switch m.Kind {
	case profiles.ReadOnly, profiles.ReadWrite, profiles.LikeHost:
		return c.bind(m)
	case profiles.Tmpfs:
		return c.mountTmpfs(m)
	case profiles.Hide:
		return c.hide(m)
	case profiles.Link:
		return c.link(m.Source, m.Dest)
	case profiles.File:
		return c.file(m.Dest, strings.ReplaceAll(m.Content, "{hostname}", c.spec.Hostname))
	case profiles.Passwd:
		return c.file(m.Dest, c.passwd())
	case profiles.Group:
		return c.file(m.Dest, c.group())
	case profiles.Dir:
		_, err := c.mountPoint(m.Dest, true)
		return err
	case profiles.Proc:
		return c.proc(m)
	case profiles.Cgroup:
		return c.showCgroup(m)
	case profiles.Dev:
		return c.dev(m)
	case profiles.Overlay, profiles.OverlayTmp:
		return c.overlay(m)
	case profiles.ResolvConf:
		return c.resolvConf(m)
	}
	return refuse(m.From, "internal error: mount of kind "+itoa(int64(m.Kind)), "")
}

// bind shows a directory or file of the host.
func (c *compiler) bind(m profiles.Mount) error {
	src := expand(m.Source, c.host.Home, c.host.Cwd)
	p, ok := c.host.Paths[src]
	if !ok {
		return refuse(m.From+" "+quote(src), "internal error: nobody has looked it up", "")
	}
	if p.Err != 0 {
		if m.Optional && (p.Err == Errno(unix.ENOENT) || p.Err == Errno(unix.ENOTDIR)) {
			return nil
		}
		return refuse(m.From+" "+quote(src), p.Err.String()+" from stat on the host", sourceRemedy(p.Err))
	}
	if m.Kind == profiles.LikeHost && p.Link != "" {
		return c.link(p.Link, m.Dest)
	}
	if m.Kind == profiles.ReadWrite {
		if err := c.writableBy(m, src, p); err != nil {
			return err
		}
	}
	at, err := c.mountPoint(m.Dest, p.Kind == Directory)
	if err != nil {
		return err
	}
	attr := MountSetattr{Set: attrRO}
	if m.Kind == profiles.ReadWrite {
		attr.Set = attrShown
		if p.Kind == Device { // a device that is asked for by name
			attr.Set = unix.MOUNT_ATTR_NOSUID
		}
		c.writable = append(c.writable, m.Dest)
	}
	fd := c.copyTree(OpenTree{Dir: AtFDCWD, Path: src, Recursive: p.Kind == Directory}, attr)
	c.attach(fd, at, p.Kind == Directory, src)
	return nil
}

// resolvConf shows where names are asked for, in a jail that has a network to
// ask on. systemd-resolved and others make it a link to /run: if the view shows
// the host's link, the file goes to where that leads inside.
func (c *compiler) resolvConf(m profiles.Mount) error {
	if c.spec.Net == profiles.NetNone {
		return nil
	}
	m.Kind, m.Optional = profiles.ReadOnly, true // a host without one asks itself
	at, err := c.view.walk(m.Dest)
	if err != nil {
		return err
	}
	if at.tree != "" {
		link := c.host.Paths[expand(m.Source, c.host.Home, c.host.Cwd)].Link
		if link == "" {
			return nil
		}
		m.Dest = expand(link, c.home, path.Dir(m.Dest))
		if at, err = c.view.walk(m.Dest); err != nil || at.tree != "" {
			return err
		}
	}
	return c.bind(m)
}

func sourceRemedy(e Errno) string {
	switch unix.Errno(e) {
	case unix.ENOENT, unix.ENOTDIR:
		return "name a path that exists on the host"
	case unix.EACCES:
		return "name a path that your account may reach"
	case unix.ELOOP:
		return "mend the symbolic links, which lead back to themselves"
	}
	return ""
}

// writableBy refuses a writable source that the payload could not write: with
// subordinate ids it is another user than the caller.
func (c *compiler) writableBy(m profiles.Mount, src string, p Path) error {
	if m.Dest == "/" {
		return refuse(m.From+" "+quote(src), "it would make the whole root writable", "name a directory below")
	}
	if home := c.host.Home; m.Source == "." && (src == home || strings.HasPrefix(home, src+"/")) {
		return refuse(m.From+" "+quote(src), "it holds the whole of your home", "go into a directory below it, or ask for --rw "+src)
	}
	if c.id.ID == userns.SubID && p.Mode&0o002 == 0 {
		return refuse(m.From+" "+quote(src),
			"the payload is host uid "+itoa(int64(c.id.OutsideUID))+", which may not write there (owner "+itoa(int64(p.UID))+", mode "+modeText(p.Mode)+")",
			"--id self runs the payload under your own id")
	}
	return nil
}

func modeText(m uint32) string {
	return string([]byte{'0' + byte(m>>9&7), '0' + byte(m>>6&7), '0' + byte(m>>3&7), '0' + byte(m&7)})
}

// mountPoint makes the place that a mount goes to, and the directories on the
// way to it, on tmpfs of the jail's own. It never makes one in a directory of
// the host's: there the place must exist.
func (c *compiler) mountPoint(dest string, dir bool) (spot, error) {
	s, err := c.view.walk(dest)
	if err != nil {
		return spot{}, err
	}
	if err := c.allowed(dest, s.path); err != nil {
		return spot{}, err
	}
	if s.tree != "" {
		return s, nil
	}
	if s.node != nil {
		if s.node.isDir() != dir {
			is, want := "a file", "a directory"
			if s.node.isDir() {
				is, want = want, is
			}
			return spot{}, refuse(c.from+" at "+quote(dest), "there is "+is+" inside, where "+want+" is to go", "name another destination")
		}
		return s, nil
	}
	for i, p := range s.make {
		if i < len(s.make)-1 || dir {
			c.add(Mkdirat{AtFDCWD, p, 0o755})
		} else {
			c.add(Mknodat{AtFDCWD, p, 0o444})
		}
	}
	kind := dirNode
	if !dir {
		kind = fileNode
	}
	c.view.put(s.path, &node{kind: kind})
	return s, nil
}

// Names in the new root that are procjail's own while it builds the jail.
const (
	emptyName   = ".empty"        // what a directory is masked with
	scratchName = ".overlay"      // where an overlay's changes go that are thrown away
	initName    = "procjail-init" // PID 1's program; ps(1) shows it
)

// allowed refuses places that are procjail's own: at is where dest leads.
func (c *compiler) allowed(dest, at string) error {
	top, _, below := strings.Cut(at, "/")
	switch {
	case at == ".":
		return refuse(c.from, "the destination is the root itself", "--rootfs gives another root")
	case top == "proc" && below:
		return refuse(c.from+" at "+quote(dest), "a destination inside /proc would cover what the kernel shows of the jail", "name another destination")
	case top == emptyName || top == scratchName || top == initName:
		return refuse(c.from+" at "+quote(dest), "procjail uses that name while it builds the jail", "name another destination")
	}
	return nil
}

// attach moves a mount to the spot. Inside a mounted tree the kernel resolves
// the place, with the jail's root as "/".
func (c *compiler) attach(fd FD, at spot, dir bool, host string) {
	if at.tree != "" {
		to := c.get(OpenInRoot{c.root, at.path})
		c.add(MoveMount{fd, to, ""})
		return
	}
	c.add(MoveMount{fd, AtFDCWD, at.path})
	n := &node{kind: treeNode, host: host}
	if !dir {
		n.kind = leafNode
	}
	c.view.put(at.path, n)
}

func (c *compiler) mountTmpfs(m profiles.Mount) error {
	at, err := c.mountPoint(m.Dest, true)
	if err != nil {
		return err
	}
	size := m.Size
	if size == 0 {
		size = c.spec.Limits.Tmpfs
	}
	c.ownTmpfs(at, size, m.Mode)
	c.writable = append(c.writable, m.Dest)
	return nil
}

func (c *compiler) ownTmpfs(at spot, size uint64, mode uint32) {
	text := "50%"
	if size != profiles.Unlimited {
		text = itoa(int64(size))
	}
	// One inode for each 4 KiB: files without content fill no further.
	inodes := "65536"
	if size != profiles.Unlimited && size/4096 > 1024 {
		inodes = itoa(int64(size / 4096))
	}
	fd := c.tmpfs(text, modeText(mode), inodes, true)
	if at.tree != "" {
		to := c.get(OpenInRoot{c.root, at.path})
		c.add(MoveMount{fd, to, ""})
		return
	}
	c.add(MoveMount{fd, AtFDCWD, at.path})
	c.view.put(at.path, &node{kind: dirNode})
}

// hide covers a path with nothing.
func (c *compiler) hide(m profiles.Mount) error {
	s, err := c.view.walk(m.Dest)
	if err != nil {
		return err
	}
	if s.node == nil && s.tree == "" {
		return nil // not there to begin with
	}
	if err := c.allowed(m.Dest, s.path); err != nil {
		return err
	}
	dir := s.node != nil && s.node.isDir()
	if s.tree != "" {
		p, ok := c.host.Paths[s.tree]
		if !ok { // reached through a link, or in a file system of the jail's own
			return refuse(m.From+" "+quote(m.Dest), "it leads to /"+s.path+" inside, of which nothing is known", "name that path")
		}
		if p.Err == Errno(unix.ENOENT) || p.Err == Errno(unix.ENOTDIR) {
			return nil
		}
		if p.Err != 0 {
			return refuse(m.From+" "+quote(m.Dest), p.Err.String()+" from stat on the host", "")
		}
		dir = p.Kind == Directory
	}
	c.mask(s, dir)
	return nil
}

// mask mounts an empty directory, or /dev/null, at a spot that exists.
func (c *compiler) mask(at spot, dir bool) {
	if !dir {
		c.device("null", at)
		return
	}
	if !c.masked {
		c.masked = true
		c.add(Mkdirat{AtFDCWD, emptyName, 0o555})
	}
	fd := c.get(OpenTree{Dir: AtFDCWD, Path: emptyName})
	c.add(MountSetattr{FD: fd, Set: attrRO})
	c.attach(fd, at, true, "")
}

// leaveOldRoot makes the tmpfs the root and detaches the old one, which
// pivot_root(2) has stacked upon it. Then one call makes every mount private
// and nosuid, and one the root itself read-only.
func (c *compiler) leaveOldRoot() error {
	c.add(PivotRoot{".", "."})
	c.add(Detach{"."})
	c.add(MountSetattr{FD: AtFDCWD, Path: "/", Recursive: true, Set: unix.MOUNT_ATTR_NOSUID, Private: true})
	c.add(MountSetattr{FD: AtFDCWD, Path: "/", Set: attrRO})
	return nil
}

// copies is where the mounts of the host are copied, which needs no id yet:
// where others write the maps, init does it while they do. What the copies are
// is found out by mounts, later.
func (c *compiler) copies() error {
	c.copyAt = len(c.plan.Entries)
	return nil
}

// copyTree takes a copy of what is mounted at a path of the host.
func (c *compiler) copyTree(t OpenTree, attr MountSetattr) FD {
	fd := c.result()
	attr.FD, attr.Recursive, attr.Private = fd, t.Recursive, true
	c.copied = append(c.copied,
		Entry{Stage: Init, Step: t, From: c.from, Out: fd, Want: Any},
		Entry{Stage: Init, Step: attr, From: c.from, Want: Any})
	return fd
}
