package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/test/badhost"
)

// condition is a host on which a start cannot succeed, and what has to be named:
// the cause of package cause's table, or, where procjail refuses before it does
// anything, words of what it then says.
type condition struct {
	name string
	make func(dir string) error // in a process that becomes procjail
	args []string               // after the options; DIR is a directory of its own
	id   string                 // report's error.cause_id
	says string                 // a regular expression for the line "cause:", or for "error:" without an id
	in   place
}

// place is where a condition is made.
type place int

const (
	bare   place = iota // where the benchmark itself is
	mapped              // in a user and a mount namespace of its own, with the caller's id
	root                // the same, as its root
)

// conditions are made without root.
var conditions = slices.Concat(commands, limits, namespaces, subordinate, views, files, filters, pairs)

// conditionVariable names the condition that this process is to make before it
// becomes procjail.
const conditionVariable = "PROCJAIL_TRUTH_CONDITION"

// errNotMade is of a condition that could not be made on this host.
var errNotMade = errors.New("the condition")

// setups runs procjail under each condition.
func (b *bench) setups() (outcomes []Outcome, err error) {
	for _, c := range conditions {
		o := Outcome{Group: "start", Name: c.name, Cause: c.id}
		if c.id == "" {
			o.Cause = "refused: " + c.says
		}
		if !b.wanted.MatchString(o.Group + "/" + o.Name) {
			continue
		}
		for _, m := range modes {
			s, code, err := b.start(c, m.options)
			if errors.Is(err, errNotMade) {
				o.Verdicts = append(o.Verdicts, Verdict{Result: "not made", Said: []string{err.Error()}})
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			v := Verdict{Result: c.judge(s), Said: s.lines}
			if code < 125 || code > 127 {
				v.Result = fmt.Sprintf("ended with %d", code)
			}
			o.Verdicts = append(o.Verdicts, v)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// start makes one condition and starts procjail there.
func (b *bench) start(c condition, options []string) (s said, code int, err error) {
	dir, err := os.MkdirTemp(b.temporary, "")
	if err != nil {
		return s, 0, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return s, 0, err
	}
	reports := filepath.Join(b.temporary, "start")
	if err := os.MkdirAll(reports, 0o755); err != nil {
		return s, 0, err
	}
	argv := append([]string{"--cgroup", "off", "--report", filepath.Join(reports, "report")}, options...)
	for _, a := range c.args {
		argv = append(argv, strings.ReplaceAll(a, "DIR", dir))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", argv...)
	cmd.Env = []string{
		conditionVariable + "=" + c.name, "PROCJAIL=" + filepath.Join(b.dir, "procjail"), "DIR=" + dir,
		"PATH=/usr/bin:/bin", "HOME=" + dir, "XDG_STATE_HOME=" + dir,
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if c.in != bare {
		ids := func(id int) []syscall.SysProcIDMap {
			inside := id
			if c.in == root {
				inside = 0
			}
			return []syscall.SysProcIDMap{{ContainerID: inside, HostID: id, Size: 1}}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: ids(os.Getuid()), GidMappings: ids(os.Getgid()),
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_SYS_RESOURCE},
		}
	}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return s, 0, err
	}
	if code = cmd.ProcessState.ExitCode(); code == notMade {
		return s, 0, fmt.Errorf("%w: %s", errNotMade, strings.TrimSpace(string(out)))
	}
	s, err = collect(strings.ReplaceAll(string(out), dir, "DIR"), reports)
	return s, code, err
}

// judge compares what was said with what has to be. A refusal has no line
// "cause:", since it looked at the host and has done nothing; an option of its own,
// as --trace-denials is, may be refused before the step that would fail.
func (c condition) judge(s said) string {
	says := regexp.MustCompile(c.says)
	for _, line := range s.lines {
		if text, ok := strings.CutPrefix(line, "error: "); ok && (c.id == "" || strings.HasPrefix(text, "--trace-denials: ")) {
			return c.reported(s, says.MatchString(text), "")
		}
		text, ok := strings.CutPrefix(line, "cause: ")
		switch {
		case !ok || c.id == "":
		case strings.HasPrefix(text, "unknown"):
			return unknown
		default:
			return c.reported(s, says.MatchString(text), c.id)
		}
	}
	return wrong
}

// reported reports whether the report says the same as the line, if that is right.
func (c condition) reported(s said, ok bool, id string) string {
	for _, r := range s.reports {
		ok = ok && r.Error != nil && (id == "" || r.Error.CauseID == id)
	}
	if !ok {
		return wrong
	}
	return right
}

// becomeProcjail makes a condition and calls execve(2). It returns only an error.
func becomeProcjail(name string) error {
	dir := os.Getenv("DIR")
	for _, c := range conditions {
		if c.name != name {
			continue
		}
		if c.in != bare {
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return os.NewSyscallError("mount", err)
			}
		}
		before := os.Getenv("PROCJAIL")
		bin, err := unix.Open(before, unix.O_PATH, 0) // it may not be there afterwards
		if err != nil {
			return err
		}
		if c.make != nil {
			if err := c.make(dir); err != nil {
				return err
			}
		}
		if os.Getenv(scriptVariable) == "" && c.in != bare {
			if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
				return os.NewSyscallError("prctl", err)
			}
		}
		env := []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "XDG_STATE_HOME=" + dir}
		switch name, script := os.Getenv("PROCJAIL"), os.Getenv(scriptVariable); {
		case script != "": // unshare(2) of a user namespace is for a process of one thread
			return os.NewSyscallError("execve", syscall.Exec("/bin/sh", append([]string{"sh", "-c", script, script, name}, os.Args[1:]...), env))
		case name != before:
			return os.NewSyscallError("execve", syscall.Exec(name, append([]string{"procjail"}, os.Args[1:]...), env))
		}
		return badhost.ExecveFD(bin, append([]string{"procjail"}, os.Args[1:]...), env)
	}
	return errors.New("there is no condition " + name)
}
