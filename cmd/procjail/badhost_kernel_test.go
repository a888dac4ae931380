package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/test/badhost"
)

// hosts are made real: in a user and a mount namespace of the test's own,
// where an ordinary user may mount, or on a thread that gives something up.
var hosts = []struct {
	name string
	root bool // uid 0 in the namespace; otherwise the caller's own, with capabilities
	make func(dir string) error
	args []string
	how  func(*syscall.SysProcAttr)
}{
	{"no /proc", false, func(string) error { return badhost.Tmpfs("/proc", 0, "") }, []string{"--net", "host", "true"}, nil},
	{"a masked /proc", false, func(string) error { return badhost.Tmpfs("/proc/acpi", 0, "") }, []string{"true"}, nil},
	{"a masked /proc, dry run", false, func(string) error { return badhost.Tmpfs("/proc/acpi", 0, "") }, []string{"--dry-run", "true"}, nil},
	{"no /dev/null", false, func(string) error { return badhost.Tmpfs("/dev", 0, "") }, []string{"true"}, nil},
	{"no /usr", false, func(string) error { return badhost.Tmpfs("/usr", 0, "") }, []string{"true"}, nil},
	{"an empty root", false, func(dir string) error { return chroot(dir) }, []string{"true"}, nil},
	{"a chroot", false, func(dir string) error {
		return chroot(dir, "/usr", "/proc", "/dev", "/etc", "/bin", "/lib", "/lib64", "/sbin")
	}, []string{"true"}, nil},
	{"max_user_namespaces 0", true, func(string) error {
		return os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
	}, []string{"true"}, nil},
	{"max_mnt_namespaces 0", true, func(string) error {
		return os.WriteFile("/proc/sys/user/max_mnt_namespaces", []byte("0"), 0)
	}, []string{"true"}, nil},
	{"max_net_namespaces 0", true, func(string) error {
		return os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("0"), 0)
	}, []string{"true"}, nil},
	{"no newuidmap", false, func(dir string) error { return cover("/usr/bin/newuidmap", filepath.Join(dir, "missing")) }, []string{"--id", "subid", "true"}, nil},
	{"newuidmap without set-user-ID", false, func(dir string) error {
		if err := badhost.Tmpfs(dir, 0, ""); err != nil { // /tmp may have nosuid
			return err
		}
		return copyOver(dir, "/usr/bin/newuidmap")
	}, []string{"--id", "subid", "true"}, nil},
	{"no subordinate ids", true, subids(""), []string{"--id", "subid", "true"}, nil},
	{"subordinate ids of others", true, subids("alice:100000:65536\n"), []string{"--id", "subid", "true"}, nil},
	{"subordinate ids that are not here", true, subids("root:100000:65536\n"), []string{"--id", "subid", "true"}, nil},
	{"a range of none", true, subids("root:100000:0\n"), []string{"--id", "subid", "true"}, nil},
	{"a range of none, auto", true, subids("root:100000:0\n"), []string{"true"}, nil},
	{"a range that is no number", true, subids("root:x:65536\n"), []string{"--id", "subid", "true"}, nil},
	{"a range past the end", true, subids("root:4294967000:65536\n"), []string{"--id", "subid", "true"}, nil},
	{"an unreadable subuid", true, unreadable, []string{"--id", "subid", "true"}, nil},
	{"a full state directory", false, func(dir string) error {
		if err := badhost.Tmpfs(dir, 0, "nr_inodes=2"); err != nil {
			return err
		}
		return os.Mkdir(filepath.Join(dir, "full"), 0o700)
	}, []string{"--id", "self", "--overlay", "/tmp", "true"}, nil},
	{"a read-only state directory", false, badhost.ReadOnly, []string{"--id", "self", "--overlay", "/tmp", "true"}, nil},
	{"a read-only root", false, func(string) error { return badhost.ReadOnly("/") }, []string{"true"}, nil},
	{"clone3 refused, EPERM", false, refuse(unix.SYS_CLONE3, unix.EPERM), []string{"true"}, nil},
	{"clone3 refused, ENOSYS", false, refuse(unix.SYS_CLONE3, unix.ENOSYS), []string{"true"}, nil},
	{"unshare refused", false, refuse(unix.SYS_UNSHARE, unix.EPERM), []string{"true"}, nil},
	{"mount_setattr refused", false, refuse(unix.SYS_MOUNT_SETATTR, unix.ENOSYS), []string{"true"}, nil},
	{"fsopen refused", false, refuse(unix.SYS_FSOPEN, unix.EPERM), []string{"true"}, nil},
	{"open_tree refused", false, refuse(unix.SYS_OPEN_TREE, unix.ENOSYS), []string{"true"}, nil},
	{"move_mount refused", false, refuse(unix.SYS_MOVE_MOUNT, unix.EPERM), []string{"true"}, nil},
	{"pivot_root refused", false, refuse(unix.SYS_PIVOT_ROOT, unix.EPERM), []string{"true"}, nil},
	{"pidfd_open refused", false, refuse(unix.SYS_PIDFD_OPEN, unix.ENOSYS), []string{"true"}, nil},
	{"close_range refused", false, refuse(unix.SYS_CLOSE_RANGE, unix.ENOSYS), []string{"true"}, nil},
	{"seccomp refused", false, refuse(unix.SYS_SECCOMP, unix.EPERM), []string{"true"}, nil},
	{"landlock_restrict_self refused", false, refuse(unix.SYS_LANDLOCK_RESTRICT_SELF, unix.EPERM), []string{"true"}, nil},
	{"keyctl refused", false, refuse(unix.SYS_KEYCTL, unix.EPERM), []string{"true"}, nil},
	{"capset refused", false, refuse(unix.SYS_CAPSET, unix.EPERM), []string{"true"}, nil},
	{"sethostname refused", false, refuse(unix.SYS_SETHOSTNAME, unix.EPERM), []string{"true"}, nil},
	{"few descriptors", false, func(string) error {
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 5, Max: 5})
	}, []string{"true"}, nil},
	{"no descriptor but the streams", false, func(string) error {
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: 3})
	}, []string{"true"}, nil},

	{"ids that are not mapped", false, func(string) error { return nil }, []string{"true"}, func(a *syscall.SysProcAttr) {
		a.UidMappings, a.GidMappings = nil, nil
	}},
	{"newuidmap on a nosuid mount", false, func(string) error {
		return remount("/usr/bin/newuidmap", unix.MS_NOSUID)
	}, []string{"--id", "subid", "true"}, nil},
	{"a noexec mount", false, func(string) error {
		return program("#!/bin/sh\n", unix.MS_NOEXEC)
	}, []string{"/mnt/program"}, nil},
	{"a program for another machine", false, func(string) error {
		return program("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00\x01\x00\x00\x00"+strings.Repeat("\x00", 100), 0)
	}, []string{"/mnt/program"}, nil},
	{"a program that is being written", false, func(string) error {
		if err := program("#!/bin/sh\n", 0); err != nil {
			return err
		}
		_, err := unix.Open("/mnt/program", unix.O_WRONLY, 0) // procjail will have it
		return err
	}, []string{"/mnt/program"}, nil},
	{"a script with the line ends of DOS", false, func(string) error {
		return program("#!/bin/sh\r\n", 0)
	}, []string{"/mnt/program"}, nil},
	{"no mount left", false, func(string) error { return badhost.FullOfMounts() }, []string{"--id", "self", "true"}, nil},
	{"user namespaces as deep as they go", false, deepest, []string{"--id", "self", "true"}, nil},
	{"many mounts", false, func(string) error { return badhost.ManyMounts() }, []string{"--ro", "/mnt", "true"}, nil},
	{"one network namespace too many", true, func(string) error {
		// It ends with this process, which becomes procjail.
		sleep := exec.Command("sleep", "60")
		sleep.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
		if err := sleep.Start(); err != nil {
			return err
		}
		return os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("1"), 0)
	}, []string{"true"}, nil},
	{"the state directory on an overlay", true, badhost.OverOverlay, []string{"--id", "self", "--overlay", "/tmp", "true"}, nil},
	{"an overlay with a long path", false, func(string) error {
		return errors.Join(badhost.Tmpfs("/mnt", 0, ""), os.MkdirAll(badhost.LongPath, 0o755))
	}, []string{"--id", "self", "--overlay-tmp", badhost.LongPath + ":/mnt", "true"}, nil},
	{"an overlay of a directory with a mount in it", false, func(string) error {
		return errors.Join(badhost.Tmpfs("/mnt", 0, ""), os.Mkdir("/mnt/disk", 0o755), badhost.Tmpfs("/mnt/disk", 0, ""))
	}, []string{"--id", "self", "--overlay-tmp", "/mnt", "true"}, nil},
	{"many keys", false, func(string) error { return badhost.ManyKeys() }, []string{"true"}, nil},
	{"16 layers of Landlock", false, func(string) error {
		for range 16 {
			if err := badhost.Landlock(1, unix.LANDLOCK_ACCESS_NET_BIND_TCP); err != nil {
				return err
			}
		}
		return nil
	}, []string{"true"}, nil},
	{"behind Landlock's rules for files", false, func(string) error {
		return badhost.Landlock(0, unix.LANDLOCK_ACCESS_FS_MAKE_CHAR)
	}, []string{"true"}, nil},

	{"nothing wrong, doctor", false, func(string) error { return nil }, []string{"doctor"}, nil},
	{"a masked /proc, doctor", false, func(string) error { return badhost.Tmpfs("/proc/acpi", 0, "") }, []string{"doctor"}, nil},
	{"what Docker does, doctor", true, both(both(subids(""), func(string) error { return badhost.Tmpfs("/proc/acpi", 0, "") }), refuse(unix.SYS_CLONE3, unix.ENOSYS)), []string{"doctor"}, nil},
	{"what Docker does, doctor in JSON", true, both(both(subids(""), func(string) error { return badhost.Tmpfs("/proc/acpi", 0, "") }), refuse(unix.SYS_CLONE3, unix.ENOSYS)), []string{"doctor", "--json"}, nil},
	{"max_user_namespaces 0, doctor", true, func(string) error {
		return os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
	}, []string{"doctor"}, nil},
	{"a chroot, doctor", false, func(dir string) error {
		return chroot(dir, "/usr", "/proc", "/dev", "/etc", "/bin", "/lib", "/lib64", "/sbin")
	}, []string{"doctor"}, nil},
	{"no /proc, doctor", false, func(string) error { return badhost.Tmpfs("/proc", 0, "") }, []string{"doctor"}, nil},
	{"no /usr, doctor", false, func(string) error { return badhost.Tmpfs("/usr", 0, "") }, []string{"doctor"}, nil},
	{"behind Landlock, doctor", false, func(string) error {
		return badhost.Landlock(0, unix.LANDLOCK_ACCESS_FS_MAKE_CHAR)
	}, []string{"doctor"}, nil},

	// Two things at once: what is not to blame is there as well.
	{"a filter that lets all through, and a chroot", false, both(refuse(9000, unix.EPERM), func(dir string) error {
		return chroot(dir, "/usr", "/proc", "/dev", "/etc", "/bin", "/lib", "/lib64", "/sbin")
	}), []string{"true"}, nil},
	{"a filter that refuses clone3, and a chroot", false, both(func(dir string) error {
		return chroot(dir, "/usr", "/proc", "/dev", "/etc", "/bin", "/lib", "/lib64", "/sbin")
	}, refuse(unix.SYS_CLONE3, unix.EPERM)), []string{"true"}, nil},
	{
		"a filter that lets all through, and a masked /proc", false, both(func(string) error { return badhost.Tmpfs("/proc/acpi", 0, "") }, refuse(9000, unix.EPERM)),
		[]string{"true"},
		nil,
	},
	{
		"a filter that refuses fsmount, and a masked /proc", false, both(func(string) error { return badhost.Tmpfs("/proc/acpi", 0, "") }, refuse(unix.SYS_FSMOUNT, unix.EPERM)),
		[]string{"true"},
		nil,
	},
	{"done without: a filter that kills for sched_setaffinity", false, kill(unix.SYS_SCHED_SETAFFINITY), []string{"-q", "true"}, nil},
	{"done without: a filter that refuses getcpu", false, refuse(unix.SYS_GETCPU, unix.EPERM), []string{"-q", "true"}, nil},
	{"a filter that kills for open_tree", false, kill(unix.SYS_OPEN_TREE), []string{"true"}, nil},
	{"a filter that kills for unshare", false, kill(unix.SYS_UNSHARE), []string{"true"}, nil},
	{"a filter that kills for keyctl", false, kill(unix.SYS_KEYCTL), []string{"true"}, nil},
	{"a filter that kills for landlock_restrict_self", false, kill(unix.SYS_LANDLOCK_RESTRICT_SELF), []string{"true"}, nil},
	{"a filter that refuses landlock_create_ruleset, doctor", false, refuse(unix.SYS_LANDLOCK_CREATE_RULESET, unix.EPERM), []string{"doctor"}, nil},
	{"a filter that refuses landlock_create_ruleset, ENOSYS, doctor", false, refuse(unix.SYS_LANDLOCK_CREATE_RULESET, unix.ENOSYS), []string{"doctor"}, nil},
	{"a filter that kills for open_tree, doctor", false, kill(unix.SYS_OPEN_TREE), []string{"doctor"}, nil},
	{"a filter that refuses move_mount, ENOSPC", false, refuse(unix.SYS_MOVE_MOUNT, unix.ENOSPC), []string{"true"}, nil},
	{"a filter that refuses move_mount, EINVAL", false, refuse(unix.SYS_MOVE_MOUNT, unix.EINVAL), []string{"true"}, nil},
	{"a filter that refuses openat2, ENOENT", false, refuse(unix.SYS_OPENAT2, unix.ENOENT), []string{"--tmpfs", "/usr/share", "true"}, nil},
	{"a filter that refuses clone3, EAGAIN", false, refuse(unix.SYS_CLONE3, unix.EAGAIN), []string{"true"}, nil},
	{"a filter that refuses clone3, ENOSPC", false, refuse(unix.SYS_CLONE3, unix.ENOSPC), []string{"true"}, nil},
	{"a filter that refuses clone3, EINVAL", false, refuse(unix.SYS_CLONE3, unix.EINVAL), []string{"true"}, nil},
	{"a filter that refuses unshare, ENOSPC", false, refuse(unix.SYS_UNSHARE, unix.ENOSPC), []string{"true"}, nil},
	{"a filter that refuses eventfd2, EMFILE", false, refuse(unix.SYS_EVENTFD2, unix.EMFILE), []string{"true"}, nil},
	{"a filter that refuses execve, EACCES", false, refuse(unix.SYS_EXECVE, unix.EACCES), []string{"true"}, nil},
	{"a filter that refuses execve, E2BIG", false, refuse(unix.SYS_EXECVE, unix.E2BIG), []string{"true"}, nil},
	{"a filter that refuses keyctl, EDQUOT", false, refuse(unix.SYS_KEYCTL, unix.EDQUOT), []string{"true"}, nil},
	{"a filter that refuses landlock_restrict_self, E2BIG", false, refuse(unix.SYS_LANDLOCK_RESTRICT_SELF, unix.E2BIG), []string{"true"}, nil},
	{"a filter that refuses mkdirat, ENOSPC", false, refuse(unix.SYS_MKDIRAT, unix.ENOSPC), []string{"--id", "self", "--overlay", "/tmp", "true"}, nil},
	{"a filter that refuses mkdirat, EDQUOT", false, refuse(unix.SYS_MKDIRAT, unix.EDQUOT), []string{"--id", "self", "--overlay", "/tmp", "true"}, nil},
	{"a filter that refuses fsconfig, EINVAL", false, refuse(unix.SYS_FSCONFIG, unix.EINVAL), []string{"true"}, nil},
}

// hostVariable names the host that this process is to make before it becomes
// procjail.
const hostVariable = "PROCJAIL_TEST_HOST"

func TestMain(m *testing.M) {
	if name := os.Getenv(hostVariable); name != "" {
		fmt.Fprintln(os.Stderr, "cannot make the host:", becomeProcjail(name))
		os.Exit(99)
	}
	unix.Umask(0o022) // a login may have another, and modes are in the goldens
	os.Exit(m.Run())
}

// TestKernelBadHosts compares exit status and standard error of each with
// testdata/hosts.golden, which -update rewrites.
func TestKernelBadHosts(t *testing.T) {
	kerneltest.Require(t, kerneltest.UserNamespaces)
	kerneltest.Unprivileged(t)
	kerneltest.Clean(t)
	bin := kerneltest.Binary(t)
	golden := map[string]string{}
	text, err := os.ReadFile("testdata/hosts.golden")
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(text), "\n\n") {
		name, rest, _ := strings.Cut(strings.Trim(block, "\n"), "\n")
		golden[strings.TrimPrefix(name, "# ")] = rest
	}
	var all strings.Builder
	for i, h := range hosts {
		t.Run(h.name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := kerneltest.Command(t, h.args...)
			cmd.Path, cmd.Err = "/proc/self/exe", nil
			cmd.Env = []string{
				hostVariable + "=" + h.name, "PROCJAIL_TEST_BIN=" + bin, "PROCJAIL_TEST_DIR=" + dir,
				"PATH=/usr/bin:/bin", "HOME=" + dir, "XDG_STATE_HOME=" + dir,
			}
			cmd.Args = append([]string{"procjail"}, h.args...)
			uid, gid := os.Getuid(), os.Getgid()
			id := func(n int) int {
				if h.root {
					return 0
				}
				return n
			}
			attr := &syscall.SysProcAttr{
				Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: id(uid), HostID: uid, Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: id(gid), HostID: gid, Size: 1}},
				AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_SYS_RESOURCE},
			}
			if h.how != nil {
				h.how(attr)
			}
			cmd.SysProcAttr = attr
			result := kerneltest.RunCommand(t, cmd)
			least, most, text := 125, 127, result.Stderr
			if strings.HasPrefix(h.name, "done without: ") {
				least, most = 0, 0
			}
			if h.args[0] == "doctor" {
				least, most, text = 0, 2, doctorSays(result.Stdout)+result.Stderr
			}
			if result.Code < least || result.Code > most {
				t.Fatalf("exit %d, want %d to %d:\n%s", result.Code, least, most, text)
			}
			got := fmt.Sprintf("$ procjail %s\n%sexit %d", strings.Join(h.args, " "),
				strings.ReplaceAll(strings.ReplaceAll(steadyHost(steady([]byte(text))), dir, "$WORK"), bin, "$PROCJAIL"), result.Code)
			if i > 0 {
				all.WriteString("\n\n")
			}
			all.WriteString("# " + h.name + "\n" + got)
			if !*update && got != golden[h.name] {
				t.Errorf("-want +got:\n%s", cmp.Diff(golden[h.name], got))
			}
		})
	}
	t.Logf("%d hosts", len(hosts))
	if *update && !t.Failed() {
		if err := os.WriteFile("testdata/hosts.golden", []byte(all.String()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	lookedAt = regexp.MustCompile(`(?m)^procjail: cause: unknown.*$`)
	counts   = regexp.MustCompile(`\b\d+(\.\d+)?[KMGT]?\b`)
	ofHost   = []struct {
		is *regexp.Regexp
		as string
	}{
		{regexp.MustCompile(`in process \d+`), "in process PID"},
		{regexp.MustCompile(`overlays/\d+-\d+-\d+-`), "overlays/TIME-"},
		{regexp.MustCompile(`may have \d+ mounts (.*); there are \d+ here, and the jail adds \d+`), "may have N mounts $1; there are N here, and the jail adds N"},
		{regexp.MustCompile(`(rules for files); there are [a-z, ]+`), "$1"}, // /sys/kernel/security, where that is mounted
		{regexp.MustCompile(`fs.mount-max=\d+`), "fs.mount-max=N"},
		{regexp.MustCompile(`uid \d+ has \d+/\d+ keys and \d+/\d+ bytes`), "uid UID has N/N keys and N/N bytes"},
	}
)

// steadyHost writes what differs from machine to machine in causes, and in what
// was looked at for an unknown one, as a letter.
func steadyHost(s string) string {
	for _, of := range ofHost {
		s = of.is.ReplaceAllString(s, of.as)
	}
	return lookedAt.ReplaceAllStringFunc(s, func(line string) string { return counts.ReplaceAllString(line, "N") })
}

var (
	aboutCgroup = regexp.MustCompile(`(?m)^((ok|degraded) +|remedy for |more on )cgroup\b.*\n|(?s)    {\n      "name": "cgroup".*?\n    },?\n`)
	columns     = regexp.MustCompile(`  +`)
	abi         = regexp.MustCompile(`ABI \d+`)
)

// doctorSays leaves out the line that differs from machine to machine, and the
// width of the columns.
func doctorSays(s string) string {
	return abi.ReplaceAllString(columns.ReplaceAllString(aboutCgroup.ReplaceAllString(s, ""), "  "), "ABI N")
}

// becomeProcjail makes a host and calls execve(2). It returns only an error.
func becomeProcjail(name string) error {
	runtime.LockOSThread()
	bin, err := os.Open(os.Getenv("PROCJAIL_TEST_BIN"))
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if h.name != name {
			continue
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		if err := h.make(os.Getenv("PROCJAIL_TEST_DIR")); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + os.Getenv("HOME"), "XDG_STATE_HOME=" + os.Getenv("XDG_STATE_HOME")}
	// What a systemd can give is none of these hosts' own: test/limits.
	argv := []string{"procjail", "--cgroup", "off"}
	if os.Args[1] == "doctor" {
		argv = argv[:1]
	}
	argv = append(argv, os.Args[1:]...)
	return badhost.ExecveFD(int(bin.Fd()), argv, env)
}

// cover shows an empty file without any permission in place of another.
func cover(name, empty string) error {
	if err := os.WriteFile(empty, nil, 0o000); err != nil {
		return err
	}
	return badhost.Bind(empty, name)
}

func copyOver(dir, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	plain := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(plain, text, 0o755); err != nil {
		return err
	}
	return badhost.Bind(plain, name)
}

// subids replaces /etc/subuid and /etc/subgid.
func subids(text string) func(string) error {
	return func(dir string) error {
		file := filepath.Join(dir, "subids")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
		return errors.Join(badhost.Bind(file, "/etc/subuid"), badhost.Bind(file, "/etc/subgid"))
	}
}

// unreadable puts a file there that only its owner, root outside, may open.
func unreadable(string) error { return badhost.Bind("/proc/sys/vm/drop_caches", "/etc/subuid") }

func chroot(dir string, shown ...string) error {
	if err := badhost.Tmpfs(dir, 0, ""); err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	for _, name := range append([]string{"/"}, shown...) {
		if err := os.MkdirAll(root+name, 0o755); err != nil {
			return err
		}
		if name != "/" {
			if err := badhost.Bind(name, root+name); err != nil {
				return err
			}
		}
	}
	if err := unix.Chroot(root); err != nil {
		return os.NewSyscallError("chroot", err)
	}
	return os.Chdir("/")
}

// both makes one thing after the other.
func both(a, b func(string) error) func(string) error {
	return func(dir string) error { return errors.Join(a(dir), b(dir)) }
}

// remount shows a file in its own place with other flags.
func remount(name string, flags uintptr) error {
	if err := badhost.Bind(name, name); err != nil {
		return err
	}
	return os.NewSyscallError("remount "+name, unix.Mount("", name, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""))
}

// program makes /mnt/program on a file system of its own, mounted so.
func program(text string, flags uintptr) error {
	if err := badhost.Tmpfs("/mnt", 0, ""); err != nil {
		return err
	}
	if err := os.WriteFile("/mnt/program", []byte(text), 0o755); err != nil || flags == 0 {
		return err
	}
	return os.NewSyscallError("remount", unix.Mount("", "/mnt", "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""))
}

// deepest becomes procjail in a user namespace in which no other can be made
// (kernel/user_namespace.c:create_user_ns). unshare(2) of one is for a process of
// one thread, so that a script does it.
func deepest(dir string) error {
	const text = `unshare --user --map-current-user true 2>/dev/null && exec unshare --user --map-current-user sh "$0" "$@"
exec "$@"`
	script := filepath.Join(dir, "deepest")
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return err
	}
	argv := append([]string{"sh", script, os.Getenv("PROCJAIL_TEST_BIN"), "--cgroup", "off"}, os.Args[1:]...)
	return os.NewSyscallError("execve", syscall.Exec("/bin/sh", argv, os.Environ()))
}

// refuse installs a filter of seccomp(2) that answers one call with an errno.
func refuse(call int, errno unix.Errno) func(string) error {
	return filter(call, unix.SECCOMP_RET_ERRNO|uint32(errno))
}

// kill installs a filter that ends whoever makes one call, as the filters of
// systemd do without a SystemCallErrorNumber=.
func kill(call int) func(string) error { return filter(call, unix.SECCOMP_RET_KILL_PROCESS) }

func filter(call int, action uint32) func(string) error {
	return func(string) error { return badhost.Filter(call, action) }
}
