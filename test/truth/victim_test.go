package truth

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// refusedWith calls add_key(2) with a description in a file that it maps.
func refusedWith(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	text, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	kind, _ := unix.BytePtrFromString("user")
	_, _, e := unix.Syscall6(unix.SYS_ADD_KEY, uintptr(unsafe.Pointer(kind)), uintptr(unsafe.Pointer(&text[0])), 0, 0, 0, 0)
	return e
}

// execByThread calls execve(2) in another thread than the process's first.
func execByThread(args []string) error {
	failed := make(chan error)
	var try func()
	try = func() {
		runtime.LockOSThread() // for good
		if unix.Gettid() == os.Getpid() {
			go try()
			return
		}
		failed <- syscall.Exec(args[0], args, os.Environ())
	}
	go try()
	return <-failed
}

// nowhere makes calls with addresses at the ends of what there is, and of no length.
func nowhere() {
	const top = ^uintptr(0)
	for _, c := range [][4]uintptr{
		{unix.SYS_WRITE, 2, 0, 0},
		{unix.SYS_WRITE, 2, 0x1000, 0},
		{unix.SYS_WRITE, 2, top, 0},
		{unix.SYS_WRITE, 2, top - 5, 4096},
		{unix.SYS_FACCESSAT, top - 99, top, 0},
		{unix.SYS_FACCESSAT, top - 99, 0, 0},
		{unix.SYS_FACCESSAT, top - 99, 1 << 47, 0},
		{unix.SYS_CONNECT, 0, 0x4000, 0},
		{unix.SYS_CONNECT, 0, top, top},
		{unix.SYS_BIND, 0, 0x4000, top >> 1},
	} {
		_, _, _ = syscall.RawSyscall6(c[0], c[1], c[2], c[3], 0, 0, 0)
	}
}

// sendMuch is how much of 4 MiB one send(2) sends whose receiver is slow.
func sendMuch() (n uintptr) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0
	}
	go func() {
		time.Sleep(100 * time.Millisecond)
		for buf := make([]byte, 1<<16); ; {
			if n, err := unix.Read(pair[1], buf); n <= 0 && err != unix.EINTR { //nolint:errorlint // an errno
				return
			}
		}
	}()
	data := make([]byte, 4<<20)
	n, _, _ = unix.Syscall6(unix.SYS_SENDTO, uintptr(pair[0]), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), 0, 0, 0)
	return n
}

// otherRoot makes a directory its root, which has a proc of its own in which a file
// holds up whoever opens it, and makes threads and failures there.
func otherRoot() int {
	const dir = "/tmp/root"
	for _, err := range []error{
		os.MkdirAll(dir+"/proc/1", 0o755), os.Mkdir(dir+"/here", 0o755), unix.Mkfifo(dir+"/proc/1/status", 0o644),
		unix.Chroot(dir), os.Chdir("/here"),
	} {
		if err != nil {
			fmt.Println(err)
			return 99
		}
	}
	threads := make(chan int)
	for range 8 { // more than there are
		go func() {
			runtime.LockOSThread()
			threads <- unix.Gettid()
			select {}
		}()
	}
	for range 8 {
		<-threads
	}
	_, err := os.Open("nothing")
	fmt.Println(kerneltest.ErrnoName(err))
	return 1
}

// connectLimited connects a socket that waits for a short time (SO_SNDTIMEO, socket(7))
// with one that has no room in its queue.
func connectLimited() error {
	var fds [3]int
	for i := range fds {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		fds[i] = fd
	}
	address := &unix.SockaddrUnix{Name: "@full"}
	if err := unix.Bind(fds[0], address); err != nil {
		return err
	}
	if err := unix.Listen(fds[0], 0); err != nil {
		return err
	}
	if err := unix.Connect(fds[1], address); err != nil {
		return err
	}
	if err := unix.SetsockoptTimeval(fds[2], unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Usec: 300000}); err != nil {
		return err
	}
	return unix.Connect(fds[2], address)
}

// relative opens what is not there from a directory that was removed, and from a pipe.
func relative() {
	_ = os.Mkdir("/tmp/removed", 0o755)
	_ = os.Chdir("/tmp/removed")
	_ = os.Remove("/tmp/removed")
	_, _ = os.Open("nothing")
	var p [2]int
	_ = unix.Pipe(p[:])
	_, _ = unix.Openat(p[0], "nothing", unix.O_RDONLY, 0)
}

// untouchable traces a child of the act x32-default and takes every signal away from it, and
// tells how it ended.
func untouchable() string {
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe", kerneltest.VictimWord, "x32-default")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return err.Error()
	}
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(cmd.Process.Pid, &status, 0, nil)
		switch {
		case err == unix.EINTR: //nolint:errorlint // an errno
		case err != nil:
			return err.Error()
		case status.Exited():
			return fmt.Sprintf("exit %d", status.ExitStatus())
		case status.Signaled():
			return "killed by " + unix.SignalName(status.Signal())
		default:
			_ = unix.PtraceCont(cmd.Process.Pid, 0)
		}
	}
}
