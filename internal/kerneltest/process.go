package kerneltest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Stat is the fields of proc_pid_stat(5) behind the name, which may hold
// anything: the state, the parent, the process group, the session. The state of
// a process that is not there is "gone".
func Stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return []string{"gone", "0", "0", "0"}
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// Parent is a process's parent; 0: it has none here, or is gone.
func Parent(pid int) int {
	n, _ := strconv.Atoi(Stat(pid)[1])
	return n
}

// Children are the processes whose parent pid is, zombies too.
func Children(pid int) []int {
	var list []int
	tasks, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	for _, task := range tasks {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + task.Name() + "/children")
		for word := range strings.FieldsSeq(string(text)) {
			n, _ := strconv.Atoi(word)
			list = append(list, n)
		}
	}
	return list
}

// NobodyLeft reaps until this process has no child at all: what a jail leaves is
// given to it, as Clean has arranged. It fails the test after ten seconds, for
// the machine may be busy, with what it came after.
func NobodyLeft(t testing.TB, after ...string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case err == unix.ECHILD:
			return
		case err == unix.EINTR || pid > 0:
		case time.Now().After(deadline):
			t.Fatalf("%sprocesses are left: %s", strings.Join(append(after, ""), ": "), strings.Join(names(Children(os.Getpid())), ", "))
		default:
			time.Sleep(200 * time.Microsecond)
		}
	}
}

// Descendants says of a process and all below it what names says, one line each:
// for a run that hangs, before it is killed.
func Descendants(pid int) string {
	text := names([]int{pid})[0] + "\n"
	for _, child := range Children(pid) {
		text += Descendants(child)
	}
	return text
}

// names says of each process what it is, its state, and of each thread what it
// waits in and by which call.
func names(pids []int) []string {
	var list []string
	for _, pid := range pids {
		dir := fmt.Sprintf("/proc/%d/", pid)
		line, _ := os.ReadFile(dir + "cmdline")
		var waits []string
		tasks, _ := os.ReadDir(dir + "task")
		for _, task := range tasks {
			wchan, _ := os.ReadFile(dir + "task/" + task.Name() + "/wchan")
			call, _ := os.ReadFile(dir + "task/" + task.Name() + "/syscall")
			waits = append(waits, strings.TrimSpace(string(wchan)+" "+string(call)))
		}
		list = append(list, fmt.Sprintf("%d %q in state %s (%s)", pid, strings.ReplaceAll(string(line), "\x00", " "), Stat(pid)[0], strings.Join(waits, "; ")))
	}
	return list
}

// Descriptors is how many this process has open.
func Descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list) - 1 // the directory's own
}
