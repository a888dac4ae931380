package plan

import (
	"path"

	"golang.org/x/sys/unix"
)

func (c *compiler) link(target, dest string) error {
	if dest == "/" {
		return c.allowed(dest, ".")
	}
	s, err := c.view.walk(path.Dir(dest))
	if err != nil {
		return err
	}
	if s.tree != "" || s.node != nil && s.node.kind == treeNode {
		return refuse(c.from+" at "+quote(dest), "the directory is the host's, and procjail makes nothing there", "")
	}
	if s.node != nil && !s.node.isDir() {
		return refuse(c.from+" at "+quote(dest), "/"+s.path+" inside is no directory", "name another destination")
	}
	if s.node == nil {
		if s, err = c.mountPoint(path.Dir(dest), true); err != nil {
			return err
		}
	}
	at := path.Join(s.path, path.Base(dest))
	if err := c.allowed(dest, at); err != nil {
		return err
	}
	var there *node // the link itself, and not where it leads
	if s.node != nil {
		there = s.node.kids[path.Base(dest)]
	}
	switch {
	case there == nil:
	case there.kind == linkNode && there.target == target:
		return nil
	default:
		return refuse(c.from+" at "+quote(dest), "something is there already", "name another destination")
	}
	c.add(Symlinkat{target, AtFDCWD, at})
	c.view.put(at, &node{kind: linkNode, target: target})
	return nil
}

// file makes a file with this content on the jail's own root.
func (c *compiler) file(dest, content string) error {
	fd, err := c.create(dest, 0o444)
	if err != nil {
		return err
	}
	if content != "" {
		c.whole(Write{fd, []byte(content)})
	}
	c.add(Close{fd})
	return nil
}

// create opens a new file for writing, and makes the directories on the way.
func (c *compiler) create(dest string, mode uint32) (FD, error) {
	s, err := c.view.walk(dest)
	if err != nil {
		return 0, err
	}
	if err := c.allowed(dest, s.path); err != nil {
		return 0, err
	}
	if s.node != nil || s.tree != "" {
		return 0, refuse(c.from+" at "+quote(dest), "something is there already", "name another destination")
	}
	for _, p := range s.make[:len(s.make)-1] {
		c.add(Mkdirat{AtFDCWD, p, 0o755})
	}
	c.view.put(s.path, &node{kind: fileNode})
	return c.get(Openat{Dir: AtFDCWD, Path: s.path, Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC, Mode: mode}), nil
}

func (c *compiler) passwd() string {
	uid, gid := itoa(int64(c.id.PayloadUID)), itoa(int64(c.id.PayloadGID))
	s := c.login() + ":x:" + uid + ":" + gid + "::" + c.home + ":/bin/sh\n"
	if c.id.PayloadUID != 0 {
		s = "root:x:0:0::/nonexistent:/usr/sbin/nologin\n" + s
	}
	return s + "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
}

func (c *compiler) group() string {
	s := c.login() + ":x:" + itoa(int64(c.id.PayloadGID)) + ":\n"
	if c.id.PayloadGID != 0 {
		s = "root:x:0:\n" + s
	}
	return s + "nogroup:x:65534:\n"
}
