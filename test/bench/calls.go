package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Call is what one system call of the payload's takes, in nanoseconds: the median of
// several rounds of many calls.
type Call struct {
	Name   string  `json:"name"`   // of the call
	Way    string  `json:"way"`    // how procjail watches
	Median float64 `json:"median"` // ns
}

// The ways to watch, in the order in which they are measured, again and again.
var ways = []struct {
	name    string
	options []string
}{
	{"--denials off", []string{"--denials", "off"}},
	{"--denials auto", nil},
	{"--trace-denials", []string{"--trace-denials"}},
}

// kinds of calls: one that the policy refuses, one that it allows, one that it allows
// and that names a path. The first has few rounds: procjail hears 40,000 a second.
var kinds = []struct {
	name string
	n    int
	call func()
}{
	{"unshare, refused", 2000, func() { _ = unix.Unshare(unix.CLONE_NEWUTS) }},
	{"getppid, allowed", 200000, func() { _, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) }},
	{"openat, ENOENT", 2000, func() { _, _ = unix.Open("/nowhere", unix.O_RDONLY, 0) }},
}

// insideWord as the first argument makes this program the payload.
const insideWord = "inside"

// makeCalls is the payload: it prints the nanoseconds of one call of a kind.
func makeCalls(kind string) {
	for _, k := range kinds {
		if k.name == kind {
			k.call()
			begin := time.Now()
			for range k.n {
				k.call()
			}
			fmt.Println(float64(time.Since(begin).Nanoseconds()) / float64(k.n))
		}
	}
}

// calls measures what being watched costs a call.
func (b *bench) calls(runs int) ([]Call, error) {
	took := make(map[Call][]float64)
	for range max(5, runs/20) {
		for _, k := range kinds {
			for _, w := range ways {
				args := slices.Concat([]string{"-q", "--id", "self", "--cgroup", "off"}, w.options, []string{filepath.Join(b.dir, "bench"), insideWord, k.name})
				cmd := exec.Command(filepath.Join(b.dir, "procjail"), args...)
				cmd.Env, cmd.SysProcAttr, cmd.Dir = b.env, &syscall.SysProcAttr{Credential: b.as}, "/"
				cmd.Stderr = os.Stderr
				text, err := cmd.Output()
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", k.name, w.name, err)
				}
				ns, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
				if err != nil {
					return nil, err
				}
				took[Call{Name: k.name, Way: w.name}] = append(took[Call{Name: k.name, Way: w.name}], ns)
			}
		}
	}
	var out []Call
	for _, k := range kinds {
		for _, w := range ways {
			list := took[Call{Name: k.name, Way: w.name}]
			slices.Sort(list)
			out = append(out, Call{k.name, w.name, list[len(list)/2]})
		}
	}
	return out, nil
}

func (r Results) printCalls(w io.Writer) {
	if len(r.Calls) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-34s", "one call, microseconds")
	for _, way := range ways {
		fmt.Fprintf(w, " %15s", way.name)
	}
	for i, c := range r.Calls {
		if i%len(ways) == 0 {
			fmt.Fprintf(w, "\n%-34s", c.Name)
		}
		fmt.Fprintf(w, " %15.2f", c.Median/1000)
	}
	fmt.Fprintln(w)
}
