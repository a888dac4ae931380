package cgroupdelegate

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// accounts are files of Linux 6.1, 6.12 and 5.15, as they were read.
var accounts = []struct {
	name  string
	files map[string]string
	want  Usage
}{
	{"6.12", map[string]string{
		"memory.peak":      "20979712\n",
		"memory.swap.peak": "0\n",
		"memory.events":    "low 0\nhigh 0\nmax 64\noom 1\noom_kill 3\noom_group_kill 1\n",
		"pids.peak":        "5\n",
		"pids.events":      "max 17\n",
		"cpu.stat": "usage_usec 1300000\nuser_usec 1000000\nsystem_usec 300000\nnice_usec 0\ncore_sched.force_idle_usec 0\n" +
			"nr_periods 12\nnr_throttled 3\nthrottled_usec 250000\nnr_bursts 0\nburst_usec 0\n",
		"io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n254:0 rbytes=100 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n",
	}, Usage{
		User: time.Second, System: 300 * time.Millisecond, Throttled: 250 * time.Millisecond, Periods: 12, ThrottledIn: 3, MemoryPeak: 20979712, PidsPeak: 5,
		IORead: 4196, IOWritten: 8193, OOMKills: 3, OOMGroup: 1, PidsDenied: 17, MemoryMax: 64,
	}},
	{"5.15, without memory.peak and pids.peak", map[string]string{
		"memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n",
		"pids.events":   "max 0\n",
		"cpu.stat":      "usage_usec 52\nuser_usec 31\nsystem_usec 21\n",
	}, Usage{User: 31 * time.Microsecond, System: 21 * time.Microsecond}},
	{"a disk that nothing is known of", map[string]string{"io.stat": "7:0 \n8:0 rbytes=1 wbytes=2\n"}, Usage{IORead: 1, IOWritten: 2}},
	{"nothing", nil, Usage{}},
	{"empty", map[string]string{"memory.peak": "", "cpu.stat": "", "io.stat": "", "memory.events": "", "pids.events": "", "pids.peak": ""}, Usage{}},
	{"garbage", map[string]string{
		"memory.peak": "max\n", "pids.peak": "-1\n", "memory.swap.peak": "99999999999999999999\n", "cpu.stat": "user_usec\nsystem_usec  7\nthrottled_usec x\n\x00\n",
		"memory.events": "oom_kill oom_kill\noom_group_kill 1 2\n", "pids.events": "max\t3\n", "io.stat": "rbytes wbytes= =3 rbytes=-4 wbytes=0x5",
	}, Usage{System: 7 * time.Microsecond}},
}

func TestParseUsage(t *testing.T) {
	for _, tt := range accounts {
		if diff := cmp.Diff(tt.want, ParseUsage(tt.files)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}

// TestAccounts: each file that is read has its say in the usage.
func TestAccounts(t *testing.T) {
	full := accounts[0].files
	for _, file := range Accounts {
		if _, ok := full[file]; !ok {
			t.Errorf("%s has no row", file)
		}
		text := strings.NewReplacer(" 0", " 9", "=1", "=7", "64", "65", "20979712", "1", "17", "1", "00000", "00009", "5\n", "6\n").Replace(full[file])
		if text == "0\n" {
			text = "1\n"
		}
		if ParseUsage(map[string]string{file: text}) == ParseUsage(map[string]string{file: full[file]}) {
			t.Errorf("%s makes no difference", file)
		}
	}
}

func TestPopulated(t *testing.T) {
	for text, want := range map[string]bool{
		"populated 1\nfrozen 0\n": true,
		"populated 0\nfrozen 1\n": false,
		"frozen 1\npopulated 1\n": true,
		"":                        false,
		"populated\n":             false,
		"unpopulated 1\n":         false,
	} {
		if got := Populated(text); got != want {
			t.Errorf("Populated(%q) = %v", text, got)
		}
	}
}

// FuzzUsage: no text is too much for it, and none makes time run backwards.
func FuzzUsage(f *testing.F) {
	for _, a := range accounts {
		for name, text := range a.files {
			f.Add(name, text)
		}
	}
	f.Add("cpu.stat", "user_usec 18446744073709551615\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		u := ParseUsage(map[string]string{name: text})
		if u.User < 0 || u.System < 0 || u.Throttled < 0 {
			t.Errorf("%s %q: %+v", name, text, u)
		}
		_ = Populated(text)
	})
}
