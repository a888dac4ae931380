package cause

import (
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// configures are the steps that set a file system up. Since Linux 6.5 overlayfs
// looks at its directories as they are named, before that when it is created.
var configures = []plan.Step{plan.FsconfigString{}, plan.FsconfigCreate{}}

// lacking is the name of a file system that keeps no changes of an overlay
// (Documentation/filesystems/overlayfs.rst; fs/overlayfs/params.c and super.c refuse it
// for what it lacks), by its magic number; empty: it may keep them.
func lacking(magic int64) string {
	switch magic {
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.MSDOS_SUPER_MAGIC:
		return "vfat"
	case unix.EXFAT_SUPER_MAGIC:
		return "exfat"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.CEPH_SUPER_MAGIC:
		return "ceph"
	case unix.SMB2_SUPER_MAGIC:
		return "cifs"
	}
	return ""
}

// overlayEntries are about overlays, and what file systems say themselves.
func overlayEntries() []Entry {
	invalid := []unix.Errno{unix.EINVAL}
	see := []string{"Documentation/filesystems/overlayfs.rst", "fs/overlayfs/params.c:ovl_mount_dir_check", "fs/overlayfs/super.c"}
	const elsewhere = "set XDG_STATE_HOME to a directory on another file system, such as ext4, xfs, btrfs or tmpfs"
	return []Entry{
		{
			ID: "fsconfig-long", Looks: "the length of the option",
			On:     []On{{[]plan.Step{plan.FsconfigString{}}, invalid}},
			Cause:  "the value of {key} has {length} bytes, and the kernel takes 255 of a file system's option",
			Remedy: "use a shorter path",
			See:    []string{"fsconfig(2)", "fs/fsopen.c: strndup_user of 256 bytes"},
			probe: func(l *look) values {
				s := l.Step.(plan.FsconfigString)
				if len(s.Value) <= 255 {
					return l.saw("%d bytes", len(s.Value))
				}
				return values{"key": s.Key, "length": strconv.Itoa(len(s.Value))}
			},
		},
		{
			ID: "overlay-upper", Looks: "the file system for an overlay's changes",
			On:     []On{{configures, invalid}},
			Cause:  "the changes of the overlay were to go to {dir}, which is on {type}: overlayfs keeps none there",
			Remedy: elsewhere,
			See:    see,
			probe: func(l *look) values {
				dir := l.overlay("upperdir")
				if !filepath.IsAbs(dir) || l.sys.Space == nil {
					return l.saw("the jail's own")
				}
				s, err := l.sys.Space(filepath.Dir(dir))
				if err != nil {
					return l.saw("%v", err)
				}
				name := lacking(s.Type)
				if name == "" {
					return l.saw("type 0x%x", s.Type)
				}
				return values{"dir": filepath.Dir(dir), "type": name}
			},
		},
		{
			ID: "overlay-mounts", Looks: "mounts in the directory that the overlay is of",
			On:     []On{{configures, invalid}},
			Cause:  "{lower} has mounts in it ({below}), and in a user namespace there is no overlay of such a directory",
			Remedy: "make the overlay of a directory without, or take off what is mounted there",
			See:    append([]string{"fs/namespace.c:clone_private_mount"}, see...),
			probe: func(l *look) values {
				lower := l.overlay("lowerdir")
				var in []string
				list := l.sys.mounts()
				of, ok := mountOf(list, lower)
				for _, m := range list {
					if ok && m.parent == of.id && m.at != lower && below(m.at, lower) {
						in = append(in, m.at)
					}
				}
				if len(in) == 0 {
					return l.saw("none")
				}
				return values{"lower": lower, "below": strings.Join(in[:min(len(in), 4)], ", ")}
			},
		},
		{
			ID: "overlay-path", Looks: "the overlay's directories, again",
			On:    []On{{configures, []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EACCES, unix.ELOOP}}},
			Cause: "{at}, of the overlay's {key}, answers {errno}",
			See:   append([]string{"path_resolution(7)"}, see...),
			probe: func(l *look) values {
				for _, key := range []string{"lowerdir", "upperdir", "workdir"} {
					if dir := l.overlay(key); filepath.IsAbs(dir) {
						if at, errno := l.sys.walk(dir, l); errno == l.Errno {
							return values{"at": at, "key": key, "errno": errnoName(errno)}
						}
					}
				}
				return l.saw("they are as they should be now")
			},
		},
		{
			ID: "filesystem-says", Looks: "what the file system itself says",
			On: []On{{
				[]plan.Step{plan.FsconfigString{}, plan.FsconfigFlag{}, plan.FsconfigCreate{}},
				[]unix.Errno{unix.EINVAL, unix.EPERM, unix.ENOENT, unix.ELOOP, unix.EBUSY, unix.EROFS, unix.EOPNOTSUPP, unix.ENOTDIR},
			}},
			Cause:  "the kernel says of it: {words}",
			Remedy: "",
			See:    []string{"fsopen(2): the message retrieval interface"},
			probe:  fileSystemSays,
		},
	}
}

// overlay is an option of the overlay that the step configures.
func (l *look) overlay(key string) string {
	fd := configured(l.Step)
	if l.plan == nil || l.fileSystem(fd) != "overlay" {
		return ""
	}
	for _, e := range l.plan.Entries {
		if s, ok := e.Step.(plan.FsconfigString); ok && s.FD == fd && s.Key == key {
			return strings.NewReplacer(`\:`, ":", `\\`, `\`).Replace(s.Value)
		}
	}
	return ""
}

// configured is the descriptor of the file system that a step sets up.
func configured(s plan.Step) plan.FD {
	switch s := s.(type) {
	case plan.FsconfigString:
		return s.FD
	case plan.FsconfigFlag:
		return s.FD
	case plan.FsconfigCreate:
		return s.FD
	}
	return 0
}

// fileSystemSays sets the file system up again, in a process of its own, up to
// the step, and reads what the kernel has to say of its failure. What was said
// to init has gone with init.
func fileSystemSays(l *look) values {
	fd := configured(l.Step)
	if l.plan == nil || l.sys.Try == nil {
		return l.saw("nobody asked")
	}
	t := Trial{Flags: spaces, Results: l.plan.Results}
	for i, e := range l.plan.Entries {
		s, opens := e.Step.(plan.Fsopen)
		if i > l.Index || !(opens && e.Out == fd) && configured(e.Step) != fd {
			continue
		}
		if opens && s.Type == "proc" {
			return l.saw("proc says nothing")
		}
		if v, ok := e.Step.(plan.FsconfigString); ok && strings.HasSuffix(v.Key, "dir") && !filepath.IsAbs(v.Value) {
			return l.saw("it is about a directory of the jail's")
		}
		if i == l.Index {
			e.Skip = [2]plan.Errno{plan.Errno(l.Errno)}
		}
		t.Entries = append(t.Entries, e)
	}
	n := len(t.Entries)
	t.Entries = append(t.Entries, plan.Entry{Stage: plan.Init, Step: plan.Read{FD: fd, N: 1024}, Want: plan.Any})
	got := l.sys.Try(t)
	if len(got.Results) < n || n == 0 || got.Results[n-1] != -int64(l.Errno) {
		return l.saw("nothing: it does not fail so again")
	}
	// One message: "e", "w" or "i", a blank, and the text.
	words := strings.TrimSpace(string(got.Read))
	if len(words) < 3 || words[1] != ' ' {
		return l.saw("nothing")
	}
	return values{"words": words[2:]}
}
