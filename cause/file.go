package cause

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// makes are the steps that make a file or write one.
var makes = []plan.Step{plan.Mkdirat{}, plan.Mknodat{}, plan.Symlinkat{}, plan.Openat{}, plan.Write{}, plan.Sendfile{}}

// fileEntries are about files and directories that are made and written: on the
// host for the changes of overlays, and in the memory of the jail.
func fileEntries() []Entry {
	hostDirs := []plan.Step{plan.Mkdirat{}, plan.Openat{}}
	const elsewhere = "set XDG_STATE_HOME to a directory in which there is room and you may write"
	// An overlay's directory on the host, whose file system a probe looks at.
	onHost := func(probe func(*look, string) values) func(*look) values {
		return func(l *look) values {
			p := l.hostPath()
			if !filepath.IsAbs(p) || l.sys.Space == nil || l.sys.Access == nil || below(p, "/proc") || l.cgroupOf() != "" {
				return l.saw("not on a file system of the host's")
			}
			return probe(l, filepath.Dir(p))
		}
	}
	return []Entry{
		{
			ID: "fs-full", Looks: "room on its file system",
			On:     []On{{hostDirs, []unix.Errno{unix.ENOSPC}}},
			Cause:  "the file system of {dir} {what}",
			Remedy: elsewhere,
			See:    []string{"mkdir(2): ENOSPC", "statfs(2)"},
			probe: onHost(func(l *look, dir string) values {
				s, err := l.sys.Space(dir)
				switch {
				case err != nil:
					return l.saw("%v", err)
				case s.Files > 0 && s.Left == 0:
					return values{"dir": dir, "what": "has no inode left of " + strconv.FormatUint(s.Files, 10)}
				case s.Blocks > 0 && s.Free == 0:
					return values{"dir": dir, "what": "is full: nothing is free of " + size(s.Blocks)}
				}
				return l.saw("%s and %d inodes are free", size(s.Free), s.Left)
			}),
		},
		{
			ID: "fs-quota", Looks: "the caller's quota there",
			On:     []On{{hostDirs, []unix.Errno{unix.EDQUOT}}},
			Cause:  "the quota of uid {uid} on the file system of {dir} is used up: {what}",
			Remedy: elsewhere,
			See:    []string{"mkdir(2): EDQUOT", "quotactl(2)", "quota(1)"},
			probe: onHost(func(l *look, dir string) values {
				if l.sys.Quota == nil || l.host == nil {
					return l.saw("nobody asked")
				}
				uid := l.host.Caller.UID
				q, err := l.sys.Quota(dir, uid)
				v := values{"uid": strconv.FormatUint(uint64(uid), 10), "dir": dir}
				switch {
				case err != nil:
					return l.saw("%v", err)
				case q.FilesLimit > 0 && q.Files >= q.FilesLimit:
					v["what"] = fmt.Sprintf("%d of %d inodes", q.Files, q.FilesLimit)
				case q.SpaceLimit > 0 && q.Space+4096 > q.SpaceLimit:
					v["what"] = size(q.Space) + " of " + size(q.SpaceLimit)
				default:
					return l.saw("%s of %s, %d of %d inodes", size(q.Space), size(q.SpaceLimit), q.Files, q.FilesLimit)
				}
				return v
			}),
		},
		{
			ID: "fs-readonly", Looks: "how its file system is mounted",
			On:     []On{{hostDirs, []unix.Errno{unix.EROFS}}},
			Cause:  "the file system of {dir} is mounted read-only",
			Remedy: elsewhere,
			See:    []string{"mkdir(2): EROFS", "statfs(2)"},
			probe: onHost(func(l *look, dir string) values {
				s, err := l.sys.Space(dir)
				if err != nil {
					return l.saw("%v", err)
				}
				if s.Flags&unix.ST_RDONLY == 0 {
					return l.saw("%s can be written", dir)
				}
				return values{"dir": dir}
			}),
		},
		{
			ID: "directory-unwritable", Looks: "whether the caller may write in the directory",
			On:     []On{{hostDirs, []unix.Errno{unix.EACCES}}},
			Cause:  "you may not write in {dir} (owner {owner}, mode {mode})",
			Remedy: elsewhere,
			See:    []string{"mkdir(2): EACCES", "access(2)"},
			probe: onHost(func(l *look, dir string) values {
				st, err := l.sys.stat(dir)
				if err != nil || sys.Errno(l.sys.Access(dir, unix.W_OK)) != unix.EACCES {
					return l.saw("%s can be written", dir)
				}
				return values{"dir": dir, "owner": strconv.FormatUint(uint64(st.UID), 10), "mode": fmt.Sprintf("%04o", st.Mode&0o7777)}
			}),
		},
		{
			ID: "directory-file", Looks: "the path, again",
			On:     []On{{[]plan.Step{plan.Mkdirat{}}, []unix.Errno{unix.ENOTDIR}}},
			Cause:  "{at} on the host is no directory",
			Remedy: elsewhere,
			See:    []string{"path_resolution(7)"},
			probe:  pathAgain(unix.ENOTDIR),
		},
		{
			ID: "directory-kernel", Looks: "what its file system is",
			On:     []On{{[]plan.Step{plan.Mkdirat{}}, []unix.Errno{unix.ENOENT, unix.EPERM}}},
			Cause:  "{dir} is on {type}, in which nobody makes a directory",
			Remedy: elsewhere,
			See:    []string{"mkdir(2)", "proc(5)", "sysfs(5)", "fs/namei.c:vfs_mkdir"},
			probe: func(l *look) values {
				p := l.hostPath()
				if !filepath.IsAbs(p) || l.sys.Space == nil {
					return l.saw("not on a file system of the host's")
				}
				dir := filepath.Dir(p)
				s, err := l.sys.Space(dir)
				name := map[int64]string{unix.PROC_SUPER_MAGIC: "proc", unix.SYSFS_MAGIC: "sysfs"}[s.Type]
				if err != nil || name == "" {
					return l.saw("type 0x%x, %v", s.Type, err)
				}
				return values{"dir": dir, "type": name}
			},
		},
		{
			ID: "program-changed", Looks: "the size of the program that is copied",
			On:     []On{{[]plan.Step{plan.Sendfile{}}, []unix.Errno{0, unix.ENOSPC}}},
			Cause:  "{path} had {was} bytes when it was looked up, and has {is} now",
			Remedy: "wait until nobody writes it any more",
			See:    []string{"sendfile(2)"},
			probe: func(l *look) values {
				if l.host == nil {
					return l.saw("nobody asked")
				}
				st, err := l.sys.stat(l.host.Program.Path)
				if err != nil || st.Size == l.host.Program.Size {
					return l.saw("%d bytes, as before", l.host.Program.Size)
				}
				return values{"path": l.host.Program.Path, "was": strconv.FormatInt(l.host.Program.Size, 10), "is": strconv.FormatInt(st.Size, 10)}
			},
		},
		{
			ID: "root-inodes", Looks: "how many files the jail's root has",
			On:     []On{{makes, []unix.Errno{unix.ENOSPC}}},
			Cause:  "the jail's own root has room for {limit} files and directories, and the profile makes {count}",
			Remedy: "fewer files, directories, links and destinations of their own in the profile",
			See:    []string{"tmpfs(5): nr_inodes"},
			probe:  rootInodes,
		},
		{
			ID: "file-size", Looks: "RLIMIT_FSIZE",
			On:     []On{{makes, []unix.Errno{unix.EFBIG}}},
			Cause:  "a file may have {limit} bytes (RLIMIT_FSIZE), and this one is to have {size}",
			Remedy: "ulimit -f unlimited",
			See:    []string{"getrlimit(2): RLIMIT_FSIZE", "write(2): EFBIG"},
			probe: func(l *look) values {
				wanted := uint64(0)
				switch s := l.Step.(type) {
				case plan.Write:
					wanted = uint64(len(s.Data))
				case plan.Sendfile:
					wanted = uint64(s.Count)
				}
				if l.sys.Limit == nil {
					return l.saw("nobody asked")
				}
				limit, err := l.sys.Limit(unix.RLIMIT_FSIZE)
				switch {
				case err != nil:
					return l.saw("%v", err)
				case limit == unix.RLIM_INFINITY:
					return l.saw("unlimited")
				case wanted <= limit:
					return l.saw("%d, for %d", limit, wanted)
				}
				return values{"limit": strconv.FormatUint(limit, 10), "size": strconv.FormatUint(wanted, 10)}
			},
		},
	}
}

// rootInodes counts what the plan makes in the jail's root up to the step, with
// the root itself.
func rootInodes(l *look) values {
	if l.plan == nil {
		return l.saw("nobody asked")
	}
	limit, count := 0, 1
	for i, e := range l.plan.Entries {
		if e.Stage != plan.Init || i > l.Index {
			continue
		}
		switch s := e.Step.(type) {
		case plan.FsconfigString:
			if n, err := strconv.Atoi(s.Value); err == nil && s.Key == "nr_inodes" && limit == 0 { // the first is the root's
				limit = n
			}
		case plan.Mkdirat, plan.Mknodat, plan.Symlinkat:
			count++
		case plan.Openat:
			if s.Flags&unix.O_CREAT != 0 {
				count++
			}
		}
	}
	switch {
	case limit == 0:
		return l.saw("it is not there yet")
	case count <= limit:
		return l.saw("%d of %d", count, limit)
	}
	return values{"limit": strconv.Itoa(limit), "count": strconv.Itoa(count) + " up to here"}
}

// size is a number of bytes with a unit of 1024.
func size(n uint64) string {
	units := "BKMGTPE"
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") + units[i:i+1]
}
