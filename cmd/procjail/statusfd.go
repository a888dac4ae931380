package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/launch"
)

// statusFDs are the descriptors of --info-fd and --json-status-fd: bubblewrap's
// names with what it writes there, and more. On both comes one line when the
// payload is about to run; on the second another one at the end.
type statusFDs struct {
	info, status int           // 0: not asked for
	first        chan struct{} // closed when the first line is written; nil: nobody has begun
}

// statusTime is how long whoever reads the descriptors has to make room for a line.
const statusTime = 10 * time.Second

// started is the first line. child-pid is PID 1's, as bubblewrap's is.
type started struct {
	ChildPID   int    `json:"child-pid"`
	PayloadPID int    `json:"payload-pid,omitempty"`
	Cgroup     uint64 `json:"cgroup-namespace,omitempty"`
	IPC        uint64 `json:"ipc-namespace,omitempty"`
	Mnt        uint64 `json:"mnt-namespace,omitempty"`
	Net        uint64 `json:"net-namespace,omitempty"`
	PID        uint64 `json:"pid-namespace,omitempty"`
	Time       uint64 `json:"time-namespace,omitempty"`
	User       uint64 `json:"user-namespace,omitempty"`
	UTS        uint64 `json:"uts-namespace,omitempty"`
}

// finished is the last line. Where the payload never ran there is no other.
type finished struct {
	ExitCode int    `json:"exit-code"`
	Reason   string `json:"reason"`
	Signal   string `json:"signal,omitempty"`
	Error    string `json:"error,omitempty"`
}

// flag is a pflag.Value: a descriptor that is open for writing.
func (s *statusFDs) parse(text string, to *int) error {
	n, err := strconv.ParseUint(text, 10, 20)
	if err != nil || n < 3 {
		return fmt.Errorf("%q: want the number of a descriptor from 3 up", text)
	}
	mode, path, err := sys.OpenMode(int(n))
	switch {
	case err != nil:
		return fmt.Errorf("%d: the caller has no such descriptor", n)
	case path || mode == unix.O_RDONLY:
		return fmt.Errorf("%d: it is not open for writing", n)
	}
	*to = int(n)
	return nil
}

func (s *statusFDs) wanted() bool { return s.info != 0 || s.status != 0 }

// started writes the first line, without waiting for who reads it.
func (s *statusFDs) started(st launch.State) {
	s.first = make(chan struct{})
	sys.Widen()
	go func() {
		defer close(s.first)
		s.writeFirst(st)
	}()
}

func (s *statusFDs) writeFirst(st launch.State) {
	n := st.Namespaces
	line := started{
		ChildPID: st.InitPid, PayloadPID: st.Pid,
		Cgroup: n["cgroup"], IPC: n["ipc"], Mnt: n["mnt"], Net: n["net"], PID: n["pid"], Time: n["time"], User: n["user"], UTS: n["uts"],
	}
	if s.info != 0 {
		_ = s.write("--info-fd", s.info, line)
		if s.info != s.status {
			sys.Close(s.info) // the reader sees the end
		}
		s.info = 0
	}
	if s.status != 0 && !s.write("--json-status-fd", s.status, line) {
		s.status = 0
	}
}

// finished waits for the first line, and writes the last, unless the first failed.
func (s *statusFDs) finished(line finished) {
	if s.first != nil {
		<-s.first
	}
	if s.status != 0 {
		_ = s.write("--json-status-fd", s.status, line)
	}
}

// write says so where nobody reads: the payload runs all the same.
func (s *statusFDs) write(option string, fd int, v any) bool {
	text, err := json.Marshal(v)
	if err == nil {
		err = sys.WriteWithin(fd, append(text, '\n'), statusTime)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		say("error", fmt.Sprintf("%s %d: it is full, and nobody has read from it for %v", option, fd, statusTime))
	case err != nil && !errors.Is(err, unix.EPIPE):
		say("error", fmt.Sprintf("%s %d: %v", option, fd, err))
	}
	return err == nil
}

// before is called when the payload is about to run, where somebody wants to know
// what it is then.
func (o *options) before() func(launch.State) {
	if o.reportFile == "" && !o.status.wanted() {
		return nil
	}
	return func(s launch.State) {
		if s.AtExecve {
			o.state(s)
		}
		o.status.started(s)
	}
}
