package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var attempts = []attempt{
	{"read the secret in the caller's home", true, func(at target) (string, error) { return read(at.secret) }},
	{"list the caller's home", true, listHome},
	{"list the caller's ~/.ssh", true, func(at target) (string, error) { return list(at.home + "/.ssh") }},
	{"read /etc/shadow", true, func(target) (string, error) { return read("/etc/shadow") }},
	{"find the caller in /etc/passwd", true, findCaller},
	{"learn the host's name", true, hostName},
	{"read SECRET_TOKEN of the environment", true, token},
	{"read from an inherited descriptor", true, inherited},
	{"connect to the host's 127.0.0.1", true, func(at target) (string, error) { return dial("tcp", at.connect) }},
	{"connect to its abstract socket", true, func(at target) (string, error) { return dial("unix", "@"+at.abstract) }},
	// Connecting a datagram socket asks for a route and sends nothing.
	{"find a route to 192.0.2.1", true, func(target) (string, error) { return dial("udp", "192.0.2.1:9") }},
	{"see other processes", true, processes},
	{"signal a process of the caller's", true, func(at target) (string, error) { return "may kill it", unix.Kill(at.pid, 0) }},
	{"list the disks in /sys/block", true, func(target) (string, error) { return list("/sys/block") }},
	{"open a raw device", true, devices},
	{"read the kernel's log", true, kernelLog},
	{"read /proc/kcore", true, func(target) (string, error) { return read("/proc/kcore") }},
	{"read /proc/keys", true, func(target) (string, error) { return read("/proc/keys") }},
	{"reach a keyring", true, keyring},
	{"hold a capability in any set", true, capabilities},
	{"become root by setuid(2)", false, func(target) (string, error) { return "root", unix.Setuid(0) }},
	{"trace a process", false, func(at target) (string, error) { return trace(at.pid) }},
	{"make a device node", false, func(target) (string, error) { return "a disk", unix.Mknod("/tmp/node", unix.S_IFBLK|0o600, 8<<8) }},
	{"mount a file system", false, func(target) (string, error) { return "mounted", unix.Mount("none", "/tmp", "tmpfs", 0, "") }},
	{"unshare a user namespace", false, unshare},
	{"load a BPF program", false, loadBPF},
	{"open a performance counter", false, perf},
	{"set up an io_uring", false, ioUring},
	{"type into the terminal (TIOCSTI)", false, typeInto},
	{"write to /usr", false, func(target) (string, error) { return write("/usr/bin/procjail-demo") }},
	{"write to /etc", false, func(target) (string, error) { return write("/etc/procjail-demo") }},
	{"write to the caller's home", false, func(at target) (string, error) { return write(at.home + "/procjail-demo-was-here") }},
	{"write to the host's /tmp", false, func(target) (string, error) { return write("/tmp/procjail-demo-was-here") }},
	{"fill /tmp with 256 MB", false, fill},
	{"start 300 processes", false, forkBomb},
}

// read counts a file that is there and empty as refused: a masked file is so.
func read(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text := make([]byte, 64)
	n, err := file.Read(text)
	if errors.Is(err, io.EOF) {
		return "", refusal("masked, empty")
	}
	if err != nil {
		return "", err
	}
	if line, _, ok := bytes.Cut(text[:n], []byte("\n")); ok && len(line) > 0 && len(line) < 24 {
		return strconv.Quote(string(line)), nil
	}
	return fmt.Sprintf("%d bytes and more", n), nil
}

func list(name string) (string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return "", err
	}
	if len(entries) == 0 {
		return "", refusal("empty")
	}
	return fmt.Sprintf("%d entries", len(entries)), nil
}

// listHome counts as refused where there is but the directory that leads to this
// program: whoever runs it has shown it that.
func listHome(at target) (string, error) {
	entries, err := os.ReadDir(at.home)
	if len(entries) == 1 && strings.HasPrefix(os.Args[0], filepath.Join(at.home, entries[0].Name())+"/") {
		return "", refusal("only the way to itself")
	}
	if err != nil {
		return "", err
	}
	return list(at.home)
}

// write leaves its file, for the caller to look whether it is there.
func write(name string) (string, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &stat); err == nil && stat.Type == unix.TMPFS_MAGIC {
		return "", refusal("a tmpfs of its own")
	}
	return "wrote " + name, nil
}

func findCaller(at target) (string, error) {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return "", err
	}
	users := strings.Count(string(text), "\n")
	if at.user == "" || !strings.Contains("\n"+string(text), "\n"+at.user+":") {
		return "", refusal(fmt.Sprintf("%d users, not them", users))
	}
	return fmt.Sprintf("named, of %d users", users), nil
}

func hostName(at target) (string, error) {
	name, err := os.Hostname()
	if err == nil && name != at.host {
		return "", refusal("told " + name)
	}
	return name, err
}

func token(target) (string, error) {
	if value := os.Getenv("SECRET_TOKEN"); value != "" {
		return strconv.Quote(value), nil
	}
	return "", refusal("not set")
}

func inherited(target) (string, error) {
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return "", err
	}
	for _, link := range links {
		fd, _ := strconv.Atoi(filepath.Base(link))
		text := make([]byte, 20)
		if n, err := unix.Pread(fd, text, 0); fd > 2 && err == nil && n > 0 {
			return fmt.Sprintf("fd %d: %q", fd, strings.TrimSpace(string(text[:n]))), nil
		}
	}
	return "", refusal("none above 2")
}

func dial(network, address string) (string, error) {
	conn, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return "", err
	}
	return "connected", conn.Close()
}

// processes counts those that are neither this one, nor its parent, nor PID 1,
// which inside are all there are.
func processes(target) (string, error) {
	names, _ := filepath.Glob("/proc/[0-9]*")
	others := 0
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(name))
		if pid != os.Getpid() && pid != os.Getppid() && pid != 1 {
			others++
		}
	}
	if others == 0 {
		return "", refusal(fmt.Sprintf("%d, its own", len(names)))
	}
	return fmt.Sprintf("%d processes", len(names)), nil
}

func devices(target) (string, error) {
	last := error(unix.ENOENT)
	for _, name := range []string{"/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/mem", "/dev/kvm", "/dev/fuse", "/dev/net/tun"} {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			return name, unix.Close(fd)
		}
		if !errors.Is(err, unix.ENOENT) {
			last = err
		}
	}
	return "", last
}

func kernelLog(target) (string, error) {
	const readAll = 3 // SYSLOG_ACTION_READ_ALL, syslog(2)
	n, err := unix.Klogctl(readAll, make([]byte, 4096))
	return fmt.Sprintf("%d bytes and more", n), err
}

func keyring(target) (string, error) {
	id, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, false)
	return fmt.Sprintf("serial %x", id), err
}

func capabilities(target) (string, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if set, value, _ := strings.Cut(line, ":\t"); strings.HasPrefix(set, "Cap") && strings.Trim(value, "0\n") != "" {
			return set + " " + strings.TrimLeft(strings.TrimSpace(value), "0"), nil
		}
	}
	return "", refusal("all five are empty")
}

func trace(pid int) (string, error) {
	err := unix.PtraceSeize(pid)
	if err != nil {
		err = unix.PtraceSeize(1)
	}
	return "traces it", err
}

// unshare works only for a process of one thread, so it asks for one by clone
// flag: unshare(CLONE_NEWUSER) in Go fails with EINVAL even where it may.
func unshare(target) (string, error) {
	cmd := exec.Command(os.Args[0], "-idle")
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	return "has all capabilities", stop(cmd)
}

func loadBPF(target) (string, error) {
	const mapCreate, array = 0, 2 // BPF_MAP_CREATE of BPF_MAP_TYPE_ARRAY, bpf(2)
	attr := [5]uint32{array, 4, 4, 1, 0}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, mapCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return "", errno
	}
	return "made a map", unix.Close(int(fd))
}

func perf(target) (string, error) {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{}))}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return "", err
	}
	return "opened", unix.Close(fd)
}

func ioUring(target) (string, error) {
	var params [120]byte // struct io_uring_params
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return "", errno
	}
	return "a ring", unix.Close(int(fd))
}

// typeInto also sets the high bits of the request, which the kernel ignores and
// a filter that compares 64 bits does not see.
func typeInto(target) (string, error) {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		fd = 0
	}
	key := byte(' ')
	for _, request := range []uintptr{unix.TIOCSTI, unix.TIOCSTI | 1<<32} {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&key))); errno != 0 {
			err = errno
			continue
		}
		return "typed a space", nil
	}
	return "", err
}

// fill is bounded: it stops, and cleans up, at 256 MB.
func fill(target) (string, error) {
	file, err := os.CreateTemp("/tmp", "fill")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	megabyte := make([]byte, 1<<20)
	for written := range 256 {
		if _, err := file.Write(megabyte); err != nil {
			return "", refusal(fmt.Sprintf("%s after %d MB", reason(err), written))
		}
	}
	return "256 MB", nil
}

// forkBomb is bounded too, and ends what it started.
func forkBomb(target) (string, error) {
	const wanted = 300
	var started []*exec.Cmd
	defer func() {
		for _, cmd := range started {
			_ = stop(cmd)
		}
	}()
	for range wanted {
		cmd := exec.Command(os.Args[0], "-idle")
		if err := cmd.Start(); err != nil {
			return "", refusal(fmt.Sprintf("%s after %d", reason(err), len(started)))
		}
		started = append(started, cmd)
	}
	return fmt.Sprintf("%d processes", wanted), nil
}

func stop(cmd *exec.Cmd) error {
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // "signal: killed" is what was asked for
	return nil
}

// listen is the caller's side: something to connect to, on the loopback and by
// an abstract name, until its standard input ends.
func listen(addresses string) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	name := fmt.Sprintf("procjail-demo-%d", os.Getpid())
	abstract, err := net.Listen("unix", "@"+name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := os.WriteFile(addresses, fmt.Appendf(nil, "%s %s\n", tcp.Addr(), name), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	tcp.Close()
	abstract.Close()
}
