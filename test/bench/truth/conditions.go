package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
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
	bare bool                   // no user and mount namespace of its own: what make does needs none
}

// conditions are made without root. More come in here: what a start fails of is in
// docs/failures.md.
var conditions = []condition{
	// The program.
	{"a program that is not there", nil, []string{"DIR/program"}, "", `not found|ENOENT`, true},
	{"a directory in its place", nil, []string{"DIR"}, "", `a directory`, true},
	{"a program that is not executable", file("DIR/program", "#!/bin/sh\n", 0o644), []string{"DIR/program"}, "", `not executable`, true},
	{"a script whose interpreter is not there", file("DIR/program", "#!/nowhere/sh\n", 0o755), []string{"DIR/program"}, "exec-interpreter", `/nowhere/sh`, true},
	{"a script with the line ends of DOS", file("DIR/program", "#!/bin/sh\r\n", 0o755), []string{"DIR/program"}, "exec-line-ends", `/bin/sh`, true},
	{"a script without #!", file("DIR/program", "exit\n", 0o755), []string{"DIR/program"}, "exec-format", `DIR/program`, true},
	{"a program for another machine", file("DIR/program", elf, 0o755), []string{"DIR/program"}, "exec-machine", `RISC-V|243|another`, true},
	{"a program that is being written", both(file("DIR/program", "#!/bin/sh\n", 0o755), writing("DIR/program")), []string{"DIR/program"}, "exec-busy", `DIR/program`, true},
	{"a program on a noexec mount", both(mountTmpfs("/mnt", unix.MS_NOEXEC), file("/mnt/program", "#!/bin/sh\n", 0o755)), []string{"--id", "self", "/mnt/program"}, "exec-noexec", `/mnt`, false},
	{"a working directory that is not there", nil, []string{"-w", "/nowhere", "true"}, "workdir-missing", `/nowhere`, true},

	// Limits that procjail inherits.
	{"few descriptors", limit(unix.RLIMIT_NOFILE, 5), []string{"true"}, "nofile", `RLIMIT_NOFILE`, true},
	{"16 layers of Landlock", layers(16, 1, unix.LANDLOCK_ACCESS_NET_BIND_TCP), []string{"true"}, "landlock-layers", `Landlock`, true},

	// Namespaces.
	{"max_user_namespaces 0", write("/proc/sys/user/max_user_namespaces", "0"), []string{"--id", "self", "true"}, "namespaces-off", `max_user_namespaces`, false},
	{"max_mnt_namespaces 0", write("/proc/sys/user/max_mnt_namespaces", "0"), []string{"--id", "self", "true"}, "namespaces-off", `max_mnt_namespaces`, false},
	{"max_net_namespaces 0", write("/proc/sys/user/max_net_namespaces", "0"), []string{"--id", "self", "true"}, "namespaces-off", `max_net_namespaces`, false},
	{"a chroot", changeRoot("/root"), []string{"--id", "self", "true"}, "userns-chroot", `chroot`, false},
	{"a chroot into the root of a mount", changeRoot(""), []string{"--id", "self", "true"}, "userns-chroot", `chroot`, false},
	{"a /proc with something on it", mountTmpfs("/proc/acpi", 0), []string{"--id", "self", "true"}, plan.ProcMasked, `/proc/acpi`, false},

	// Subordinate ids.
	{"no newuidmap", show("/usr/bin/newuidmap", "", 0), []string{"--id", "subid", "true"}, "", `newuidmap`, false},
	{"no_new_privs, and newuidmap needs privilege", noNewPrivs, []string{"--id", "subid", "true"}, "", `no_new_privs`, true},

	// Sandboxes around it.
	{"Landlock's rules for files", layers(1, 0, unix.LANDLOCK_ACCESS_FS_MAKE_CHAR), []string{"--id", "self", "true"}, "mount-security-module", `Landlock`, true},

	// Filters of seccomp(2) around it.
	{"a filter that refuses clone3", filter(unix.SYS_CLONE3, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)), []string{"--id", "self", "true"}, "seccomp-outer", `seccomp`, true},
	{"a filter that lacks mount_setattr", filter(unix.SYS_MOUNT_SETATTR, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)), []string{"--id", "self", "true"}, "seccomp-outer", `seccomp`, true},
	{"a filter that refuses pivot_root", filter(unix.SYS_PIVOT_ROOT, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)), []string{"--id", "self", "true"}, "seccomp-outer", `seccomp`, true},
	{"a filter that kills for unshare", filter(unix.SYS_UNSHARE, unix.SECCOMP_RET_KILL_PROCESS), []string{"--id", "self", "true"}, "seccomp-outer-kills", `seccomp`, true},

	// Files of the caller's.
	{"a report's directory that is not there", nil, []string{"--report", "DIR/nowhere/report", "true"}, "", `DIR/nowhere`, true},
	{"a report's directory that is read-only", readOnly("DIR"), []string{"--report", "DIR/report", "true"}, "", `EROFS`, false},
	{"a state directory that is read-only", readOnly("DIR"), []string{"--id", "self", "--overlay", "/tmp", "true"}, "fs-readonly", `read-only`, false},
	{"a state directory with no inode left", fewInodes, []string{"--id", "self", "--overlay", "/tmp", "true"}, "fs-full", `inode`, false},
}

// conditionVariable names the condition that this process is to make before it
// becomes procjail.
const conditionVariable = "PROCJAIL_TRUTH_CONDITION"

// setups runs procjail under each condition.
func (b *bench) setups() (outcomes []Outcome, err error) {
	for _, c := range conditions {
		o := Outcome{Group: "start", Name: c.name, Cause: c.id}
		if c.id == "" {
			o.Cause = "refused: " + c.says
		}
		if !b.wanted.MatchString(o.Name) {
			continue
		}
		for _, m := range modes {
			s, code, err := b.start(c, m.options)
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
	if !c.bare {
		ids := func(id int) []syscall.SysProcIDMap {
			return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
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
		return s, 0, errors.New(strings.TrimSpace(string(out)))
	}
	s, err = collect(strings.ReplaceAll(string(out), dir, "DIR"), reports)
	return s, code, err
}

// judge compares what was said with what has to be. A refusal has no line
// "cause:", since it looked at the host and has done nothing.
func (c condition) judge(s said) string {
	kind := "cause: "
	if c.id == "" {
		kind = "error: "
	}
	for _, line := range s.lines {
		text, ok := strings.CutPrefix(line, kind)
		switch {
		case !ok:
			continue
		case strings.HasPrefix(text, "unknown"):
			return unknown
		case !regexp.MustCompile(c.says).MatchString(text):
			return wrong
		}
		for _, r := range s.reports {
			if r.Error == nil || c.id != "" && r.Error.CauseID != c.id {
				return wrong
			}
		}
		return right
	}
	return wrong
}

// becomeProcjail makes a condition and calls execve(2). It returns only an error.
func becomeProcjail(name string) error {
	dir := os.Getenv("DIR")
	for _, c := range conditions {
		if c.name != name {
			continue
		}
		if !c.bare {
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return os.NewSyscallError("mount", err)
			}
		}
		bin, err := unix.Open(os.Getenv("PROCJAIL"), unix.O_PATH, 0) // it may not be there afterwards
		if err != nil {
			return err
		}
		if c.make != nil {
			if err := c.make(dir); err != nil {
				return err
			}
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
			return os.NewSyscallError("prctl", err)
		}
		env := []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "XDG_STATE_HOME=" + dir}
		return execveFD(bin, append([]string{"procjail"}, os.Args[1:]...), env)
	}
	return errors.New("there is no condition " + name)
}
