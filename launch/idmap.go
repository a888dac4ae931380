package launch

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// newidmaps runs the n helper programs of entries i and following, side by
// side, and waits for all of them. The first failure is returned.
func (r *run) newidmaps(i, n int) error {
	started := make([]sys.Process, 0, n)
	var first error
	for k := range n {
		s := r.plan.Entries[i+k].Step.(plan.Newidmap)
		argv := append([]string{s.Program, r.number(s.Pid)}, s.Map.Args()...)
		p, err := sys.Start(s.Program, argv, []string{"LC_ALL=C"})
		if err != nil {
			first = r.programError(i+k, err)
			break
		}
		started = append(started, p)
	}
	for k, p := range started {
		said, status, err := p.Wait()
		if err == nil && status != 0 {
			err = fmt.Errorf("%s: %s", statusText(status), strings.TrimSpace(said))
		}
		if err != nil && first == nil {
			first = r.programError(i+k, err)
		}
		r.prog.board.set(i+k, int64(status))
	}
	return first
}

func (r *run) programError(i int, err error) error {
	e := r.stepError(i, errnoOf(err))
	e.Err = err
	return e
}

func statusText(s unix.WaitStatus) string {
	if s.Signaled() {
		return "killed by " + unix.SignalName(s.Signal())
	}
	return "exit status " + strconv.Itoa(s.ExitStatus())
}

// writeMap writes a map of init's for a privileged supervisor.
func (r *run) writeMap(i int, s plan.WriteMap) error {
	f, err := os.OpenFile("/proc/"+r.number(s.Pid)+"/"+s.File, os.O_WRONLY, 0)
	if err != nil {
		return r.stepError(i, errnoOf(err))
	}
	defer f.Close()
	if _, err := f.Write(s.Map.Bytes()); err != nil {
		return r.stepError(i, errnoOf(err))
	}
	r.prog.board.set(i, int64(len(s.Map.Bytes())))
	return nil
}

// number is the result that a plan.FD stands for.
func (r *run) number(fd plan.FD) string {
	for i, e := range r.plan.Entries {
		if e.Out == fd {
			return strconv.FormatInt(r.prog.board.outcomes[i].result, 10)
		}
	}
	return fd.String()
}
