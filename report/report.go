// Package report is what a run says of itself in machine-readable form: one JSON
// object, which docs/report.schema.json describes. Names are those of the OCI
// and of systemd where these have one; sizes are bytes, times are seconds.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// Version is of the form of the object. A reader takes what it knows and passes
// over what it does not; a change that breaks such a reader makes a new number.
const Version = 1

// Report is the object.
type Report struct {
	Version  int      `json:"report_version"`
	Procjail string   `json:"procjail_version"`
	Command  []string `json:"command"`
	Profile  string   `json:"profile"`
	Source   string   `json:"profile_source"` // built-in, or its file

	Reason   string `json:"reason"`           // exited, signaled, oom, pids, timeout, cpu-time, seccomp, setup-failed, interrupted
	ExitCode int    `json:"exit_code"`        // what procjail exits with
	Status   *int   `json:"status,omitempty"` // the payload's own exit status
	Signal   string `json:"signal,omitempty"` // that killed the payload
	Killed   bool   `json:"killed,omitempty"` // by procjail, since it did not end when it was asked to

	Error    *Failure  `json:"error,omitempty"` // reason setup-failed
	Degraded []Note    `json:"degraded"`        // what this host does not give
	Limits   []Limit   `json:"limits"`
	Usage    *Usage    `json:"usage,omitempty"`
	PID1     string    `json:"pid1,omitempty"`
	Full     []string  `json:"full,omitempty"`         // limited file systems of the jail with no room at the end
	Others   bool      `json:"left_running,omitempty"` // processes of the payload's that the end of PID 1 ended
	Deaf     string    `json:"unhandled,omitempty"`    // signal that asked a payload that is PID 1 to end, and for which it had no handler
	Zombies  int       `json:"zombies,omitempty"`      // that a payload that is PID 1 had not waited for when it was killed
	Plan     []Step    `json:"plan"`
	State    *State    `json:"state,omitempty"`
	Denials  Denials   `json:"denials"`
	Failures *Failures `json:"failures,omitempty"` // of --trace-denials
	Left     []string  `json:"left"`               // what could not be cleared away
}

// Failure is a start that did not come to its end.
type Failure struct {
	Message string `json:"message"`
	Step    int    `json:"step,omitempty"` // from 1
	Steps   int    `json:"steps,omitempty"`
	Stage   string `json:"stage,omitempty"`
	Call    string `json:"call,omitempty"`
	Errno   string `json:"errno,omitempty"`
	CauseID string `json:"cause_id,omitempty"` // of the cause in docs/failures.md, or "unknown"
	Cause   string `json:"cause"`
	Remedy  string `json:"remedy,omitempty"`
}

// Step is an entry of the plan, and what became of it.
type Step struct {
	Stage  string   `json:"stage"`
	Call   string   `json:"call"`                   // in the syntax of strace(1)
	From   string   `json:"from,omitempty"`         // the profile line or option
	Result *int64   `json:"result,omitempty"`       // an errno is its negative; left out: it was not made
	At     *float64 `json:"seconds,omitempty"`      // when it came back, since the start
	Took   *float64 `json:"took_seconds,omitempty"` // since the one before of its stage came back
}

// State is the payload as the kernel shows it just before its first execve(2).
type State struct {
	Pid        int               `json:"pid"`        // outside
	InitPid    int               `json:"init_pid"`   // outside
	Namespaces map[string]uint64 `json:"namespaces"` // their inodes
	UIDMap     []string          `json:"uid_map"`
	GIDMap     []string          `json:"gid_map"`
	UIDs       string            `json:"uids"` // real, effective, saved, file system; outside
	GIDs       string            `json:"gids"`
	Groups     string            `json:"groups"`
	Caps       map[string]string `json:"capabilities"` // the five sets, in hexadecimal
	NoNewPrivs string            `json:"no_new_privs"`
	Seccomp    string            `json:"seccomp_mode"`
	Filters    string            `json:"seccomp_filters"`
	Cgroup     string            `json:"cgroup"`
	Mounts     []string          `json:"mounts"` // mountinfo of proc(5)
}

// Denials are the calls that the seccomp policy refused.
type Denials struct {
	Watched bool     `json:"watched"`
	Why     string   `json:"why,omitempty"` // they were not
	Calls   []Denial `json:"calls"`         // one of each kind, the most telling first
	Others  uint64   `json:"others"`        // calls of kinds for which there was no room
}

// Denial is one kind.
type Denial struct {
	Syscall  string  `json:"syscall"`
	Call     string  `json:"call"`            // the first, in the syntax of strace(1)
	Errno    string  `json:"errno,omitempty"` // that it was answered
	Killed   bool    `json:"killed,omitempty"`
	Expected bool    `json:"expected,omitempty"` // programs try it and go on without
	WentOn   bool    `json:"went_on,omitempty"`  // the last process that made it did; of --trace-denials
	Count    uint64  `json:"count"`
	Process  int     `json:"pid"`  // inside
	Name     string  `json:"comm"` // of proc(5)
	First    float64 `json:"first_seconds"`
	Last     float64 `json:"last_seconds"`
	Remedy   string  `json:"remedy"`
}

// Failures are calls of the payload's that the policy allows and that failed.
type Failures struct {
	Calls  []FailedCall `json:"calls"`         // one of each kind, those that met a wall first
	Others uint64       `json:"others"`        // for which there was no room
	Why    string       `json:"why,omitempty"` // some could not be seen
}

// FailedCall is one kind.
type FailedCall struct {
	Syscall  string   `json:"syscall"`
	Call     string   `json:"call"`
	Paths    []string `json:"paths,omitempty"` // absolute, inside
	Errno    string   `json:"errno,omitempty"` // empty: it did what it does, and that is not what it was made for
	Wall     string   `json:"wall,omitempty"`  // of the jail, that it met
	Cause    string   `json:"cause,omitempty"`
	Remedy   string   `json:"remedy,omitempty"`
	Inferred bool     `json:"inferred,omitempty"` // the wall, or the errno
	Expected bool     `json:"expected,omitempty"` // most programs that meet it go on without
	WentOn   bool     `json:"went_on,omitempty"`  // the last process that met it did, or spoke of something else
	Count    uint64   `json:"count"`
	Process  int      `json:"pid"`
	Name     string   `json:"comm"`
	At       float64  `json:"first_seconds"`
}

// Note is a feature that is not in force, or another remark.
type Note struct {
	Feature string `json:"feature,omitempty"`
	Text    string `json:"text"`
}

// Limit is one of the jail's, and what keeps it.
type Limit struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	By    string `json:"by"` // cgroup, rlimit, none
}

// Usage is what the jail used. What is not known is left out.
type Usage struct {
	Wall        float64 `json:"wall_seconds"`
	User        float64 `json:"user_seconds"`
	System      float64 `json:"system_seconds"`
	Throttled   float64 `json:"throttled_seconds,omitempty"`
	Periods     uint64  `json:"periods,omitempty"`           // of cpu.max in which something ran
	ThrottledIn uint64  `json:"throttled_periods,omitempty"` // in which the processor time was used up
	MaxRSS      int64   `json:"max_rss_bytes"`               // of the largest process
	MemoryPeak  uint64  `json:"memory_peak_bytes,omitempty"`
	SwapPeak    uint64  `json:"swap_peak_bytes,omitempty"`
	PidsPeak    uint64  `json:"pids_peak,omitempty"`
	IORead      uint64  `json:"io_read_bytes,omitempty"`
	IOWritten   uint64  `json:"io_written_bytes,omitempty"`
	OOMKills    uint64  `json:"oom_kills,omitempty"`
	PidsDenied  uint64  `json:"forks_denied,omitempty"`
	Voluntary   int64   `json:"context_switches_voluntary"`
	Involuntary int64   `json:"context_switches_involuntary"`
	By          string  `json:"by"` // cgroup, rusage
}

// File is a report's file before it has its name.
type File struct {
	name string
	f    *os.File
}

// Error is a report that the kernel did not take.
type Error struct {
	Call string // as strace(1) spells it
	Err  error
}

func (e *Error) Error() string { return e.Call + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// ErrNoFile is the name of a device, a pipe or a socket, which the report would
// not be written to: it would take its place.
var ErrNoFile = errors.New("it is no file, and a report takes the place of what has its name")

// Create makes a file beside the one that is to be written, so that it shows
// before anything is run whether that can be. The error is an *Error, or ErrNoFile.
func Create(name string) (*File, error) {
	if err := free(name); err != nil {
		return nil, err
	}
	// Not os.CreateTemp: what package os opens makes Go's runtime ask for two more
	// descriptors, and end the process where there is none (runtime.netpollinit).
	for n := time.Now().UnixNano(); ; n++ {
		temporary := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+strconv.FormatInt(n%1e10, 10))
		fd, err := sys.Openat(sys.AtFDCWD, temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case err == nil:
			return &File{name, os.NewFile(uintptr(fd), temporary)}, nil
		case !errors.Is(err, fs.ErrExist):
			return nil, &Error{fmt.Sprintf("open(%q, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600)", temporary), err}
		}
	}
}

// free asks the kernel for what rename(2) would only say after the run: that the
// name is a directory's. No call of it makes anything.
func free(name string) error {
	if strings.HasSuffix(name, "/") {
		// O_CREAT with such a name is EISDIR (fs/namei.c:open_last_lookups).
		return open(name, "O_WRONLY|O_CREAT|O_CLOEXEC", os.O_WRONLY|os.O_CREATE)
	}
	st, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &Error{fmt.Sprintf("stat(%q)", name), err}
	case st.IsDir():
		return open(name, "O_WRONLY|O_CLOEXEC", os.O_WRONLY)
	case !st.Mode().IsRegular():
		return ErrNoFile
	}
	return nil
}

func open(name, flags string, flag int) error {
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return &Error{fmt.Sprintf("open(%q, %s)", name, flags), err}
	}
	return f.Close()
}

// Write puts r into the file and gives it its name: a reader finds the whole of
// it or nothing. After an error, an *Error, there is nothing.
func (f *File) Write(r *Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	temporary := f.f.Name()
	_, err = f.f.Write(append(text, '\n'))
	if err != nil {
		err = &Error{fmt.Sprintf("write(%q, ..., %d)", temporary, len(text)+1), err}
	} else if err = f.f.Chmod(0o644); err != nil {
		err = &Error{fmt.Sprintf("fchmod(%q, 0644)", temporary), err}
	}
	if e := f.f.Close(); err == nil && e != nil {
		err = &Error{fmt.Sprintf("close(%q)", temporary), e}
	}
	if err == nil {
		// Not os.Rename, which has an errno of its own for a directory.
		if err = sys.Renameat(sys.AtFDCWD, temporary, f.name); err == nil {
			return nil
		}
		err = &Error{fmt.Sprintf("renameat(AT_FDCWD, %q, AT_FDCWD, %q)", temporary, f.name), err}
	}
	_ = os.Remove(temporary)
	return err
}
