package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cause"
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
	if f.Cause == "" {
		dir := filepath.Dir(name)
		f.Cause = "unknown; looked at: " + dir + ", in which you may write"
		if errors.As(sys.Writable(dir), &errno) {
			f.Cause = "unknown; looked at: " + dir + ", for which access(2) for writing is " + plan.Errno(errno).String()
		}
	}
	say("cause", f.Cause)
	if f.Remedy != "" {
		say("remedy", f.Remedy)
	}
	return 125
}

// explainReport looks at where the report was to go.
func explainReport(name string, errno unix.Errno) cause.Finding {
	dir := filepath.Dir(name)
	const another = "name a file in a directory that is there and that you may write in"
	at, err := sys.StatPath(dir)
	if err == nil && !at.IsDir() {
		return cause.Finding{Cause: dir + " is no directory", Remedy: another}
	}
	switch errno {
	case unix.EISDIR:
		if st, err := sys.StatPath(name); err == nil && st.IsDir() {
			return cause.Finding{Cause: name + " is a directory", Remedy: "name a file in it: --report " + filepath.Join(name, "report.json")}
		}
		if strings.HasSuffix(name, "/") {
			return cause.Finding{Cause: "a name that ends in / is a directory's", Remedy: "name a file: --report " + strings.TrimRight(name, "/")}
		}
	case unix.ENOENT:
		if errors.Is(err, unix.ENOENT) {
			return cause.Finding{Cause: "there is no directory " + dir, Remedy: "mkdir -p " + dir + ", or " + another}
		}
	case unix.EACCES:
		if errors.Is(err, unix.EACCES) || err == nil && errors.Is(sys.Writable(dir), unix.EACCES) {
			return cause.Finding{Cause: "you may not write in " + dir, Remedy: another}
		}
	case unix.EPERM:
		// unlink(2): in a sticky directory only for the owner of one of the two.
		if st, err := sys.StatPath(name); err == nil && at.Mode&unix.S_ISVTX != 0 {
			return cause.Finding{Cause: fmt.Sprintf("%s belongs to uid %d, and its directory is sticky", name, st.UID), Remedy: "name another file"}
		}
	case unix.EROFS:
		return cause.Finding{Cause: "the file system of " + dir + " is mounted read-only", Remedy: another}
	case unix.ENOSPC, unix.EDQUOT:
		return cause.Finding{Cause: "the file system of " + dir + " is full, or has no inode left", Remedy: another}
	case unix.ENAMETOOLONG:
		return cause.Finding{Cause: "a part of the name, which gets 12 characters more until the report is whole, is longer than the file system takes", Remedy: "name a shorter one"}
	case unix.EFBIG:
		return cause.Finding{Cause: "the limit on the size of a file (RLIMIT_FSIZE) is reached", Remedy: "ulimit -f unlimited"}
	case unix.EMFILE:
		return cause.Finding{Cause: "the limit on open descriptors (RLIMIT_NOFILE) is reached", Remedy: "ulimit -n 1024, or more"}
	}
	return cause.Finding{}
}
