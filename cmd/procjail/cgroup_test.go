package main

import (
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/launch"
)

// TestThrottled: a payload that another limit ended, or that had to wait no longer than
// any start does, did not fail for want of processor time.
func TestThrottled(t *testing.T) {
	for _, tt := range []struct {
		reason  launch.Reason
		waited  time.Duration
		in, all uint64
		want    bool
	}{
		{launch.Exited, 2 * time.Second, 16, 17, true},
		{launch.Timeout, throttledTime, 5, 10, true},
		{launch.Signaled, time.Second, 9, 10, true},
		{launch.Exited, 430 * time.Microsecond, 1, 2, false},
		{launch.Exited, 2 * time.Second, 16, 33, false},
		{launch.OOM, 2 * time.Second, 16, 17, false},
		{launch.Pids, 656 * time.Millisecond, 7, 8, false},
		{launch.Interrupted, 2 * time.Second, 16, 17, false},
		{launch.Exited, 0, 0, 0, false},
	} {
		res := launch.Result{Reason: tt.reason, Cgroup: cgroupdelegate.Usage{Throttled: tt.waited, ThrottledIn: tt.in, Periods: tt.all}}
		if got := throttled(res); got != tt.want {
			t.Errorf("throttled(%s, %d of %d periods, %v) = %v, want %v", tt.reason, tt.in, tt.all, tt.waited, got, tt.want)
		}
	}
}
