package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/Emmanuel326/procjail/internal/plantest"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
)

// TestDestinations mounts on top of the profile strict and looks at the calls,
// or at the refusal.
func TestDestinations(t *testing.T) {
	ro := func(src, dst string) profiles.Mount {
		return profiles.Mount{Kind: profiles.ReadOnly, Source: src, Dest: dst, From: "--ro"}
	}
	tmpfs := func(dst string) profiles.Mount {
		return profiles.Mount{Kind: profiles.Tmpfs, Dest: dst, Mode: 0o755, From: "--tmpfs"}
	}
	hide := func(dst string) profiles.Mount {
		return profiles.Mount{Kind: profiles.Hide, Dest: dst, From: "--hide"}
	}
	link := func(target, dst string) profiles.Mount {
		return profiles.Mount{Kind: profiles.Link, Source: target, Dest: dst, From: "link"}
	}
	for _, tt := range []struct {
		name   string
		mounts []profiles.Mount
		want   []string // of the calls, in this order
		err    string
	}{
		{"through a relative link", []profiles.Mount{ro("/srv/shared", "/bin")}, []string{`, "usr/bin", {flags=`, `move_mount(fd`}, ""},
		{"through an absolute link", []profiles.Mount{ro("/srv/shared", "/var/run/x")}, []string{`mkdirat(AT_FDCWD, "run/x", 0755)`, `AT_FDCWD, "run/x", `}, ""},
		{"in argv order", []profiles.Mount{tmpfs("/data"), ro("/srv/data.txt", "/data/in")}, []string{`AT_FDCWD, "data", MOVE`, `mknodat(AT_FDCWD, "data/in", `, `AT_FDCWD, "data/in", MOVE`}, ""},
		{"the later covers the earlier", []profiles.Mount{ro("/srv/data.txt", "/data/in"), tmpfs("/data")}, []string{`AT_FDCWD, "data/in", MOVE`, `AT_FDCWD, "data", MOVE`}, ""},
		{"hidden, then shown again", []profiles.Mount{hide("/home/user"), ro("/srv/shared", "/home/user")}, []string{`open_tree(AT_FDCWD, ".empty"`, `"home/user", MOVE`, `"home/user", MOVE`}, ""},
		{"hiding what is not there", []profiles.Mount{hide("/nowhere")}, nil, ""},
		{"a file over a file", []profiles.Mount{ro("/srv/data.txt", "/etc/passwd")}, []string{`AT_FDCWD, "etc/passwd", MOVE`}, ""},
		{"a file where a directory is", []profiles.Mount{ro("/srv/data.txt", "/tmp")}, nil, `--ro at "/tmp": there is a directory inside, where a file is to go`},
		{"a directory where a file is", []profiles.Mount{ro("/srv/shared", "/etc/passwd")}, nil, `--ro at "/etc/passwd": there is a file inside, where a directory is to go`},
		{"below a file", []profiles.Mount{ro("/srv/shared", "/etc/passwd/x")}, nil, `destination "/etc/passwd/x": /etc/passwd inside is no directory`},
		{"a loop", []profiles.Mount{link("b", "/a"), link("a", "/b"), tmpfs("/a/x")}, nil, `destination "/a/x": a loop of symbolic links`},
		{"a link over a file", []profiles.Mount{link("x", "/etc/passwd")}, nil, `link at "/etc/passwd": something is there already`},
		{"a link below a file", []profiles.Mount{link("x", "/etc/passwd/x")}, nil, `link at "/etc/passwd/x": /etc/passwd inside is no directory`},
		{"a link in a tree of the host's", []profiles.Mount{link("x", "/usr/x")}, nil, `link at "/usr/x": the directory is the host's, and procjail makes nothing there`},
		{"the root", []profiles.Mount{ro("/srv/shared", "/")}, nil, "--ro: the destination is the root itself"},
		{"the root through a link", []profiles.Mount{link("/", "/top"), tmpfs("/top")}, nil, "--tmpfs: the destination is the root itself"},
		{"inside /proc", []profiles.Mount{ro("/srv/data.txt", "/proc/cpuinfo")}, nil, `--ro at "/proc/cpuinfo": a destination inside /proc would cover what the kernel shows of the jail`},
		{"inside /proc through a link", []profiles.Mount{link("/proc", "/p"), ro("/srv/data.txt", "/p/cpuinfo")}, nil, `--ro at "/p/cpuinfo": a destination inside /proc would cover what the kernel shows of the jail`},
		{"hidden in /proc through a link", []profiles.Mount{link("/proc", "/p"), hide("/p/1")}, nil, `--hide at "/p/1": a destination inside /proc would cover what the kernel shows of the jail`},
		{"a name of procjail's", []profiles.Mount{tmpfs("/.overlay")}, nil, `--tmpfs at "/.overlay": procjail uses that name while it builds the jail`},
		{"a source that is not there", []profiles.Mount{ro("/srv/none", "/srv/none")}, nil, `--ro "/srv/none": ENOENT from stat on the host`},
		{"a source that is a loop", []profiles.Mount{ro("/srv/loop", "/srv/loop")}, nil, `--ro "/srv/loop": ELOOP from stat on the host`},
		{"an overlay of a file", []profiles.Mount{{Kind: profiles.OverlayTmp, Source: "/srv/data.txt", Dest: "/x", From: "--overlay-tmp"}}, nil, `--overlay-tmp "/srv/data.txt": it is a file; an overlay is of a directory`},
		{"writable, of another user", []profiles.Mount{{Kind: profiles.ReadWrite, Source: "/home/alice/src", Dest: "/src", From: "--rw"}}, nil, `--rw "/home/alice/src": the payload is host uid 100000, which may not write there (owner 1001, mode 0755)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec, host := strict(), plantest.Ordinary()
			spec.Mounts = append(spec.Mounts, tt.mounts...)
			plantest.Look(spec, host)
			p, err := plan.Compile(spec, host)
			var refusal *plan.Refusal
			if err != nil || tt.err != "" {
				if err == nil || err.Error() != tt.err || !errors.As(err, &refusal) {
					t.Errorf("error %v, want the refusal %q", err, tt.err)
				}
				return
			}
			if err := plan.Check(p); err != nil {
				t.Error(err)
			}
			if err := obeys(p); err != nil {
				t.Error(err)
			}
			var b strings.Builder
			for _, e := range p.Entries {
				b.WriteString(e.String() + "\n")
			}
			rest := b.String()
			for _, call := range tt.want {
				_, after, ok := strings.Cut(rest, call)
				if !ok {
					t.Fatalf("no call with %s after the one before:\n%s", call, rest)
				}
				rest = after
			}
		})
	}
}
