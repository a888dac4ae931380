package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/Emmanuel326/procjail/report"
)

// want is what has to be named: by the line that procjail prints first, and by its
// report.
type want struct {
	line    string                    // a regular expression
	report  func(*report.Report) bool // of one of the reports; nil: the line is enough
	program bool                      // the program's own fault, or none: nothing else may be named, and nothing need be
}

// claims are the lines of procjail's that name a cause.
var claims = regexp.MustCompile(`^(cause|oom|pids|cpus|memory|full|refused|failed|pid1): |^signal: .*RLIMIT_|^(timeout|interrupted): .*PID 1`)

// noClaims are not: an honest "unknown", and lines that only count.
var noClaims = regexp.MustCompile(`^cause: unknown|^(refused|failed): \d+ kinds `)

// judge compares what was said with what has to be.
func (w want) judge(s said) string {
	named := regexp.MustCompile(w.line)
	var first string
	for _, line := range s.lines {
		if !claims.MatchString(line) || noClaims.MatchString(line) {
			continue
		}
		if first == "" {
			first = line
		}
		if w.program && !named.MatchString(line) {
			return wrong
		}
	}
	switch {
	case first == "" && w.program:
		return right
	case first == "":
		return unknown
	case !named.MatchString(first):
		return wrong
	}
	for i := range s.reports {
		if w.report == nil || w.report(&s.reports[i]) {
			return right
		}
	}
	return wrong // the report says something else than the line
}

func calls(r *report.Report) []report.FailedCall {
	if r.Failures == nil {
		return nil
	}
	return r.Failures.Calls
}

// failed is for a call that the policy allows: any with that wall whose cause has the
// text.
func failed(wall, text string) func(*report.Report) bool {
	return func(r *report.Report) bool {
		for _, f := range calls(r) {
			if f.Wall == wall && strings.Contains(f.Cause, text) {
				return true
			}
		}
		return false
	}
}

// refused is for one that it refuses.
func refused(call, arguments string) func(*report.Report) bool {
	return func(r *report.Report) bool {
		for _, d := range r.Denials.Calls {
			if d.Syscall == call && strings.HasPrefix(d.Call, call+"("+arguments) {
				return true
			}
		}
		return false
	}
}

// setup is for a start that failed.
func setup(text string) func(*report.Report) bool {
	return func(r *report.Report) bool { return r.Error != nil && strings.Contains(r.Error.Cause, text) }
}

func reason(word string) func(*report.Report) bool {
	return func(r *report.Report) bool { return r.Reason == word }
}

func either(of ...func(*report.Report) bool) func(*report.Report) bool {
	return func(r *report.Report) bool {
		for _, f := range of {
			if f(r) {
				return true
			}
		}
		return false
	}
}

// wants is what has to be named for a cause of the laboratory's: the right kind, and
// the right object.
func wants(cause string) (want, error) {
	kind, what, _ := strings.Cut(cause, ":")
	quoted := regexp.QuoteMeta(what)
	switch kind {
	case "none":
		return want{program: true, line: "^$"}, nil
	case "program":
		w, ok := programs[what]
		if !ok {
			return want{}, fmt.Errorf("nothing says what would name the cause %q", cause)
		}
		return want{program: true, line: w, report: either(failed("program", ""), func(r *report.Report) bool { return r.Error != nil })}, nil
	case "seccomp":
		if what == "another architecture" {
			return want{line: `^refused: i386 \w+\(`, report: func(r *report.Report) bool {
				return len(r.Denials.Calls) > 0 && strings.HasPrefix(r.Denials.Calls[0].Syscall, "i386 ") && r.Denials.Calls[0].Killed
			}}, nil
		}
		call, arguments, _ := strings.Cut(strings.TrimSuffix(what, ")"), "(")
		return want{line: "^refused: " + regexp.QuoteMeta(call) + `\(` + regexp.QuoteMeta(arguments), report: refused(call, arguments)}, nil
	case "view":
		path := strings.TrimSuffix(what, " is not shown")
		path = strings.ReplaceAll(path, "$WORK", "")
		shown := regexp.QuoteMeta(path) + `(, which)? exists on the host and is not shown inside`
		needs := "needs [^ ]*" + regexp.QuoteMeta(path) + " as its (interpreter|dynamic loader), which is not there inside"
		return want{line: "^failed: .*" + shown + "|^cause: .*" + needs, report: either(failed("view", path), setup(path))}, nil
	case "capability":
		return want{line: "^failed: .*" + quoted, report: failed("capability", what)}, nil
	case "privilege":
		return want{line: "^failed: .*" + quoted, report: failed("privilege", what)}, nil
	case "network":
		return want{line: "^failed: .*--net none has no network|^failed: .*nobody inside listens there", report: failed("network", "")}, nil
	case "terminal":
		return want{line: "^failed: .*no terminal", report: failed("terminal", "")}, nil
	case "environment":
		name := strings.Fields(what)[0]
		return want{line: `^failed: write\(2, .*: it .*\b` + name + `\b.* of your environment`, report: failed("variable", name)}, nil
	}
	if w, ok := others[cause]; ok {
		return w, nil
	}
	return want{}, fmt.Errorf("nothing says what would name the cause %q", cause)
}

// programs are the program's own faults, and what a line that names one has. Any
// other blames something else.
var programs = map[string]string{
	`a filter of its own refuses clone3`:                       `^$`,
	`the interpreter is "/bin/sh\r"`:                           `^cause: .* ends as on DOS, .* interpreter /bin/sh|^failed: execve.*ENOENT, .* needs "/bin/sh\\r" as its interpreter`,
	`the working directory was removed`:                        `^$`,
	`its loader /lib/ld-of-another-libc.so.1 is not installed`: `^(cause|failed: execve.*ENOENT).* needs /lib/ld-of-another-libc\.so\.1 as its dynamic loader`,
	`a script without #!`:                                      `^cause: .* #!|^failed: execve.*ENOEXEC, .* begins with neither #! nor a format`,
	`nobody reads what it writes`:                              `^$`,
	`it is open for writing`:                                   `^failed: execve.*ETXTBSY, .* is open for writing`,
	`it is for another machine`:                                `^cause: .*machine|^failed: execve.*ENOEXEC, .* ELF file for machine`,
}

// others are causes that have a line of their own.
var others = map[string]want{
	"limit:core":                              {line: `^failed: t?g?kill\(.*SIGABRT.* leaves no core: its RLIMIT_CORE is`, report: failed("program", "RLIMIT_CORE")},
	"limit:cpus":                              {line: `^cpus: `},
	"limit:pids":                              {line: `^pids: |^failed: (clone|fork|vfork)\(.*EAGAIN, the jail has as many processes`, report: either(reason("pids"), failed("limit", "as many processes"))},
	"limit:inotify-instances":                 {line: `^failed: inotify_init.*inotify instances`, report: failed("limit", "inotify instances")},
	"limit:memlock":                           {line: `^failed: mlock.*RLIMIT_MEMLOCK`, report: failed("limit", "RLIMIT_MEMLOCK")},
	"limit:nofile":                            {line: `^failed: .*EMFILE.*RLIMIT_NOFILE`, report: failed("limit", "RLIMIT_NOFILE")},
	"limit:memory":                            {line: `^oom: |^failed: mmap.*RLIMIT_DATA`, report: either(reason("oom"), failed("limit", "RLIMIT_DATA"))},
	"limit:user-namespaces":                   {line: `^failed: (clone|unshare)\(.*ENOSPC.*user namespaces`, report: failed("limit", "user namespaces")},
	"limit:tmpfs of /dev/shm":                 {line: `^full: /dev/shm |^failed: mmap.*on /dev/shm, a tmpfs of 64M`, report: either(full("/dev/shm"), failed("space", "/dev/shm"))},
	"limit:tmpfs of /tmp":                     {line: `^full: /tmp `, report: full("/tmp")},
	"limit:memory, taken by files of a tmpfs": {line: `^oom: .* of it in files in memory`, report: reason("oom")},

	"mount:/usr is read-only":                            {line: `^failed: .*on the mount /usr, which is read-only`, report: failed("read-only", "/usr")},
	"mount:/proc is read-only":                           {line: `^failed: .*on the mount /proc, which is read-only`, report: failed("read-only", "/proc")},
	"mount:/tmp is noexec":                               {line: `^failed: execve.*on the mount /tmp, which executes nothing`, report: failed("noexec", "/tmp")},
	"mount:/tmp is busy":                                 {line: `^failed: umount2.*EBUSY, /tmp is busy: .* has /tmp/log open`, report: failed("program", "/tmp is busy")},
	"mount:/ is shared":                                  {line: `^failed: mount\(.*has that mount too.*shared`, report: failed("program", "shared")},
	"mount:/tmp and /home/user are two":                  {line: `^failed: rename.*EXDEV, one is on the mount /tmp, the other on /home/user`, report: failed("mounts", "/home/user")},
	"mount:a directory of the lower layer of an overlay": {line: `^failed: rename.*EXDEV, .* directory of the lower layer of the overlay`, report: failed("mounts", "lower layer")},

	"ids:33 is not mapped":            {line: `^failed: f?chown.*EINVAL, the user 33 is not in the jail's user namespace`, report: failed("id-map", "33")},
	"ids:0 of the host is not mapped": {line: `^failed: write\(2, .* the owner of /usr, .*65534`, report: failed("id-map", "/usr")},

	"namespace:time": {line: `^failed: .*time namespace`, report: failed("namespace", "time")},
	"namespace:PID 1 has no handler for SIGTERM": {line: `^timeout: .*PID 1.*has no handler for SIGTERM`, report: func(r *report.Report) bool {
		return r.Reason == "timeout" && r.Killed && r.PID1 == "payload"
	}},
	// Of the jail's PID 1, and of one of the program's own.
	"namespace:PID 1 has ended": {
		line:   `^pid1: what the payload left of processes ended with it|^failed: clone\(.*ENOMEM, PID 1 of the PID namespace .* has ended`,
		report: either(func(r *report.Report) bool { return r.Others }, failed("program", "has ended")),
	},
	"namespace:the same number in each PID namespace": {line: `^failed: kill\(.*found itself`, report: failed("namespace", "each PID namespace")},
}

func full(path string) func(*report.Report) bool {
	return func(r *report.Report) bool {
		for _, f := range r.Full {
			if f == path {
				return true
			}
		}
		return false
	}
}
