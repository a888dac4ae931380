package contain

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// act is something that a payload must not be able to do, and what the kernel
// says to it under strict: errnos with "|" between them where it depends on the
// payload's ids. Build is what it says under build, where that is not the same;
// "-" is allowed there, and not tried.
type act struct {
	do     func() error
	strict string
	build  string
}

// call is a raw system call whose arguments would be an error of another kind
// if it were not refused at once.
func call(nr uintptr, args ...uintptr) func() error {
	return func() error {
		var a [6]uintptr
		copy(a[:], args)
		_, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if errno != 0 {
			return errno
		}
		return nil
	}
}

func open(name string, flags int) func() error {
	return func() error {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0o600)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}
}

func socket(family, kind, protocol int) func() error {
	return func() error {
		fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}
}

// onTerminal makes an ioctl(2) on a pseudo-terminal of the jail's own.
func onTerminal(request uintptr) func() error {
	return func() error {
		master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(master)
		var arg [64]byte
		return call(unix.SYS_IOCTL, uintptr(master), request, uintptr(unsafe.Pointer(&arg)))()
	}
}

func pointer(s string) uintptr {
	b, _ := unix.BytePtrFromString(s)
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(b))
}

// kept keeps alive what system calls are given as numbers.
var kept []*byte

const (
	high      = 0xdead << 32 // upper halves of an int argument are not the kernel's to look at
	tiocLinux = 0x541c
)

// acts are named for the report of a failure. None would harm the machine if it
// came through.
var acts = map[string]act{
	"mount":                 {call(unix.SYS_MOUNT, pointer("none"), pointer("/tmp"), pointer("tmpfs")), "EPERM", ""},
	"umount2":               {call(unix.SYS_UMOUNT2, pointer("/tmp"), unix.MNT_DETACH), "EPERM", ""},
	"fsopen":                {call(unix.SYS_FSOPEN, pointer("tmpfs"), 0), "EPERM", ""},
	"open_tree":             {call(unix.SYS_OPEN_TREE, atCWD, pointer("/"), unix.OPEN_TREE_CLONE), "EPERM", ""},
	"move_mount":            {call(unix.SYS_MOVE_MOUNT, atCWD, pointer("/tmp"), atCWD, pointer("/run")), "EPERM", ""},
	"mount_setattr":         {call(unix.SYS_MOUNT_SETATTR, atCWD, pointer("/"), 0, 0, 0), "EPERM", "EINVAL"},
	"pivot_root":            {call(unix.SYS_PIVOT_ROOT, pointer("/tmp"), pointer("/tmp")), "EPERM", ""},
	"chroot":                {call(unix.SYS_CHROOT, pointer("/tmp")), "EPERM", ""},
	"unshare user":          {call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER), "EPERM", "-"},
	"unshare mnt":           {call(unix.SYS_UNSHARE, unix.CLONE_NEWNS), "EPERM", ""},
	"unshare pid":           {call(unix.SYS_UNSHARE, unix.CLONE_NEWPID), "EPERM", ""},
	"unshare net":           {call(unix.SYS_UNSHARE, unix.CLONE_NEWNET), "EPERM", ""},
	"unshare ipc":           {call(unix.SYS_UNSHARE, unix.CLONE_NEWIPC), "EPERM", ""},
	"unshare uts":           {call(unix.SYS_UNSHARE, unix.CLONE_NEWUTS), "EPERM", ""},
	"unshare cgroup":        {call(unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP), "EPERM", ""},
	"unshare time":          {call(unix.SYS_UNSHARE, unix.CLONE_NEWTIME), "EPERM", ""},
	"clone user":            {call(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD)), "EPERM", "-"},
	"clone user, high bits": {call(unix.SYS_CLONE, high|unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD)), "EPERM", "-"},
	"clone3":                {call(unix.SYS_CLONE3, 0, 0), "ENOSYS", "EINVAL"},
	"setns":                 {call(unix.SYS_SETNS, 0, 0), "EPERM", "EINVAL"},
	"ptrace PID 1":          {call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, 1), "EPERM", ""},
	"ptrace traceme":        {call(unix.SYS_PTRACE, unix.PTRACE_TRACEME), "EPERM", "-"},
	"process_vm_readv":      {call(unix.SYS_PROCESS_VM_READV, 1, 0, 0, 0, 0, 0), "EPERM", "-"},
	"process_vm_writev":     {call(unix.SYS_PROCESS_VM_WRITEV, 1, 0, 0, 0, 0, 0), "EPERM", "-"},
	"pidfd_getfd":           {pidfdGetfd, "EPERM", ""},
	"kcmp":                  {call(unix.SYS_KCMP, 1, 1, 0, 0, 0), "EPERM", ""},
	"bpf":                   {call(unix.SYS_BPF, 0, 0, 0), "EPERM", ""},
	"io_uring_setup":        {call(unix.SYS_IO_URING_SETUP, 1, 0), "EPERM", ""},
	"io_uring_register":     {call(unix.SYS_IO_URING_REGISTER, 0, 0, 0, 0), "EPERM", ""},
	"perf_event_open":       {call(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0), "EPERM", ""},
	"userfaultfd":           {call(unix.SYS_USERFAULTFD, 0), "EPERM", ""},
	"add_key":               {call(unix.SYS_ADD_KEY, pointer("user"), pointer("k"), pointer("v"), 1, keyring), "EPERM", ""},
	"request_key":           {call(unix.SYS_REQUEST_KEY, pointer("user"), pointer("k"), 0, 0), "EPERM", ""},
	"keyctl get":            {call(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, keyring, 0), "EPERM", ""},
	"TIOCSTI":               {onTerminal(unix.TIOCSTI), "EPERM", ""},
	"TIOCSTI, high bits":    {onTerminal(high | unix.TIOCSTI), "EPERM", ""},
	"TIOCLINUX":             {onTerminal(tiocLinux), "EPERM", ""},
	"TIOCLINUX, high bits":  {onTerminal(high | tiocLinux), "EPERM", ""},
	"TIOCSETD":              {onTerminal(unix.TIOCSETD), "EPERM", ""},
	"socket packet":         {socket(unix.AF_PACKET, unix.SOCK_RAW, 0), "EAFNOSUPPORT", ""},
	"socket vsock":          {socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0), "EAFNOSUPPORT", ""},
	"socket alg":            {socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0), "EAFNOSUPPORT", ""},
	"socket bluetooth":      {socket(unix.AF_BLUETOOTH, unix.SOCK_RAW, 0), "EAFNOSUPPORT", ""},
	"socket xdp":            {socket(unix.AF_XDP, unix.SOCK_RAW, 0), "EAFNOSUPPORT", ""},
	"socket packet by inet": {socket(unix.AF_INET, 10, 0), "EAFNOSUPPORT", ""},
	"socket raw":            {socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP), "EPERM", ""},
	"netlink audit":         {socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT), "EAFNOSUPPORT", "-"},
	"netlink netfilter":     {socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER), "EAFNOSUPPORT", "-"},
	"netlink xfrm":          {socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_XFRM), "EAFNOSUPPORT", "-"},
	"connect outwards":      {connect, "ENETUNREACH", ""},
	"personality exec":      {call(unix.SYS_PERSONALITY, 0x0400000), "EPERM", ""}, // READ_IMPLIES_EXEC
	"personality no random": {call(unix.SYS_PERSONALITY, 0x0040000), "EPERM", "ok"},
	"open_by_handle_at":     {call(unix.SYS_OPEN_BY_HANDLE_AT, atCWD, 0, 0), "EPERM", ""},
	"name_to_handle_at":     {call(unix.SYS_NAME_TO_HANDLE_AT, atCWD, pointer("/"), 0, 0, 0), "EPERM", "-"},
	"kexec_load":            {call(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0), "EPERM", ""},
	"kexec_file_load":       {call(unix.SYS_KEXEC_FILE_LOAD, none, none, 0, 0, 0), "EPERM", ""},
	"reboot":                {call(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2, 0), "EPERM", ""},
	"swapon":                {call(unix.SYS_SWAPON, pointer("/none"), 0), "EPERM", ""},
	"settimeofday":          {call(unix.SYS_SETTIMEOFDAY, 0, 0), "EPERM", ""},
	"clock_settime":         {call(unix.SYS_CLOCK_SETTIME, 0, 0), "EPERM", ""},
	"init_module":           {call(unix.SYS_INIT_MODULE, 0, 0, 0), "EPERM", ""},
	"syslog":                {call(unix.SYS_SYSLOG, 3, 0, 0), "EPERM", ""},
	"acct":                  {call(unix.SYS_ACCT, 0), "EPERM", ""},
	"sethostname":           {call(unix.SYS_SETHOSTNAME, pointer("x"), 1), "EPERM", ""},
	"quotactl":              {call(unix.SYS_QUOTACTL, 0, 0, 0, 0), "EPERM", ""},
	"fanotify_init":         {call(unix.SYS_FANOTIFY_INIT, 0, 0), "EPERM", ""},
	"seccomp listener":      {call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, 0), "EPERM", "-"},
	"unknown number":        {call(4000), "ENOSYS", ""},
	"capset more":           {capset, "EPERM", ""},
	"setuid of root":        {call(unix.SYS_SETRESUID, 0, 0, 0), "EPERM|EINVAL", "EINVAL"},
	"securebits back":       {call(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, 0), "EPERM", ""},
	"PR_SET_MM":             {call(unix.SYS_PRCTL, unix.PR_SET_MM, unix.PR_SET_MM_ARG_START, 0), "EPERM", ""},
	"more processes":        {limit(unix.RLIMIT_NPROC, 1<<20), "EPERM", ""},
	"more files":            {limit(unix.RLIMIT_NOFILE, 1<<30), "EPERM", ""},
	"real-time scheduling":  {realtime, "EPERM", ""},
	"a nicer self":          {call(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, ^uintptr(9)), "EACCES", ""},
	"mknod a device":        {call(unix.SYS_MKNODAT, atCWD, pointer("/tmp/dev"), unix.S_IFCHR|0o666, 0x103), "EPERM", ""},
	"write to /":            {open("/new", unix.O_CREAT|unix.O_WRONLY), "EROFS", ""},
	"write to /usr":         {open("/usr/new", unix.O_CREAT|unix.O_WRONLY), "EROFS", ""},
	"write to /usr/bin/env": {open("/usr/bin/env", unix.O_WRONLY), "EACCES", ""},
	"write to /etc":         {open("/etc/new", unix.O_CREAT|unix.O_WRONLY), "EROFS", ""},
	"write to /etc/passwd":  {open("/etc/passwd", unix.O_WRONLY), "EACCES", ""},
	"write to /dev":         {open("/dev/new", unix.O_CREAT|unix.O_WRONLY), "EROFS", ""},
	"chmod of /":            {call(unix.SYS_FCHMODAT, atCWD, pointer("/"), 0o777), "EROFS", ""},
	"chmod of /dev/null":    {call(unix.SYS_FCHMODAT, atCWD, pointer("/dev/null"), 0o666), "EROFS", ""},
	"rename of /tmp":        {call(unix.SYS_RENAMEAT2, atCWD, pointer("/tmp"), atCWD, pointer("/tmp2"), 0), "EROFS", "-"},
	"write to itself":       {open("/proc/self/exe", unix.O_WRONLY), "EACCES|ETXTBSY", ""},
	"write to /proc/sys":    {open("/proc/sys/kernel/hostname", unix.O_WRONLY), "EACCES", "-"},
	"core_pattern":          {open("/proc/sys/kernel/core_pattern", unix.O_WRONLY), "EACCES", ""},
	"oom_score_adj":         {open("/proc/self/oom_score_adj", unix.O_WRONLY), "EROFS", "-"},
	"uid_map":               {open("/proc/self/uid_map", unix.O_WRONLY), "EROFS", "-"},
	"memory of PID 1":       {open("/proc/1/mem", unix.O_RDONLY), "EACCES", ""},
	"environment of PID 1":  {open("/proc/1/environ", unix.O_RDONLY), "EACCES", ""},
	"root of PID 1":         {open("/proc/1/root", unix.O_PATH), "EACCES", ""},
	"working dir. of PID 1": {open("/proc/1/cwd", unix.O_PATH), "EACCES", ""},
	"program of PID 1":      {open("/proc/1/exe", unix.O_RDONLY), "EACCES", ""},
	"descriptor of PID 1":   {open("/proc/1/fd/0", unix.O_PATH), "EACCES", ""},
	"namespaces of PID 1":   {open("/proc/1/ns/mnt", unix.O_RDONLY), "EACCES", ""},
}

var (
	atFD    = int64(unix.AT_FDCWD)
	atCWD   = uintptr(atFD)
	none    = ^uintptr(0)
	session = int64(unix.KEY_SPEC_SESSION_KEYRING)
	keyring = uintptr(session)
)

func pidfdGetfd() error {
	pidfd, err := unix.PidfdOpen(1, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	_, err = unix.PidfdGetfd(pidfd, 0, 0)
	return err
}

func connect() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{192, 0, 2, 1}})
}

func capset() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: 1, Permitted: 1, Inheritable: 1}}
	return unix.Capset(&hdr, &data[0])
}

func limit(resource int, n uint64) func() error {
	return func() error {
		return unix.Prlimit(0, resource, &unix.Rlimit{Cur: n, Max: n}, nil)
	}
}

func realtime() error {
	priority := int32(1)
	return call(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, uintptr(unsafe.Pointer(&priority)))()
}

// try makes acts by their names.
func try(names []string) map[string]string {
	got := map[string]string{}
	for _, name := range names {
		got[name] = kerneltest.ErrnoName(acts[name].do())
	}
	return got
}

// foreign are system calls by another entry than the architecture's own. A
// filter that kills ends the process with SIGSYS.
var foreign = map[string]func() error{}
