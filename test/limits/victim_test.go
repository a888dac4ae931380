// Package limits asks the kernel and systemd whether the limits of a jail hold,
// where its cgroup comes from, and that nothing of it stays. As in test/contain,
// the test binary is also the payload.
package limits

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

const victimWord = kerneltest.VictimWord

func TestMain(m *testing.M) { os.Exit(kerneltest.Main(m, victim)) }

// victim is a payload's main.
func victim(act string, args []string) int {
	switch act {
	case "show": // FILE...
		for _, name := range args {
			fmt.Printf("%s: %s\n", name, strings.TrimSpace(text(name)))
		}
	case "wait": // until the end of its standard input, which follows what it shows
		victim("show", args)
		kerneltest.Wait()
	case "write": // DATA FILE...
		for _, name := range args[1:] {
			fmt.Printf("%s: %v\n", name, kerneltest.ErrnoName(os.WriteFile(name, []byte(args[0]), 0)))
		}
	case "hog": // MEGABYTES
		touch(number(args[0]) << 20)
	case "hog-child": // MEGABYTES: the one that is killed is a child
		if err := exec.Command("/proc/self/exe", victimWord, "hog", args[0]).Run(); err != nil {
			fmt.Println(err)
		}
		time.Sleep(time.Second)
		return 3
	case "fill": // DIRECTORY MEGABYTES
		return fill(filepath.Join(args[0], "fill"), number(args[1]))
	case "forks": // COUNT: how many children it can have at once
		return forks(number(args[0]))
	case "spin": // SECONDS on all processors
		for range 2 * runtime.NumCPU() {
			go func() {
				for n := 0; ; n++ { //nolint:staticcheck // it is meant to
					_ = n
				}
			}()
		}
		time.Sleep(time.Duration(number(args[0])) * time.Second)
		fmt.Print(text("/sys/fs/cgroup/cpu.stat"))
	case "work": // a fixed amount of it
		began, sum := time.Now(), uint32(1)
		for range 100_000_000 {
			sum = sum*1664525 + 1013904223
		}
		fmt.Println(time.Since(began).Milliseconds(), sum)
	case "disk": // FILE KILOBYTES, past the page cache
		return disk(args[0], number(args[1]))
	case "descendants":
		return descendants()
	case "hang": // DIRECTORY COMMAND...: outside of a jail
		return kerneltest.Hang(args[0], args[1:])
	case "open": // FILE, in a thread that is not the first
		go func() {
			runtime.LockOSThread()
			_, _ = os.Open(args[0])
		}()
		time.Sleep(time.Minute)
	default:
		fmt.Fprintln(os.Stderr, "no act", act)
		return 99
	}
	return 0
}

// touch has n bytes of memory of its own, page by page.
func touch(n int) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	fmt.Println("touched", n>>20)
}

func fill(name string, megabytes int) int {
	f, err := os.Create(name)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	block := make([]byte, 1<<20)
	for i := range megabytes {
		if _, err := f.Write(block); err != nil {
			fmt.Println("filled", i, kerneltest.ErrnoName(err))
			return 1
		}
	}
	fmt.Println("filled", megabytes)
	return 0
}

func forks(most int) int {
	var children []*exec.Cmd
	defer func() {
		for _, c := range children {
			_ = c.Process.Kill()
		}
	}()
	for i := range most {
		c := exec.Command("sleep", "60")
		if err := c.Start(); err != nil {
			fmt.Println("children", i, kerneltest.ErrnoName(err))
			return 1
		}
		children = append(children, c)
	}
	fmt.Println("children", most)
	return 0
}

func disk(name string, kilobytes int) int {
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_DIRECT, 0o600)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	block, err := unix.Mmap(-1, 0, 64<<10, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	began := time.Now()
	for range kilobytes / 64 {
		if err == nil {
			_, err = unix.Write(fd, block)
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(time.Since(began).Milliseconds())
	return 0
}

// descendants mounts cgroup2 in namespaces of its own, where the policy and the
// kernel let it, and makes of its cgroup what it can.
func descendants() int {
	script := `mkdir -p /tmp/cg && mount -t cgroup2 none /tmp/cg || exit 7
cd /tmp/cg
for f in memory.max pids.max cpu.max memory.oom.group cgroup.max.descendants; do
	(echo max >$f) 2>/dev/null && echo "$f written" || echo "$f refused"
done
(echo 1 >cgroup.freeze) 2>/dev/null && echo "cgroup.freeze written" || echo "cgroup.freeze refused"
mkdir a 2>/dev/null && echo "a made" || echo "a refused"
mkdir a/b 2>/dev/null
(echo 0 >a/b/cgroup.procs) 2>/dev/null && echo "moved" || echo "not moved"
ls -d ..?* 2>/dev/null
setsid sleep 600 >/dev/null 2>&1 &
exit 0`
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "--cgroup", "sh", "-c", script)
	out, err := cmd.CombinedOutput()
	fmt.Print(string(out))
	if err != nil {
		fmt.Println("ended:", err)
	}
	return 0
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func text(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return kerneltest.ErrnoName(err)
	}
	return string(data)
}
