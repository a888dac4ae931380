package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Idle is what so many jails cost that do nothing.
type Idle struct {
	Name      string  `json:"name"`
	Jails     int     `json:"jails"`
	StartMS   float64 `json:"start_ms"`           // until all payloads run
	EndMS     float64 `json:"end_ms"`             // from SIGKILL of the supervisors until nothing is left
	Processes int     `json:"processes"`          // kept, of all jails
	Private   float64 `json:"private_kb"`         // a jail's, of all its processes
	Available float64 `json:"available_kb"`       // by which MemAvailable fell, a jail
	Unread    int     `json:"unread,omitempty"`   // processes whose memory may not be read
	Survivors int     `json:"survivors_after_2s"` // processes left 2 s after SIGKILL
}

func (b *bench) idle(all []contender, jails int) ([]Idle, error) {
	// PR_SET_PDEATHSIG, which bubblewrap's --die-with-parent sets, means this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const rounds = 3
	var out []Idle
	for round := range rounds {
		j := 0
		for _, c := range all {
			if c.name != self && c.name != bubble && c.name != floor {
				continue
			}
			one, err := b.idleOnce(c, jails)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round == 0 {
				out = append(out, one)
			} else { // the better of the rounds: what else runs only adds
				out[j].StartMS = min(out[j].StartMS, one.StartMS)
				out[j].EndMS = min(out[j].EndMS, one.EndMS)
				out[j].Available = max(out[j].Available, one.Available) // freed memory is kept for reuse
				out[j].Survivors = max(out[j].Survivors, one.Survivors)
			}
			j++
		}
	}
	return out, nil
}

// idleOnce starts the jails, waits until each payload has said a line, takes
// stock, kills the supervisors and looks for what they left.
func (b *bench) idleOnce(c contender, jails int) (Idle, error) {
	result := Idle{Name: c.name, Jails: jails}
	read, write, err := os.Pipe()
	if err != nil {
		return result, err
	}
	defer read.Close()
	defer write.Close()
	var supervisors []int
	defer func() {
		for _, pid := range supervisors {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_ = wait(pid)
		}
	}()

	before := available()
	begin := time.Now()
	for range jails {
		pid, err := b.spawn(c, "/", write, "/bin/sh", "-c", "echo up; exec sleep 600")
		if err != nil {
			return result, err
		}
		supervisors = append(supervisors, pid)
	}
	if err := read.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
		return result, err
	}
	lines := bufio.NewReader(read)
	for range jails {
		if line, err := lines.ReadString('\n'); err != nil || line != "up\n" {
			return result, errors.Join(err, fmt.Errorf("a jail said %q", line))
		}
	}
	result.StartMS = float64(time.Since(begin).Microseconds()) / 1000
	time.Sleep(300 * time.Millisecond)
	result.Available = float64(before-available()) / float64(jails)

	kept := descendants(supervisors)
	result.Processes = len(kept)
	for pid := range kept {
		kb, err := private(pid)
		if err != nil {
			result.Unread++
		}
		result.Private += float64(kb) / float64(jails)
	}

	begin = time.Now()
	for _, pid := range supervisors {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return result, err
		}
	}
	for _, pid := range supervisors {
		_ = wait(pid) // "killed"
	}
	supervisors = nil
	for time.Since(begin) < 2*time.Second && survivors(kept) > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	result.EndMS = float64(time.Since(begin).Microseconds()) / 1000
	result.Survivors = survivors(kept)
	for pid, started := range kept {
		if _, now := stat(pid); now == started {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	time.Sleep(500 * time.Millisecond) // network namespaces die on a kernel thread
	return result, nil
}

// descendants maps processes and all below them to their start times, which
// tell a process from a later one with its number.
func descendants(roots []int) map[int]string {
	children := map[int][]int{}
	started := map[int]string{}
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(name))
		parent, start := stat(pid)
		children[parent] = append(children[parent], pid)
		started[pid] = start
	}
	kept := map[int]string{}
	for queue := roots; len(queue) > 0; queue = queue[1:] {
		kept[queue[0]] = started[queue[0]]
		queue = append(queue, children[queue[0]]...)
	}
	return kept
}

func survivors(kept map[int]string) int {
	left := 0
	for pid, started := range kept {
		if _, now := stat(pid); now != "" && now == started {
			left++
		}
	}
	return left
}

// stat reads the parent and the start time, fields 4 and 22 of proc_pid_stat(5).
// A zombie counts as gone: it waits for whoever adopted it.
func stat(pid int) (parent int, started string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	field := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if field[0] == "Z" || field[0] == "X" {
		return 0, ""
	}
	parent, _ = strconv.Atoi(field[1])
	return parent, field[19]
}

// private sums Private_Clean, Private_Dirty and Private_Hugetlb, in kB.
func private(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	return sum(string(text), "Private_"), err
}

func available() int {
	text, _ := os.ReadFile("/proc/meminfo")
	return sum(string(text), "MemAvailable")
}

func sum(text, prefix string) int {
	total := 0
	for line := range strings.Lines(text) {
		if field := strings.Fields(line); strings.HasPrefix(line, prefix) && len(field) > 1 {
			kb, _ := strconv.Atoi(field[1])
			total += kb
		}
	}
	return total
}
