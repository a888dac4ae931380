package launch

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
	"github.com/Emmanuel326/procjail/plan"
)

// TestKernelManyJails starts jails from one process whose runtime is kept as
// busy as it gets: the child must never meet a lock, a stack or a collector of
// Go's. Each run is a process of its own, since GODEBUG is read at its start.
func TestKernelManyJails(t *testing.T) {
	kerneltest.Unprivileged(t)
	kerneltest.Require(t, kerneltest.UserNamespaces)
	for _, tt := range []struct {
		godebug, gogc string
		jails         int
		trace         string // PROCJAIL_MANY_TRACED
	}{
		{"", "100", 2000, ""},
		{"gcstoptheworld=1,clobberfree=1,adaptivestackstart=1", "5", 2000, ""},
		{"asyncpreemptoff=1,gcshrinkstackoff=1", "10", 500, ""},
		{"", "100", 500, "yes"},
	} {
		t.Run(tt.godebug+tt.trace, func(t *testing.T) {
			kerneltest.Clean(t)
			if testing.Short() {
				tt.jails /= 50
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestManyJailsInside$", "-test.v", "-test.timeout=180s")
			cmd.Env = append(os.Environ(), "GODEBUG="+tt.godebug, "GOGC="+tt.gogc, "PROCJAIL_MANY="+strconv.Itoa(tt.jails), "PROCJAIL_MANY_TRACED="+tt.trace)
			began := time.Now()
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%d jails in %v", tt.jails, time.Since(began).Round(time.Millisecond))
		})
	}
}

// TestManyJailsInside is the other process.
func TestManyJailsInside(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("PROCJAIL_MANY"))
	if n == 0 {
		t.Skip("run by TestKernelManyJails")
	}
	traced := os.Getenv("PROCJAIL_MANY_TRACED") != ""
	p := strict(t, []string{"/bin/true"}, func(s *plan.Spec) {
		if traced {
			s.Denials = plan.DenialsTrace
		}
	})
	before := kerneltest.Descriptors(t)
	var stop atomic.Bool
	var busy sync.WaitGroup
	for range 2 {
		busy.Add(1)
		go func() {
			defer busy.Done()
			for i := 0; !stop.Load(); i++ {
				garbage(i % 200)
				if i%50 == 0 {
					runtime.GC()
				}
				time.Sleep(100 * time.Microsecond)
			}
		}()
	}
	var next atomic.Int64
	var jails sync.WaitGroup
	for range 8 {
		jails.Add(1)
		go func() {
			defer jails.Done()
			for next.Add(1) <= int64(n) {
				res, err := Run(p, Options{Trace: traced})
				if err != nil {
					t.Error(err)
					return
				}
				if res.Status != 0 {
					t.Errorf("/bin/true ended with %#x", res.Status)
				}
			}
		}()
	}
	jails.Wait()
	stop.Store(true)
	busy.Wait()
	if after := kerneltest.Descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}

// garbage grows the stack and leaves work for the collector.
func garbage(depth int) []byte {
	var frame [512]byte
	frame[depth%512] = 1
	if depth == 0 {
		return append([]byte(nil), frame[:]...)
	}
	return append(garbage(depth - 1)[:0:0], fmt.Sprint(frame[depth%512])...)
}
