package plan

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// CoveredProc says why there can be no /proc of the jail's own on a host whose
// /proc is covered at these places.
func CoveredProc(covered []string) *Refusal {
	return refuse("a /proc of the jail's own",
		"this /proc is covered at "+strings.Join(covered, ", ")+", and the kernel gives no new proc to whoever cannot see all of the old one (mount_too_revealing)",
		"start the container around procjail with an unmasked /proc: docker run --security-opt systempaths=unconfined, Kubernetes procMount: Unmasked").as(ProcMasked)
}

// proc mounts a proc(5) that shows the jail's processes only.
func (c *compiler) proc(m profiles.Mount) error {
	if len(c.host.ProcCovered) > 0 {
		return CoveredProc(c.host.ProcCovered)
	}
	at, err := c.mountPoint(m.Dest, true)
	if err != nil {
		return err
	}
	if at.path != "proc" || at.tree != "" { // what is masked in it is named from there
		return refuse(m.From+" at "+quote(m.Dest), "proc goes to /proc and nowhere else", "name /proc")
	}
	fs := c.get(Fsopen{"proc"})
	c.add(FsconfigCreate{fs})
	attrs := uint64(attrShown | unix.MOUNT_ATTR_NOEXEC)
	if m.RO {
		attrs |= unix.MOUNT_ATTR_RDONLY
	} else {
		c.writable = append(c.writable, m.Dest)
	}
	fd := c.get(Fsmount{fs, attrs})
	c.attach(fd, at, true, "/proc")
	for _, name := range m.Mask {
		p := c.host.Paths["/proc/"+name]
		if p.Kind == Missing {
			continue
		}
		c.mask(spot{path: path.Join(at.path, name)}, p.Kind == Directory)
	}
	return nil
}

// devNodes are all the devices of a jail, bound from the host's: inside a user
// namespace mknod(2) of a device is EPERM.
var devNodes = [...]string{"null", "zero", "full", "random", "urandom", "tty"}

// device binds a node of the host's. The mount is read-only, which keeps its
// mode and owner as they are and does not keep anybody from writing to the
// device (mount(2): MS_RDONLY is about the file system).
func (c *compiler) device(name string, at spot) {
	fd := c.copyTree(OpenTree{Dir: AtFDCWD, Path: "/dev/" + name},
		MountSetattr{Set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC})
	c.attach(fd, at, false, "/dev/"+name)
}

var devLinks = [...][2]string{
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
	{"ptmx", "pts/ptmx"},
}

// dev makes /dev: six nodes, the links of any system, pseudo-terminals of the
// jail's own and its shared memory.
func (c *compiler) dev(m profiles.Mount) error {
	if _, err := c.mountPoint(m.Dest, true); err != nil {
		return err
	}
	for _, name := range devNodes {
		at, err := c.mountPoint(path.Join(m.Dest, name), false)
		if err != nil {
			return err
		}
		c.device(name, at)
	}
	for _, l := range devLinks {
		if err := c.link(l[1], path.Join(m.Dest, l[0])); err != nil {
			return err
		}
	}
	pts, err := c.mountPoint(path.Join(m.Dest, "pts"), true)
	if err != nil {
		return err
	}
	fs := c.get(Fsopen{"devpts"})
	c.add(FsconfigString{fs, "ptmxmode", "0666"})
	c.add(FsconfigString{fs, "mode", "0620"})
	// All jails and users share kernel.pty.max, 4096 of them.
	c.add(FsconfigString{fs, "max", "256"})
	c.add(FsconfigCreate{fs})
	c.attach(c.get(Fsmount{fs, unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC}), pts, true, "")
	c.tty.pts, c.tty.ptsAt = pts.path, len(c.plan.Entries)
	shm, err := c.mountPoint(path.Join(m.Dest, "shm"), true)
	if err != nil {
		return err
	}
	c.ownTmpfs(shm, c.spec.Limits.Tmpfs, 0o1777)
	c.writable = append(c.writable, m.Dest)
	return nil
}

// overlay shows a directory of the host's with the payload's changes on top,
// which go to a directory of their own (overlayfs; in user namespaces since
// Linux 5.11).
func (c *compiler) overlay(m profiles.Mount) error {
	src := expand(m.Source, c.host.Home, c.host.Cwd)
	p := c.host.Paths[src]
	switch {
	case p.Err != 0:
		return refuse(m.From+" "+quote(src), p.Err.String()+" from stat on the host", sourceRemedy(p.Err))
	case p.Kind != Directory:
		return refuse(m.From+" "+quote(src), "it is "+p.Kind.String()+"; an overlay is of a directory", "show it with --ro or --rw, or name the directory that it is in")
	}
	if c.id.ID == userns.SubID && p.Mode&0o002 == 0 {
		return refuse(m.From+" "+quote(src),
			"the payload is host uid "+itoa(int64(c.id.OutsideUID))+", which may not write there (owner "+itoa(int64(p.UID))+", mode "+modeText(p.Mode)+")",
			"--id self runs the payload under your own id")
	}
	at, err := c.mountPoint(m.Dest, true)
	if err != nil {
		return err
	}
	upper := m.Upper
	const scratch = scratchName
	if m.Kind == profiles.OverlayTmp {
		upper = scratch
		size := m.Size
		if size == 0 {
			size = c.spec.Limits.Tmpfs
		}
		c.add(Mkdirat{AtFDCWD, scratch, 0o700})
		c.ownTmpfs(spot{path: scratch}, size, 0o700)
		c.add(Mkdirat{AtFDCWD, scratch + "/upper", p.Mode & 0o777})
		c.add(Mkdirat{AtFDCWD, scratch + "/work", 0o700})
	}
	fs := c.get(Fsopen{"overlay"})
	c.add(FsconfigString{fs, "lowerdir", escapeLower(src)})
	c.add(FsconfigString{fs, "upperdir", upper + "/upper"})
	c.add(FsconfigString{fs, "workdir", upper + "/work"})
	c.add(FsconfigFlag{fs, "userxattr"})
	c.add(FsconfigCreate{fs})
	fd := c.get(Fsmount{fs, attrShown})
	c.attach(fd, at, true, src)
	if m.Kind == profiles.OverlayTmp {
		// The overlay keeps the tmpfs alive, which has no other way to it.
		c.add(Detach{scratch})
		c.add(Rmdir{AtFDCWD, scratch})
		delete(c.view.root.kids, scratch)
	}
	c.writable = append(c.writable, m.Dest)
	return nil
}

// overlayDirs makes the directories that keep the changes of overlays, as the
// caller and before anything else: they outlive the jail.
func (c *compiler) overlayDirs() {
	made := map[string]bool{}
	for _, m := range c.spec.Mounts {
		if m.Kind != profiles.Overlay {
			continue
		}
		c.from = m.From
		for _, dir := range []string{m.Upper + "/upper", m.Upper + "/work"} {
			for i := 1; i <= len(dir); i++ {
				if p := dir[:min(i, len(dir))]; (i == len(dir) || dir[i] == '/') && !made[p] {
					made[p] = true
					c.add(Mkdirat{AtFDCWD, p, 0o700}).Skip = [2]Errno{Errno(unix.EEXIST)}
				}
			}
		}
		c.from = ""
	}
}

// escapeLower writes a path for the option lowerdir, where ':' separates.
func escapeLower(p string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(p)
}

// rootfs replaces what the profile shows of the host by the entries of another
// tree. They are bound one by one, so that no mount point is ever made there.
func (c *compiler) rootfs(list []profiles.Mount) ([]profiles.Mount, error) {
	dir := expand(c.spec.Rootfs, c.host.Home, c.host.Cwd)
	p := c.host.Paths[dir]
	switch {
	case p.Err != 0:
		return nil, refuse("--rootfs "+quote(dir), p.Err.String()+" from stat on the host", sourceRemedy(p.Err))
	case p.Kind != Directory:
		return nil, refuse("--rootfs "+quote(dir), "it is "+p.Kind.String(), "name a directory")
	case dir == "/":
		return nil, refuse("--rootfs /", "that is the host's own root", "leave it out")
	}
	own := map[string]bool{} // what the profile makes itself
	var kept []profiles.Mount
	for _, m := range list {
		if replaced(m) {
			continue
		}
		kept = append(kept, m)
		if m.Kind == profiles.Proc || m.Kind == profiles.Dev || m.Kind == profiles.Tmpfs {
			own[expand(m.Dest, c.home, c.host.Cwd)] = true
		}
	}
	var out []profiles.Mount
	for _, name := range p.Names {
		if !own["/"+name] && name != "proc" && name != "dev" {
			out = append(out, profiles.Mount{Kind: profiles.LikeHost, Source: path.Join(dir, name), Dest: "/" + name, From: "--rootfs"})
		}
	}
	return append(out, kept...), nil
}

// replaced tells whether --rootfs stands in place of a mount: the profile's, of
// what the host has or what would be made like it.
func replaced(m profiles.Mount) bool {
	switch m.Kind {
	case profiles.ReadOnly, profiles.LikeHost, profiles.File, profiles.Passwd, profiles.Group, profiles.Link, profiles.ResolvConf:
		return strings.HasPrefix(m.From, "profile ")
	}
	return false
}

// Source is a path of the host that a plan depends on.
type Source struct {
	Path  string
	Link  bool // Path.Link is wanted
	Names bool // Path.Names is wanted
}

// Sources are the paths that a plan for s depends on: package host looks them
// up, with the entries of those whose Names are wanted, and Compile reads them
// in Host.Paths.
func (s *Spec) Sources(home, cwd string) []Source {
	out := make([]Source, 0, 64)
	for _, m := range s.Mounts {
		switch m.Kind {
		case profiles.ResolvConf:
			if s.Net != profiles.NetNone && (s.Rootfs == "" || !replaced(m)) {
				out = append(out, Source{Path: expand(m.Source, home, cwd), Link: true})
			}
		case profiles.ReadOnly, profiles.ReadWrite, profiles.LikeHost, profiles.Overlay, profiles.OverlayTmp:
			if s.Rootfs == "" || !replaced(m) {
				out = append(out, Source{Path: expand(m.Source, home, cwd), Link: m.Kind == profiles.LikeHost})
			}
		case profiles.Hide:
			for _, p := range s.hidden(m, home, cwd) {
				out = append(out, Source{Path: p})
			}
		case profiles.Proc:
			for _, name := range m.Mask {
				out = append(out, Source{Path: "/proc/" + name})
			}
		}
	}
	if s.Rootfs != "" {
		out = append(out, Source{Path: expand(s.Rootfs, home, cwd), Names: true})
	}
	return out
}

// hidden are the paths of the host that may be shown where m hides: the same,
// and the one below each source that is shown there or above.
func (s *Spec) hidden(m profiles.Mount, home, cwd string) []string {
	dest := expand(m.Dest, home, cwd)
	out := []string{dest}
	if s.Rootfs != "" {
		out = append(out, path.Join(expand(s.Rootfs, home, cwd), dest))
	}
	for _, b := range s.Mounts {
		at := expand(b.Dest, home, cwd)
		if rest, below := strings.CutPrefix(dest, strings.TrimSuffix(at, "/")+"/"); below && b.Source != "" && b.Kind != profiles.Link {
			out = append(out, path.Join(expand(b.Source, home, cwd), rest))
		}
	}
	return out
}
