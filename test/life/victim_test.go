package life

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// victim is a payload's main.
func victim(act string, args []string) int {
	switch act {
	case "ignore": // every signal that can be ignored
		for sig := unix.Signal(1); sig <= 64; sig++ {
			signal.Ignore(sig)
		}
		fmt.Println("ready")
		forever()
	case "traced": // traces a child that is then stopped for it
		return traced()
	case "echo": // prints the number of each signal that comes, and lets a child do so
		echo("payload")
		if len(args) > 0 {
			fmt.Println("ready")
			forever()
		}
		child := exec.Command("/proc/self/exe", victimWord, "echo-child")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		forever()
	case "echo-child":
		echo("child")
		fmt.Println("ready")
		forever()
	case "all-to-1": // sends every signal to PID 1, by kill(2) and rt_sigqueueinfo(2)
		allTo1()
		return 42
	case "tty": // what can be done to the terminal that the streams are
		return onTerminal()
	case "descriptors":
		return listDescriptors()
	case "listen": // sd_listen_fds(3), as sd-daemon.c has it
		n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
		pid, _ := strconv.Atoi(os.Getenv("LISTEN_PID"))
		fmt.Printf("mine %v, %d descriptors\n", pid == os.Getpid(), n)
		for fd := 3; fd < 3+n; fd++ {
			c, _, err := unix.Accept(fd)
			if err != nil {
				fmt.Println(err)
				return 1
			}
			_, _ = unix.Write(c, []byte("hello from "+itoa(fd)+"\n"))
			unix.Close(c)
		}
		return 0
	case "untie":
		fmt.Println("PR_SET_PDEATHSIG 0:", unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0))
		fmt.Println("ready")
		forever()
	}
	fmt.Fprintln(os.Stderr, "no act", act)
	return 99
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// echo prints who got which signal. SIGURG is the Go runtime's own.
func echo(who string) {
	c := make(chan os.Signal, 1024)
	for sig := unix.Signal(1); sig <= 64; sig++ {
		if sig != unix.SIGURG && sig != unix.SIGCHLD && sig != unix.SIGPROF {
			signal.Notify(c, sig)
		}
	}
	go func() {
		for sig := range c {
			fmt.Printf("%s %d\n", who, sig.(unix.Signal))
		}
	}()
}

// allTo1 sends each signal to PID 1 in each way that there is.
func allTo1() {
	for sig := unix.Signal(1); sig <= 64; sig++ {
		_ = unix.Kill(1, sig)
		_ = unix.Tgkill(1, 1, sig)
		for _, code := range []int32{-1, -2, -4} { // SI_QUEUE, SI_TIMER, SI_ASYNCIO
			for _, pid := range []int32{int32(os.Getpid()), 0, 1} {
				info := [32]int32{0: int32(sig), 2: code, 4: pid}
				_, _, _ = unix.Syscall(unix.SYS_RT_SIGQUEUEINFO, 1, uintptr(sig), uintptr(unsafe.Pointer(&info)))
			}
		}
		if fd, err := unix.PidfdOpen(1, 0); err == nil {
			_ = unix.PidfdSendSignal(fd, sig, nil, 0)
			unix.Close(fd)
		}
	}
}

// traced stops a child of its own by tracing it, and waits for it for ever.
func traced() int {
	runtime.LockOSThread()
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	if err := unix.PtraceAttach(child.Process.Pid); err != nil {
		fmt.Println("ptrace:", err)
		return 1
	}
	var s unix.WaitStatus
	_, _ = unix.Wait4(child.Process.Pid, &s, unix.WALL, nil)
	for sig := unix.Signal(1); sig <= 64; sig++ {
		signal.Ignore(sig)
	}
	fmt.Println("ready")
	forever()
	return 0
}

// onTerminal prints what became of what would reach the caller's terminal.
func onTerminal() int {
	name, _ := os.Readlink("/proc/self/fd/0")
	fmt.Println("standard input", name)
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		fmt.Println("/dev/tty", err)
	} else {
		var mine, streams unix.Stat_t
		_ = unix.Fstat(int(tty.Fd()), &mine)
		_ = unix.Fstat(0, &streams)
		group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
		fmt.Println("/dev/tty opened; its group is mine:", group == unix.Getpgrp(), err)
	}
	for _, fd := range []uintptr{0, 1, 2} {
		x := []byte("x\x00\x00\x00")
		_, _, e := unix.Syscall(unix.SYS_IOCTL, fd, unix.TIOCSTI, uintptr(unsafe.Pointer(&x[0])))
		fmt.Println("TIOCSTI", unix.ErrnoName(e))
		_, _, e = unix.Syscall(unix.SYS_IOCTL, fd, unix.TIOCSTI|1<<32, uintptr(unsafe.Pointer(&x[0])))
		fmt.Println("TIOCSTI with high bits", unix.ErrnoName(e))
		two := []byte("\x02\x00\x00\x00")
		_, _, e = unix.Syscall(unix.SYS_IOCTL, fd, unix.TIOCLINUX, uintptr(unsafe.Pointer(&two[0])))
		fmt.Println("TIOCLINUX", unix.ErrnoName(e))
	}
	return 0
}

// listDescriptors prints what is open above 2 and what the caller can read of it.
func listDescriptors() int {
	for fd := 3; fd < 64; fd++ {
		target, err := os.Readlink("/proc/self/fd/" + itoa(fd))
		if err != nil || strings.HasPrefix(target, "anon_inode:[event") {
			continue // the runtime's own
		}
		b := make([]byte, 100)
		n, _ := unix.Read(fd, b)
		fmt.Printf("%d %q\n", fd, b[:max(n, 0)])
	}
	return 0
}
