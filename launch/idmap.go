package launch

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/plan"
)

// helperTime is how long newuidmap and newgidmap may take. They ask the name
// service, which may ask somebody over a network.
const helperTime = 30 * time.Second

// newidmaps runs the n helper programs of entries i and following, side by
// side, and waits for all of them. The first failure is returned. Those that do
// not end in time are killed; and without a word where init has ended, for which
// they work.
func (r *run) newidmaps(i, n int) error {
	limit := helperTime
	if r.opt.helpers != 0 {
		limit = r.opt.helpers
	}
	var stuck error // the jail was killed, and does not end
	gone := func() bool { return r.pidfd != 0 && sys.PollShort(r.pidfd, 0) }
	end := time.Now().Add(limit)
	patient := func() bool {
		if r.wake != 0 {
			r.signals()
		}
		if err := r.deadlines(); err != nil {
			stuck = err
		}
		return stuck == nil && !gone() && time.Now().Before(end)
	}

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
		said, status, err := p.Wait(patient)
		switch {
		case err != nil || status == 0:
		case status.Signaled() && !time.Now().Before(end):
			err = errors.New("killed, since it had not ended after " + limit.String())
		default:
			err = fmt.Errorf("%s: %s", statusText(status), strings.TrimSpace(said))
		}
		if err != nil && first == nil {
			first = r.programError(i+k, err)
		}
		r.prog.board.set(i+k, int64(status))
	}
	if first != nil && stuck == nil && gone() {
		return nil // why it has ended is what there is to say
	}
	return cmp.Or(stuck, first)
}

func (r *run) programError(i int, err error) error {
	e := r.stepError(i, sys.Errno(err))
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
		return r.stepError(i, sys.Errno(err))
	}
	defer f.Close()
	if _, err := f.Write(s.Map.Bytes()); err != nil {
		return r.stepError(i, sys.Errno(err))
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
