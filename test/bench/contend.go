package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The names of the contenders, by which the targets find them.
const (
	self    = "procjail, own id"
	subid   = "procjail, subordinate ids"
	bubble  = "bubblewrap, the same mounts"
	bare    = "bubblewrap, without /proc masks"
	docker  = "bubblewrap, docker's filter"
	floor   = "C program, same calls"
	alone   = "/bin/true alone"
	inside  = "compile under procjail -p build"
	outside = "compile outside"
)

// A contender is a way to start a program. Its arguments may name descriptors
// from 3 on: files are opened anew for each start, outside the measured time.
type contender struct {
	name  string
	args  []string
	files []string
	jail  bool // has a supervisor that can be killed
}

type bench struct {
	dir string
	env []string
	as  *syscall.Credential
}

func (b *bench) who() string {
	if b.as == nil {
		return "uid " + strconv.Itoa(os.Getuid())
	}
	return "uid " + strconv.FormatUint(uint64(b.as.Uid), 10)
}

// contenders are measured in this order, again and again.
func (b *bench) contenders() []contender {
	procjail := filepath.Join(b.dir, "procjail")
	light, made := b.bubblewrap()
	wrap := slices.Concat(light, maskArgs())
	return []contender{
		{self, []string{procjail, "--profile", "strict", "--id", "self", "--cgroup", "off"}, nil, true},
		{subid, []string{procjail, "--profile", "strict", "--id", "subid", "--cgroup", "off"}, nil, true},
		{bubble, wrap, made, true},
		{bare, light, made, true},
		{docker, slices.Concat(wrap, []string{"--seccomp", strconv.Itoa(3 + len(made))}), append(slices.Clone(made), filepath.Join(b.dir, "docker.bpf")), true},
		{floor, []string{filepath.Join(b.dir, "floor"), filepath.Join(b.dir, "strict.bpf")}, nil, true},
		{alone, nil, nil, false},
	}
}

// bubblewrap returns the arguments that give the view of profiles/strict.toml as
// far as bubblewrap has words for it, and the files that it reads: the ones of
// /etc that procjail makes are handed over by --file, which binds nothing.
func (b *bench) bubblewrap() (args, files []string) {
	args = strings.Fields(`bwrap --unshare-all --die-with-parent --new-session --uid 1000 --gid 1000
		--hostname jail --clearenv --setenv PATH /usr/bin:/bin --setenv HOME /home/user
		--ro-bind /usr /usr --symlink /tmp /var/tmp --symlink /run /var/run --dir /run
		--proc /proc --dev /dev --chdir /home/user`)
	args[0], _ = exec.LookPath("bwrap")
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		if to, err := os.Readlink("/" + name); err == nil {
			args = append(args, "--symlink", to, "/"+name)
		}
	}
	for _, name := range strings.Fields(`ld.so.cache alternatives ssl localtime java-11-openjdk java-17-openjdk
		java-21-openjdk java-25-openjdk manpath.config groff`) {
		args = append(args, "--ro-bind-try", "/etc/"+name, "/etc/"+name)
	}
	for _, name := range []string{"passwd", "group", "nsswitch.conf", "hosts", "hostname", "services", "protocols"} {
		args = append(args, "--file", strconv.Itoa(3+len(files)), "/etc/"+name)
		files = append(files, filepath.Join("/etc", name))
	}
	for _, name := range []string{"/tmp", "/dev/shm", "/home/user"} {
		args = append(args, "--size", "67108864", "--tmpfs", name)
	}
	return args, files
}

// maskArgs covers in bubblewrap's /proc what profiles/strict.toml masks.
func maskArgs() (args []string) {
	for _, name := range strings.Fields(`acpi asound bus cmdline diskstats driver fs interrupts irq kallsyms kcore
		key-users keys latency_stats locks modules partitions pressure sched_debug schedstat scsi softirqs swaps
		timer_list timer_stats`) {
		switch info, err := os.Lstat("/proc/" + name); {
		case err != nil: // this kernel has none
		case info.IsDir():
			args = append(args, "--tmpfs", "/proc/"+name)
		default:
			args = append(args, "--ro-bind", "/dev/null", "/proc/"+name)
		}
	}
	return args
}

// spawn starts a contender with a program inside. The cost is the harness's own
// and the same for all: Go's vfork and execve, three descriptors to dup2.
func (b *bench) spawn(c contender, dir string, stdout *os.File, program ...string) (int, error) {
	files := []uintptr{null.Fd(), stdout.Fd(), stdout.Fd()}
	for _, name := range c.files {
		file, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		files = append(files, file.Fd())
	}
	args := slices.Concat(c.args, program)
	if c.name == crun {
		args = c.args // its bundle names the program
	}
	return b.fork(args, &syscall.ProcAttr{Dir: dir, Env: b.env, Files: files, Sys: &syscall.SysProcAttr{Credential: b.as}})
}

func (b *bench) fork(args []string, attr *syscall.ProcAttr) (int, error) {
	pid, err := syscall.ForkExec(args[0], args, attr)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", args[0], err)
	}
	return pid, nil
}

// wait returns an error that says how a process ended unless it exited with 0.
func wait(pid int) error {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if status.Signaled() {
			return fmt.Errorf("killed by %s", status.Signal())
		}
		if status.ExitStatus() != 0 {
			return fmt.Errorf("exit status %d", status.ExitStatus())
		}
		return nil
	}
}

// try runs a contender once and reports what it said if it cannot be measured.
func (b *bench) try(c contender) error {
	if len(c.args) > 0 {
		if _, err := os.Stat(c.args[0]); err != nil {
			return err
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	pid, err := b.spawn(c, "/", write, program)
	write.Close()
	if err != nil {
		return err
	}
	said, _ := io.ReadAll(read)
	if err := wait(pid); err != nil {
		return fmt.Errorf("%w: %s", err, strings.ReplaceAll(strings.TrimSpace(string(said)), "\n", "; "))
	}
	return nil
}

const program = "/usr/bin/true"

var null = func() *os.File {
	file, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	return file
}()
