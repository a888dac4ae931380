package launch

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/Emmanuel326/procjail/plan"
)

// newidmaps runs the n helper programs of entries i and following, side by
// side, and waits for all of them.
func (r *run) newidmaps(i, n int) error {
	errs := make([]error, n)
	done := make(chan int)
	for k := range n {
		s := r.plan.Entries[i+k].Step.(plan.Newidmap)
		go func() {
			errs[k] = r.newidmap(s)
			done <- k
		}()
	}
	for range n {
		<-done
	}
	for k, err := range errs {
		if err != nil {
			e := r.stepError(i+k, errnoOf(err))
			e.Err = err
			return e
		}
		r.prog.board.set(i+k, 0)
	}
	return nil
}

func (r *run) newidmap(s plan.Newidmap) error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	argv := append([]string{s.Program, r.number(s.Pid)}, s.Map.Args()...)
	p, err := os.StartProcess(s.Program, argv, &os.ProcAttr{Dir: "/", Env: []string{"LC_ALL=C"}, Files: []*os.File{nil, out, out}})
	out.Close()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	_, _ = io.Copy(&said, io.LimitReader(in, 4096))
	st, err := p.Wait()
	if err != nil {
		return err
	}
	if !st.Success() {
		return fmt.Errorf("%v: %s", st, strings.TrimSpace(said.String()))
	}
	return nil
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
