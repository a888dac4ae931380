// Package truth asks whether procjail says what the kernel did: which calls it
// refused, which failed for another reason, and what ended a payload. The test
// binary is both sides.
package truth

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/report"
)

func TestMain(m *testing.M) { os.Exit(kerneltest.Main(m, victim)) }

// victim is a payload's main.
func victim(act string, args []string) int {
	runtime.LockOSThread()
	n := 1
	if len(args) > 0 {
		n, _ = strconv.Atoi(args[0])
	}
	switch act {
	case "hang": // DIRECTORY COMMAND...
		return kerneltest.Hang(args[0], args[1:])
	case "mapped": // FILE: a refused call with a path in memory that nobody can read
		fmt.Println(kerneltest.ErrnoName(refusedWith(args[0])))
	case "mapped-then-ready":
		fmt.Println(kerneltest.ErrnoName(refusedWith(args[0])))
		kerneltest.Wait()
	case "exec": // COMMAND..., by the thread that comes
		fmt.Println(syscall.Exec(args[0], args, os.Environ()))
	case "exec-thread": // COMMAND..., by another thread than the first
		fmt.Println(execByThread(args))
	case "exec-busy": // COMMAND..., while two threads make calls
		for range 2 {
			go func() {
				runtime.LockOSThread()
				for {
					_ = unix.Access("/nowhere", 0)
				}
			}()
		}
		time.Sleep(3 * time.Millisecond)
		fmt.Println(syscall.Exec(args[0], args, os.Environ()))
	case "nowhere": // calls with arguments where no memory is
		nowhere()
		fmt.Println("through")
	case "send": // as much as no buffer has room for
		fmt.Println(sendMuch())
	case "connect-limited": // to who accepts nobody, with a limit to that
		fmt.Println(kerneltest.ErrnoName(connectLimited()))
	case "chroot": // into a directory in which proc is not proc(5)
		return otherRoot()
	case "removed": // paths from a directory that is gone, and from what is none
		relative()
	case "traced-x32": // by a child whose signals its tracer takes away
		fmt.Println(untouchable())
	case "unshare": // n times, and says what came of it
		var err error
		for range n {
			err = unix.Unshare(unix.CLONE_NEWUTS)
		}
		fmt.Println(kerneltest.ErrnoName(err))
	case "threads": // n of them, each refused 200 times while the collector runs
		var wait sync.WaitGroup
		wrong := make(chan error, n)
		for range n {
			wait.Add(1)
			go func() {
				defer wait.Done()
				runtime.LockOSThread()
				for range 200 {
					if err := unix.Unshare(unix.CLONE_NEWUTS); err != unix.EPERM { //nolint:errorlint // an errno
						wrong <- err
						return
					}
					runtime.GC()
				}
			}()
		}
		wait.Wait()
		select {
		case err := <-wrong:
			fmt.Println(err)
		default:
			fmt.Println("EPERM")
		}
	case "kinds": // more than there is room for
		for i := range n {
			_, _ = unix.Socket(50+i, unix.SOCK_STREAM, 0)
		}
	case "x32": // a call that the policy answers with the end of the process
		_, _, _ = syscall.RawSyscall(0x40000000|unix.SYS_GETPID, 0, 0, 0)
	case "x32-default": // by a process that does not catch SIGSYS, as Go's runtime does
		var deflt [4]uint64 // struct kernel_sigaction: SIG_DFL
		_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGSYS), uintptr(unsafe.Pointer(&deflt)), 0, 8, 0, 0)
		return victim("x32", args)
	case "listen":
		program := unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
		fmt.Println(kerneltest.ErrnoName(listen(&program)))
	case "execve": // on the first thread of some, or on another
		time.Sleep(10 * time.Millisecond)
		go func() {
			runtime.LockOSThread()
			if args[0] == "other" {
				execve("other")
			}
			select {}
		}()
		if args[0] == "first" {
			time.Sleep(10 * time.Millisecond)
			execve("first")
		}
		select {}
	case "refused-then-ready":
		_ = unix.Unshare(unix.CLONE_NEWUTS)
		kerneltest.Wait()
	}
	return 1
}

// execve becomes a shell.
func execve(which string) {
	if first := unix.Gettid() == unix.Getpid(); first != (which == "first") {
		which = "wrong one"
	}
	_ = unix.Exec("/bin/sh", []string{"sh", "-c", "echo it was the " + which + "; exit 3"}, nil)
}

func start(t testing.TB) {
	t.Helper()
	kerneltest.Begin(t)
}

// run runs an act under procjail.
func run(t testing.TB, options []string, act string, args ...string) kerneltest.Result {
	t.Helper()
	return kerneltest.Run(t, inJail(t, options, act, args)...)
}

func inJail(t testing.TB, options []string, act string, args []string) []string {
	list := append([]string{"--allow-degraded", "cgroup,subid"}, options...)
	return append(append(list, "--", kerneltest.Self(t), kerneltest.VictimWord, act), args...)
}

// reported runs an act and reads its report.
func reported(t testing.TB, options []string, act string, args ...string) (kerneltest.Result, report.Report) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.json")
	got := run(t, append([]string{"--report", name}, options...), act, args...)
	return got, read(t, name)
}

func read(t testing.TB, name string) (r report.Report) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	refusedUTS = "procjail: refused: unshare(CLONE_NEWUTS): EPERM by the policy strict (truth.test, process 2)"
	allowsUTS  = "procjail: remedy: a profile with seccomp = \"build\" and user-namespaces in [limits], which are 0 here, as -p build has both: a user namespace, and in it every capability over what is made there: most local privilege escalations of recent years began so\n"
)

// TestKernelRefused: the payload gets the policy's errno, and who started it is told
// of the call, once, with what would allow it.
func TestKernelRefused(t *testing.T) {
	start(t)
	net := []string{"--net", "host"} // so that the payload is process 2
	for _, c := range []struct {
		options []string
		times   string
		want    string
	}{
		{nil, "1", refusedUTS + "\n" + allowsUTS},
		{nil, "3", refusedUTS + ", 3 times\n" + allowsUTS},
		{[]string{"--id", "self"}, "1", refusedUTS + "\n" + allowsUTS},
		{[]string{"--pid1", "payload"}, "1", strings.Replace(refusedUTS, "process 2", "process 1", 1) + "\n" + allowsUTS},
		{[]string{"-q"}, "1", ""},
		{[]string{"--denials", "off"}, "1", ""},
	} {
		got := run(t, append(net, c.options...), "unshare", c.times)
		if got.Stdout != "EPERM\n" || got.Stderr != c.want || got.Code != 1 {
			t.Errorf("%v, %s times: %+v\nwant %s", c.options, c.times, got, c.want)
		}
	}
}

// TestKernelRefusedAtOnce: with -v, while the payload still runs.
func TestKernelRefusedAtOnce(t *testing.T) {
	start(t)
	cmd := kerneltest.Command(t, inJail(t, []string{"-v", "--net", "host"}, "refused-then-ready", nil)...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stderr = w
	said := make(chan string, 1)
	go func() {
		var text []byte
		buf := make([]byte, 4096)
		for !strings.Contains(string(text), refusedUTS+"\n") {
			n, err := r.Read(buf)
			if text = append(text, buf[:n]...); err != nil {
				break
			}
		}
		said <- string(text)
		for {
			if _, err := r.Read(buf); err != nil {
				return
			}
		}
	}()
	waiting := kerneltest.StartWaiting(t, cmd)
	select {
	case text := <-said:
		if !strings.Contains(text, refusedUTS+"\n") {
			t.Errorf("said %q", text)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing was said while the payload waits")
	}
	waiting.End()
	w.Close()
}

// TestKernelFlood tries many calls, from many threads and of many kinds: all are
// counted, what is kept is bounded, and procjail needs no more memory for it.
func TestKernelFlood(t *testing.T) {
	start(t)
	n := kerneltest.Often(100000, 100000)
	got, r := reported(t, []string{"--net", "host"}, "unshare", strconv.Itoa(n))
	if got.Stdout != "EPERM\n" || len(r.Denials.Calls) != 1 || r.Denials.Calls[0].Count != uint64(n) {
		t.Errorf("%+v, %+v", got, r.Denials)
	}
	got, r = reported(t, nil, "threads", "16")
	if got.Stdout != "EPERM\n" || r.Denials.Calls[0].Count != 16*200 {
		t.Errorf("%+v, %+v", got, r.Denials)
	}
	got, r = reported(t, nil, "kinds", "100")
	if len(r.Denials.Calls) != 64 || r.Denials.Others != 100-64 || len(got.Stderr) > 8000 {
		t.Errorf("%d kinds, %d others, %d bytes of text", len(r.Denials.Calls), r.Denials.Others, len(got.Stderr))
	}
}

// TestKernelFloodCost: what a flood of refused calls costs is the payload's: procjail's
// memory stays what it was, and it takes its turn with the payload, so that the
// jail's limit on time stops both.
func TestKernelFloodCost(t *testing.T) {
	start(t)
	cmd := kerneltest.Command(t, inJail(t, []string{"--timeout", "2s", "--stop-timeout", "100ms"}, "unshare", []string{"1000000000"})...)
	began := time.Now()
	got := kerneltest.RunCommand(t, cmd)
	took, rss := time.Since(began), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	// Its own, and that of init, for which it waits: the payload's is not among it, since
	// it was killed with the namespace.
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if got.Code != 124 || took > 10*time.Second || rss > 40<<10 || used > took*6/10 && !testing.Short() { // emulated, all takes long
		t.Errorf("%+v after %v, with %d KiB", got, took, rss)
	}
	t.Logf("procjail: %v of processor time in %v, %d KiB", used, took, rss)
}

// TestKernelKilledWhoever: the policy ends the process also where SIGSYS would not:
// PID 1, and who has a tracer.
func TestKernelKilledWhoever(t *testing.T) {
	start(t)
	needX32(t)
	got, r := reported(t, []string{"--pid1", "payload"}, "x32-default")
	if got.Code != 128+31 || r.Reason != "seccomp" || r.Signal != "SIGSYS" {
		t.Errorf("as PID 1: %+v, %s %s", got, r.Reason, r.Signal)
	}
	for _, denials := range []string{"auto", "off"} {
		got := run(t, []string{"--seccomp", "default", "--denials", denials}, "traced-x32")
		if !strings.HasPrefix(got.Stdout, "killed by ") {
			t.Errorf("with a tracer, --denials %s: %+v", denials, got)
		}
	}
}

func needX32(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("x32 is amd64's")
	}
}

// TestKernelKilled: the policy ends the process, and the call is named.
func TestKernelKilled(t *testing.T) {
	start(t)
	needX32(t)
	got, r := reported(t, []string{"--net", "host"}, "x32")
	want := "procjail: signal: killed by SIGSYS, which the kernel sends for a call that the seccomp policy answers with it\n" +
		"procjail: refused: x32 getpid(...): the policy strict ends the process (truth.test, process 2)\n" +
		"procjail: remedy: a program built for this machine's own ABI\n"
	if got.Code != 128+31 || got.Stderr != want || r.Reason != "seccomp" || r.Signal != "SIGSYS" || !r.Denials.Calls[0].Killed {
		t.Errorf("%+v, %+v", got, r)
	}
}

// TestKernelNested: inside a jail there is no second listener. The inner payload gets
// its errno all the same, and the report says that nobody watched.
func TestKernelNested(t *testing.T) {
	start(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	inner := append([]string{kerneltest.Binary(t)}, inJail(t, []string{"--id", "self", "--report", dir + "/r.json"}, "unshare", nil)...)
	outer := append([]string{"-p", "build", "--id", "self", "--allow-degraded", "cgroup,subid", "--rw", dir, "--ro", kerneltest.Self(t), "--ro", kerneltest.Binary(t), "--"}, inner...)
	got := kerneltest.Run(t, outer...)
	if got.Stdout != "EPERM\n" || strings.Contains(got.Stderr, "refused:") {
		t.Fatalf("%+v", got)
	}
	if r := read(t, dir+"/r.json"); r.Denials.Watched || !strings.Contains(r.Denials.Why, "EBUSY") || len(r.Denials.Calls) != 0 {
		t.Errorf("%+v", r.Denials)
	}
}

// TestKernelListenerOfItsOwn: under a policy that lets a payload listen it can with
// --denials off, and is told EBUSY otherwise.
func TestKernelListenerOfItsOwn(t *testing.T) {
	start(t)
	for options, want := range map[string]string{"auto": "EBUSY\n", "off": "ok\n"} {
		if got := run(t, []string{"--seccomp", "default", "--denials", options}, "listen"); got.Stdout != want {
			t.Errorf("--denials %s: %+v, want %s", options, got, want)
		}
	}
}

func listen(program *unix.SockFprog) error {
	runtime.LockOSThread()
	fd, err := seccompListener(program)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}
