// Package report is what a run says of itself in machine-readable form: one JSON
// object, which docs/report.schema.json describes. Names are those of the OCI
// and of systemd where these have one; sizes are bytes, times are seconds.
package report

import (
	"encoding/json"
	"os"
	"path/filepath"
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

	Reason   string `json:"reason"`           // exited, signaled, oom, pids, timeout, cpu-time, seccomp, setup-failed, interrupted
	ExitCode int    `json:"exit_code"`        // what procjail exits with
	Status   *int   `json:"status,omitempty"` // the payload's own exit status
	Signal   string `json:"signal,omitempty"` // that killed the payload
	Killed   bool   `json:"killed,omitempty"` // by procjail, since it did not end when it was asked to

	Error    *Failure `json:"error,omitempty"` // reason setup-failed
	Degraded []Note   `json:"degraded"`        // what this host does not give
	Limits   []Limit  `json:"limits"`
	Usage    *Usage   `json:"usage,omitempty"`
	PID1     string   `json:"pid1,omitempty"`
	Left     []string `json:"left"` // what could not be cleared away
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
	MaxRSS      int64   `json:"max_rss_bytes"` // of the largest process
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

// Create makes a file beside the one that is to be written, so that it shows
// before anything is run whether that can be.
func Create(name string) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, err
	}
	return &File{name, f}, nil
}

// Write puts r into the file and gives it its name: a reader finds the whole of
// it or nothing. After an error there is nothing.
func (f *File) Write(r *Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		_, err = f.f.Write(append(text, '\n'))
	}
	if err == nil {
		err = f.f.Chmod(0o644)
	}
	if e := f.f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.f.Name(), f.name)
	}
	if err != nil {
		_ = os.Remove(f.f.Name())
	}
	return err
}
