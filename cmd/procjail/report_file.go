package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/report"
)

// failReport prints why there is no report, and returns the exit status for it.
func failReport(name string, err error) int {
	what := "--report " + strconv.Quote(name)
	var e *report.Error
	var errno unix.Errno
	if !errors.As(err, &e) || !errors.As(err, &errno) {
		return fail(&plan.Refusal{What: what, Cause: err.Error(), Remedy: "name a file", Exit: 125})
	}
	say("error", what+": "+e.Call+": "+plan.Errno(errno).String())
	f := explainReport(name, errno)
	if f.cause == "" {
		dir := filepath.Dir(name)
		f.cause = "unknown; looked at: " + dir + ", in which you may write"
		if errors.As(sys.Writable(dir), &errno) {
			f.cause = "unknown; looked at: " + dir + ", for which access(2) for writing is " + plan.Errno(errno).String()
		}
	}
	say("cause", f.cause)
	if f.remedy != "" {
		say("remedy", f.remedy)
	}
	return 125
}

// explainReport looks at where the report was to go.
func explainReport(name string, errno unix.Errno) finding {
	dir := filepath.Dir(name)
	const another = "name a file in a directory that is there and that you may write in"
	at, err := sys.StatPath(dir)
	if err == nil && !at.IsDir() {
		return finding{cause: dir + " is no directory", remedy: another}
	}
	switch errno {
	case unix.EISDIR:
		if st, err := sys.StatPath(name); err == nil && st.IsDir() {
			return finding{cause: name + " is a directory", remedy: "name a file in it: --report " + filepath.Join(name, "report.json")}
		}
		if strings.HasSuffix(name, "/") {
			return finding{cause: "a name that ends in / is a directory's", remedy: "name a file: --report " + strings.TrimRight(name, "/")}
		}
	case unix.ENOENT:
		if errors.Is(err, unix.ENOENT) {
			return finding{cause: "there is no directory " + dir, remedy: "mkdir -p " + dir + ", or " + another}
		}
	case unix.EACCES:
		if errors.Is(err, unix.EACCES) || err == nil && errors.Is(sys.Writable(dir), unix.EACCES) {
			return finding{cause: "you may not write in " + dir, remedy: another}
		}
	case unix.EPERM:
		// unlink(2): in a sticky directory only for the owner of one of the two.
		if st, err := sys.StatPath(name); err == nil && at.Mode&unix.S_ISVTX != 0 {
			return finding{cause: fmt.Sprintf("%s belongs to uid %d, and its directory is sticky", name, st.UID), remedy: "name another file"}
		}
	case unix.EROFS:
		return finding{cause: "the file system of " + dir + " is mounted read-only", remedy: another}
	case unix.ENOSPC, unix.EDQUOT:
		return finding{cause: "the file system of " + dir + " is full, or has no inode left", remedy: another}
	case unix.ENAMETOOLONG:
		return finding{cause: "a part of the name, which gets 12 characters more until the report is whole, is longer than the file system takes", remedy: "name a shorter one"}
	case unix.EFBIG:
		return finding{cause: "the limit on the size of a file (RLIMIT_FSIZE) is reached", remedy: "ulimit -f unlimited"}
	case unix.EMFILE:
		return finding{cause: "the limit on open descriptors (RLIMIT_NOFILE) is reached", remedy: "ulimit -n 1024, or more"}
	}
	return finding{}
}
