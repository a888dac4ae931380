package launch

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/seccomp"
	"github.com/Emmanuel326/procjail/userns"
)

// strict is the plan of a jail under profile strict on this host, with changes.
func strict(t testing.TB, argv []string, change func(*plan.Spec)) *plan.Plan {
	t.Helper()
	p, _ := profiles.Builtin("strict")
	f, _ := seccomp.Builtin("strict")
	s := &plan.Spec{
		Profile: *p, Argv: argv, InitImage: InitImage(), Cgroup: cgroupdelegate.Off,
		Filter: plan.Filter{Name: f.Name, Program: f.Program},
	}
	s.ID = userns.Self
	if change != nil {
		change(s)
	}
	h, err := host.Probe(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h.Affinity == nil { // a test is linked without internal/boot's entry
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil {
			t.Fatal(err)
		}
		h.Affinity = make(plan.Processors, 8)
		for n := range 64 {
			if set.IsSet(n) {
				h.Affinity[n/8] |= 1 << (n % 8)
				h.Processor = n
			}
		}
	}
	made, err := plan.Compile(s, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Check(made); err != nil {
		t.Fatal(err)
	}
	return made
}

// message is how the failure of entry i reads.
func message(p *plan.Plan, i int, what string) string {
	e := p.Entries[i]
	where := e.Stage.String()
	if e.From != "" {
		where += ", " + e.From
	}
	return fmt.Sprintf("step %d/%d (%s): %s: %s", i+1, len(p.Entries), where, plan.Spell(e.Step), what)
}

// TestInitImage holds the ELF file that PID 1 executes to what the kernel and
// its reader expect of it.
func TestInitImage(t *testing.T) {
	img := InitImage()
	if len(img) > 1024 {
		t.Errorf("PID 1's program has %d bytes, want at most 1024", len(img))
	}
	if !strings.HasPrefix(string(img), "\x7fELF\x02\x01\x01") {
		t.Errorf("it begins with %q", img[:8])
	}
	if strings.Contains(string(img), stubEnd) {
		t.Error("the mark of its end is part of it")
	}
	name := t.TempDir() + "/init"
	if err := os.WriteFile(name, img, 0o755); err != nil {
		t.Fatal(err)
	}
	// A pipe whose other end is closed stands for a supervisor that has ended.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.Close()
	pid, err := syscall.ForkExec(name, []string{"procjail-init", "2"}, &syscall.ProcAttr{Files: []uintptr{r.Fd(), r.Fd(), r.Fd()}})
	if err != nil {
		t.Fatal(err)
	}
	var st syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &st, 0, nil); err != nil || st.ExitStatus() != 137 {
		t.Errorf("without a supervisor it ended with %v, %v; want exit status 137", st, err)
	}
}

func fmtType(v any) string { return fmt.Sprintf("%T", v) }
