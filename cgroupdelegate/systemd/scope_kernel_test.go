package systemd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelScope asks the user's own service manager, on its socket and over the bus, and compares with what
// /proc/PID/cgroup and /sys/fs/cgroup show.
func TestKernelScope(t *testing.T) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		t.Skip("no service manager of this user: XDG_RUNTIME_DIR is not set")
	}
	for _, addr := range UserAddresses(dir, "") {
		t.Run(addr.Path, func(t *testing.T) {
			if _, err := os.Stat(addr.Path); err != nil {
				t.Skipf("no service manager of this user: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			clean(t)
			scopeEndsWithItsProcess(ctx, t, addr)
			scopeIsStopped(ctx, t, addr)
			scopeOfNobody(ctx, t, addr)
			for range 5 {
				startTime(ctx, t, addr)
			}
		})
	}
}

func dialKernel(ctx context.Context, t *testing.T, addr Address) *Manager {
	t.Helper()
	m, err := Dial(ctx, []Address{addr})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sleeper starts a process and returns it with a scope for it.
func sleeper(t *testing.T, suffix string) (*exec.Cmd, Scope) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	pid := cmd.Process.Pid
	return cmd, Scope{Name: "procjail-test-" + strconv.Itoa(pid) + suffix + ".scope", Description: "test of procjail", PIDs: []uint32{uint32(pid)}}
}

func scopeEndsWithItsProcess(ctx context.Context, t *testing.T, addr Address) {
	m := dialKernel(ctx, t, addr)
	defer m.Close() // and not later: the manager of systemd has work with each that is open
	cmd, scope := sleeper(t, "")
	job, err := m.StartScope(ctx, scope)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	cgroup := kerneltest.CgroupOf(t, cmd.Process.Pid)
	t.Log(cgroup)
	if !strings.HasSuffix(cgroup, "/"+scope.Name) {
		t.Errorf("the process is in %s, want .../%s", cgroup, scope.Name)
	}
	if err := os.Mkdir(cgroup+"/child", 0o755); err != nil {
		t.Errorf("the scope is not delegated: %v", err)
	}
	units, err := m.ListUnits(ctx, "procjail-test-*.scope")
	want := Unit{scope.Name, scope.Description, "loaded", "active", "running"}
	if err != nil || len(units) != 1 || units[0] != want {
		t.Errorf("ListUnits = %v, %v, want %v", units, err, want)
	}
	_, err = m.StartScope(ctx, scope)
	var e *Error
	if !errors.As(err, &e) || e.Name != UnitExists {
		t.Errorf("a second scope of that name: %v, want %s", err, UnitExists)
	}
	t.Log(err)

	cmd.Process.Kill()
	cmd.Wait()
	eventually(func() bool {
		units, err = m.ListUnits(ctx, scope.Name)
		_, stat := os.Stat(cgroup)
		return err == nil && len(units) == 0 && errors.Is(stat, os.ErrNotExist)
	}, func() { t.Errorf("a second after its last process the scope is %v, %v", units, err) })
}

func scopeIsStopped(ctx context.Context, t *testing.T, addr Address) {
	m := dialKernel(ctx, t, addr)
	defer m.Close()
	cmd, scope := sleeper(t, "-stop")
	job, err := m.StartScope(ctx, scope)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if job, err = m.StopUnit(ctx, scope.Name); err != nil {
		t.Fatal(err)
	}
	if err := job.Wait(ctx); err != nil {
		t.Error(err)
	}
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want SIGTERM", cmd.ProcessState)
	}
	var e *Error
	if _, err := m.StopUnit(ctx, scope.Name); !errors.As(err, &e) || e.Name != NoSuchUnit {
		t.Errorf("StopUnit of one that is gone: %v, want %s", err, NoSuchUnit)
	} else {
		t.Log(err)
	}
}

// scopeOfNobody asks for a scope of a process that has ended, which the manager refuses or fails, and leaves no unit.
func scopeOfNobody(ctx context.Context, t *testing.T, addr Address) {
	m := dialKernel(ctx, t, addr)
	defer m.Close()
	cmd, scope := sleeper(t, "-nobody")
	cmd.Process.Kill()
	cmd.Wait()
	job, err := m.StartScope(ctx, scope)
	if err == nil {
		err = job.Wait(ctx)
	}
	if err == nil {
		t.Error("a scope for a process that has ended")
	}
	t.Log(err)
	scope.PIDs = nil
	if _, err = m.StartScope(ctx, scope); err == nil {
		t.Error("a scope with no process")
	}
	t.Log(err)
	if _, err = m.StartScope(ctx, Scope{Name: "procjail-test", PIDs: []uint32{uint32(os.Getpid())}}); err == nil {
		t.Error("a scope with a name that is none")
	}
	t.Log(err)
	var units []Unit
	eventually(func() bool {
		units, err = m.ListUnits(ctx, "procjail-test*")
		return err == nil && len(units) == 0
	}, func() { t.Errorf("left: %v, %v", units, err) })
}

// startTime logs how long a start waits for the manager.
func startTime(ctx context.Context, t *testing.T, addr Address) {
	_, scope := sleeper(t, "-time")
	begin := time.Now()
	m := dialKernel(ctx, t, addr)
	defer m.Close()
	dialed := time.Since(begin)
	job, err := m.StartScope(ctx, scope)
	if err != nil {
		t.Fatal(err)
	}
	replied := time.Since(begin)
	if err := job.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("connected after %v, StartTransientUnit returned after %v, JobRemoved came after %v", dialed, replied, time.Since(begin))
}

// eventually waits a second for something to be so.
func eventually(isSo func() bool, otherwise func()) {
	for range 100 {
		if isSo() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	otherwise()
}
