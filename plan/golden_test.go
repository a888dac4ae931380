package plan_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// goldens are whole plans for hosts written by hand.
var goldens = []struct {
	name string
	spec func() *plan.Spec
	host func() *plan.Host
}{
	{"ordinary", strict, plantest.Ordinary},
	{"root", strict, plantest.Root},
	{"no-subordinate-ids", strict, plantest.NoSubordinate},
	{"command-line", commandLine, func() *plan.Host {
		h := plantest.NoSubordinate()
		h.TimerSlack = 50000
		h.OOMScore = -900
		return h
	}},
	{"build", func() *plan.Spec { return plantest.Spec("build", "make", "-j2") }, func() *plan.Host {
		h := plantest.Ordinary()
		h.Program.Path, h.Program.Entry = "/usr/bin/make", "/usr/bin/make"
		return h
	}},
	{"container-with-masked-proc", strict, func() *plan.Host {
		h := plantest.Root()
		h.Caller.UIDMap = userns.Map{{Inside: 0, Outside: 100000, Count: 65536}}
		h.Caller.GIDMap = h.Caller.UIDMap
		h.ProcCovered = []string{"/proc/acpi", "/proc/kcore", "/proc/sys"}
		return h
	}},
	{"terminal", strict, func() *plan.Host {
		h := plantest.NoSubordinate()
		h.Cgroup = cgroupdelegate.Facts{}
		for i := range h.Stdio {
			h.Stdio[i] = plan.Stdio{Open: true, Read: true, Write: true, Kind: plan.Device, Terminal: true}
		}
		h.Terminal = plan.Terminal{Rows: 25, Cols: 80, Termios: make([]byte, 36)}
		return h
	}},
	{"delegated-cgroup", func() *plan.Spec {
		s := strict()
		for _, p := range []string{"MemoryHigh=50%", "CPUWeight=50", "AllowedCPUs=0-1", "IOWriteBandwidthMax=/dev/sda 10M", "TasksMax=1%"} {
			if err := s.Limits.Property(p); err != nil {
				panic(err)
			}
		}
		return s
	}, func() *plan.Host {
		h := plantest.NoSubordinate()
		h.Cgroup = plantest.DelegatedTo("/", "cpu", "io", "memory", "pids")
		return h
	}},
	{"no-cgroup", func() *plan.Spec {
		s := strict()
		s.Limits.IO = nil
		return s
	}, func() *plan.Host {
		h := plantest.Ordinary()
		h.Cgroup.Manager = cgroupdelegate.Manager{User: true, Missing: "/run/user/1001"}
		return h
	}},
	{"kernel-5.14", strict, func() *plan.Host {
		h := plantest.Ordinary()
		h.Release, h.Major, h.Minor, h.Landlock = "5.14.0-570.el9.x86_64", 5, 14, 0
		return h
	}},
	{"kernel-5.10", strict, func() *plan.Host {
		h := plantest.Ordinary()
		h.Release, h.Major, h.Minor, h.Landlock = "5.10.0-35-amd64", 5, 10, 0
		return h
	}},
	{"private-program", func() *plan.Spec { return plantest.Spec("strict", "./untrusted", "--all") }, func() *plan.Host {
		h := plantest.Ordinary()
		h.Program = plan.Program{
			Path: "/home/alice/src/untrusted", Entry: "/home/alice/src/untrusted",
			Kind: plan.Regular, Mode: 0o700, Size: 3 << 30, Readable: true,
		}
		return h
	}},
	{"rootfs", func() *plan.Spec {
		s := plantest.Spec("strict", "sh")
		s.Rootfs = "/srv/tree"
		s.Init = profiles.PID1Payload
		return s
	}, plantest.Ordinary},
	{"options", func() *plan.Spec {
		s := strict()
		s.Keep = []string{"CAP_NET_RAW"}
		s.Net = profiles.NetHost
		s.Workdir = "/data"
		s.Mounts = append(s.Mounts,
			profiles.Mount{Kind: profiles.ReadWrite, Source: "/srv/shared", Dest: "/data", From: "--rw"},
			profiles.Mount{Kind: profiles.ReadOnly, Source: "/srv/data.txt", Dest: "/var/tmp/in", From: "--ro"},
			profiles.Mount{Kind: profiles.Overlay, Source: "/srv/shared", Dest: "/work", Upper: "/home/alice/.local/state/o", From: "--overlay"},
			profiles.Mount{Kind: profiles.OverlayTmp, Source: "/srv/shared", Dest: "/scratch", From: "--overlay-tmp"},
			profiles.Mount{Kind: profiles.Tmpfs, Dest: "/data/cache", Size: 1 << 20, Mode: 0o755, From: "--tmpfs"},
			profiles.Mount{Kind: profiles.Hide, Dest: "/usr/share", From: "--hide"},
			profiles.Mount{Kind: profiles.Hide, Dest: "/etc/passwd", From: "--hide"})
		return s
	}, plantest.Ordinary},
}

// commandLine is a process of one jail, as opposed to a user of the Go API.
func commandLine() *plan.Spec {
	s := strict()
	s.Forward = true
	return s
}

func strict() *plan.Spec { return plantest.Spec("strict", "id", "-un") }

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			spec, host := g.spec(), g.host()
			plantest.Look(spec, host)
			got := render(spec, host)
			name := "testdata/" + g.name + ".golden"
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-%s +got (go test -run TestGolden -update rewrites it):\n%s", name, diff)
			}
		})
	}
}

// render is what --dry-run prints, a refusal included.
func render(spec *plan.Spec, host *plan.Host) []byte {
	var b bytes.Buffer
	p, err := plan.Compile(spec, host)
	if err == nil {
		err = plan.Check(p)
	}
	if err == nil {
		err = p.Render(&b, host)
	}
	if err != nil {
		fmt.Fprintf(&b, "error: %v\n", err)
		var r *plan.Refusal
		if errors.As(err, &r) {
			fmt.Fprintf(&b, "remedy: %s\nexit: %d\n", r.Remedy, r.Exit)
		}
	}
	return b.Bytes()
}
