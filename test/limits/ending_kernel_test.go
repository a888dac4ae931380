package limits

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelEnds: what a payload leaves running ends with it, soon.
func TestKernelEnds(t *testing.T) {
	for name, script := range map[string]string{
		"daemons":        `setsid sleep 600 & (setsid sleep 600 &) ; (sh -c 'trap "" HUP INT TERM; sleep 600' &) ; exit 5`,
		"stopped":        `sleep 600 & kill -STOP $!; (sh -c 'kill -STOP $$' &) ; sleep 0.2; exit 5`,
		"a stopped half": `sh -c 'sleep 600 & kill -STOP $$' & sleep 0.2; exit 5`,
	} {
		for _, pid1 := range []string{"init", "payload"} {
			t.Run(name+"/"+pid1, func(t *testing.T) {
				start(t)
				began := time.Now()
				got := kerneltest.Run(t, "-q", "--pid1", pid1, "sh", "-c", script)
				if got.Code != 5 || got.Stderr != "" {
					t.Errorf("%+v", got)
				}
				if took := time.Since(began); took > 8*time.Second {
					t.Errorf("took %v", took)
				}
			})
		}
	}
}

// TestKernelFrozen: a jail that somebody froze or stopped ends with procjail.
func TestKernelFrozen(t *testing.T) {
	for name, halt := range map[string]func(t *testing.T, j *jail){
		"frozen": func(t *testing.T, j *jail) {
			if err := os.WriteFile(j.top+"/payload/cgroup.freeze", []byte("1"), 0); err != nil {
				t.Fatal(err)
			}
			for !strings.Contains(text(j.top+"/payload/cgroup.events"), "frozen 1") {
				time.Sleep(10 * time.Millisecond)
			}
		},
		"stopped": func(t *testing.T, j *jail) {
			for pid := range strings.FieldsSeq(text(j.top + "/payload/cgroup.procs")) {
				_ = unix.Kill(number(pid), unix.SIGSTOP)
			}
		},
		"frozen whole": func(t *testing.T, j *jail) {
			if err := os.WriteFile(j.top+"/cgroup.freeze", []byte("1"), 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			start(t)
			j := startWaiting(t, []string{"-q"})
			halt(t, j)
			_ = j.Cmd.Process.Kill()
			_ = j.End()
			nothingLeft(t)
		})
	}
	// With procjail alive it is init that ends, and the rest by cgroup.kill.
	t.Run("init killed", func(t *testing.T) {
		start(t)
		j := startWaiting(t, []string{"-q"})
		procs := strings.Fields(text(j.top + "/payload/cgroup.procs"))
		for _, pid := range procs {
			_ = unix.Kill(number(pid), unix.SIGSTOP)
		}
		if err := unix.Kill(number(procs[0]), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if code := j.End(); code != 137 {
			t.Errorf("exit %d, %s", code, j.stderr)
		}
	})
}

// TestKernelKilled kills procjail at moments spread over a start and what comes
// after: then there is no process, no scope and no directory.
func TestKernelKilled(t *testing.T) {
	start(t)
	// The orphans are systemd's to reap, as they are outside of a test.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	const script = `setsid sleep 600 & (setsid sleep 600 &) ; trap '' HUP INT TERM; sleep 600`
	began := time.Now()
	if got := kerneltest.Run(t, "-q", "true"); got.Code != 0 {
		t.Fatalf("%+v", got)
	}
	whole := time.Since(began)
	runs := 200
	if testing.Short() {
		runs = 50
	}
	for range runs {
		cmd := exec.Command(kerneltest.Binary(t), "-q", "sh", "-c", script)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(whole * 5 / 4))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	killed := time.Now()
	dirs := cgroupsNamed(t, "procjail")
	t.Logf("a start takes %v; %d killed: %d scopes are there at once", whole, runs, len(dirs))
	for ; time.Since(killed) < 20*time.Second; time.Sleep(50 * time.Millisecond) {
		if dirs = cgroupsNamed(t, "procjail"); len(dirs) == 0 {
			t.Logf("none is after %v", time.Since(killed))
			return
		}
	}
	for _, dir := range dirs {
		if !strings.Contains(text(dir+"/cgroup.events"), "populated 0\n") {
			t.Errorf("something lives in %s", dir)
		}
	}
	t.Errorf("%d scopes of %d are left", len(dirs), runs)
	// For the tests after this one.
	out, err := exec.Command(kerneltest.Binary(t), "doctor", "--fix").CombinedOutput()
	t.Logf("doctor --fix: %v, %s", err, out)
}

// TestKernelKilledDelegated: in a delegated cgroup nobody but the next procjail
// can clean up; the jail itself ends at once.
func TestKernelKilledDelegated(t *testing.T) {
	start(t)
	file := filepath.Join(t.TempDir(), "populated")
	got := inScope(t, `for i in 1 2 3 4 5 6 7 8 9 10; do "$procjail" -q sleep 600 & sleep 0.$i; kill -9 $!; wait $!; done 2>/dev/null
sleep 1; payload -q true; echo $?; state after; cat "$dir"/procjail-*/cgroup.events 2>/dev/null | grep -c 'populated 1' >`+file)
	if n := strings.TrimSpace(text(file)); n != "0" && n != "" {
		t.Errorf("%s leaves still have processes", n)
	}
	match(t, "stdout", `0\nafter: enabled \[\] below \[[^\]]*\] processes 1\n`, got.Stdout)
	if strings.Contains(got.Stdout, "callers") {
		t.Errorf("%s", got.Stdout)
	}
	t.Logf("%s", got.Stdout)
}
