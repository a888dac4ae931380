package plantest

import (
	"path"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// Random makes a Spec and a Host of bytes: every choice takes one or more of
// them, and when they are used up every choice is the first.
func Random(data []byte) (*plan.Spec, *plan.Host) {
	r := &reader{data}
	spec, host := r.spec(), r.host()
	said := host.Paths
	Look(spec, host)
	for name, p := range said {
		if _, wanted := host.Paths[name]; !wanted {
			continue
		}
		host.Paths[name] = p
		for _, n := range p.Names {
			if entry := path.Join(name, n); host.Paths[entry].Kind == plan.Missing {
				host.Paths[entry] = plan.Path{Kind: plan.Directory, Mode: 0o755}
			}
		}
	}
	return spec, host
}

type reader struct{ data []byte }

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) bool() bool { return r.byte()&1 == 1 }

func (r *reader) below(n int) int { return int(r.byte()) % n }

func (r *reader) uint32() uint32 {
	return uint32(r.byte()) | uint32(r.byte())<<8 | uint32(r.byte())<<16 | uint32(r.byte())<<24
}

// number is often one at the edge of something.
func (r *reader) number() uint64 {
	edges := [...]uint64{0, 1, 4096, 1 << 20, 64 << 20, 1<<31 - 1, 1 << 32, 1<<63 - 1, 1 << 63, profiles.Unlimited}
	if i := r.below(len(edges) + 1); i < len(edges) {
		return edges[i]
	}
	return uint64(r.uint32())<<32 | uint64(r.uint32())
}

func (r *reader) text() string {
	n := r.below(12)
	b := make([]byte, 0, n)
	for range n {
		b = append(b, r.byte())
	}
	return string(b)
}

// words are parts of paths that meet what a profile makes.
var words = [...]string{
	"usr", "bin", "etc", "proc", "dev", "tmp", "home", "user", "var", "run", "passwd", "srv", "shared", "data.txt", "tree",
	"a", "b", "..", ".", "", "null", "pts", "self", "kcore", ".empty", ".overlay", "procjail-init", "upper", "work", "alice", "src", "lib64",
}

func (r *reader) path() string {
	p := ""
	for range 1 + r.below(5) {
		if r.below(16) == 15 {
			p += "/" + r.text()
		} else {
			p += "/" + words[r.below(len(words))]
		}
	}
	return p
}

// place is a path as a profile may write it.
func (r *reader) place() string {
	switch r.below(8) {
	case 0:
		return "~" + r.path()
	case 1:
		return "." + r.path()
	case 2:
		return r.text()
	}
	return r.path()
}

func (r *reader) spec() *plan.Spec {
	profile := "strict"
	if r.bool() {
		profile = "build"
	}
	s := Spec(profile, "id")
	if r.below(4) == 0 {
		s.Mounts = nil
	}
	for range r.below(8) {
		s.Mounts = append(s.Mounts, r.mount())
	}
	s.ID = userns.ID(r.below(3))
	s.Net = profiles.Net(r.below(2))
	s.Init = profiles.PID1(r.below(2))
	s.Landlock = r.bool()
	s.Forward = r.bool()
	s.Cgroup = cgroupdelegate.Source(r.below(4))
	s.Hostname = "jail"
	switch r.below(12) {
	case 1:
		s.Rootfs = r.place()
	case 5:
		s.Keep = []string{caps.Cap(r.below(64)).String()}
	case 2:
		s.Keep = [][]string{{r.text()}, {"all"}}[r.below(2)]
	case 3:
		s.UID, s.GID = profiles.Number(int64(r.number())), profiles.Number(int64(r.number()))
	case 4:
		s.Home, s.Workdir = r.place(), r.place()
	}
	if r.below(4) == 0 {
		s.Limits = profiles.Limits{
			Limits: cgroupdelegate.Limits{Memory: r.number(), Swap: r.number(), Pids: r.number(), CPUs: float64(r.byte())},
			Core:   r.number(),
			Nofile: r.number(), FileSize: r.number(), CPUTime: r.number(), Tmpfs: r.number(),
		}
	}
	if r.below(4) == 0 {
		s.Env = []profiles.EnvRule{{Key: r.text(), Value: r.text(), Pass: r.bool()}, {Key: "PATH", Value: r.path() + ":" + r.path()}}
	}
	if r.below(16) == 15 {
		s.Argv = [][]string{nil, {""}, {r.text(), r.text()}, {r.path()}}[r.below(4)]
	}
	s.Filter.Program = make([]byte, 8*r.below(4))
	return s
}

func (r *reader) mount() profiles.Mount {
	m := profiles.Mount{
		Kind: profiles.Kind(r.below(int(profiles.ResolvConf) + 1)), Source: r.place(), Dest: r.place(), Optional: r.bool(),
		Mode: uint32(r.byte())<<4 | 7, From: [...]string{"profile p: mounts[0]", "--ro"}[r.below(2)],
	}
	switch m.Kind {
	case profiles.Tmpfs, profiles.OverlayTmp:
		m.Size = r.number()
	case profiles.File:
		m.Content = r.text()
	case profiles.Proc:
		m.RO, m.Mask = r.bool(), []string{words[r.below(len(words))], "kcore"}
		if r.bool() {
			m.Dest = "/proc"
		}
	case profiles.Dev:
		if r.bool() {
			m.Dest = "/dev"
		}
	case profiles.Overlay:
		m.Upper = path.Join("/home/alice/.local/state", words[r.below(len(words))])
	}
	return m
}

func (r *reader) host() *plan.Host {
	h := [...]func() *plan.Host{Ordinary, NoSubordinate, Root}[r.below(3)]()
	if r.below(8) == 7 {
		h.Major, h.Minor = 5+r.below(2), r.below(20)
	}
	h.Landlock = r.below(9)
	h.LastCap = caps.CheckpointRestore + caps.Cap(r.below(24))
	h.Monotonic, h.Boottime = int64(r.number()>>1), int64(r.number()>>1)
	h.Affinity, h.Processor = plan.Processors{byte(r.below(256)), byte(r.below(256))}[:r.below(3)], r.below(20)
	h.Nofile, h.Nproc = r.number(), r.number()
	for i := range h.Stdio {
		h.Stdio[i] = plan.Stdio{Open: r.bool(), Read: r.bool(), Write: r.bool(), Pipe: r.bool(), Kind: plan.FileKind(2 + r.below(3))}
		if r.below(64) == 63 {
			h.Stdio[i].Kind = plan.Directory
		}
	}
	if r.below(8) == 7 {
		h.Caller = r.caller()
	}
	if r.below(16) == 15 {
		h.ProcCovered = []string{r.path()}
	}
	if r.below(4) == 0 {
		h.Home, h.Cwd = path.Clean(r.path()), path.Clean(r.path())
	}
	if r.below(8) == 0 {
		h.Cwd = ""
	}
	h.Paths = map[string]plan.Path{}
	for range r.below(8) {
		h.Paths[path.Clean(r.path())] = r.file()
	}
	if r.bool() {
		h.Program = r.program()
	}
	return h
}

func (r *reader) caller() userns.Caller {
	source := func() userns.Source {
		s := userns.Source{Name: "/etc/subuid"}
		for range r.below(3) {
			first := r.uint32()
			s.Ranges = append(s.Ranges, userns.Range{First: first, Count: 1 + r.uint32()%(userns.NoID-first|1)})
		}
		return s
	}
	idMap := func() userns.Map {
		var m userns.Map
		for range r.below(3) {
			m = append(m, userns.Extent{Inside: r.uint32(), Outside: r.uint32(), Count: r.uint32()})
		}
		return m
	}
	return userns.Caller{
		UID: r.uint32(), GID: r.uint32(), SubUIDs: source(), SubGIDs: source(),
		NewUIDMap:  userns.Helper{Path: "/usr/bin/newuidmap", Setuid: r.bool()},
		NewGIDMap:  userns.Helper{Path: "/usr/bin/newgidmap", FileCaps: r.bool()},
		NoNewPrivs: r.bool(), Root: r.bool(), UIDMap: idMap(), GIDMap: idMap(),
	}
}

func (r *reader) file() plan.Path {
	p := plan.Path{Kind: plan.FileKind(1 + r.below(4)), Mode: uint32(r.byte()) | 0o700, UID: uint32(r.byte())}
	switch r.below(8) {
	case 0:
		p = plan.Path{Err: plan.Errno([...]unix.Errno{unix.ENOENT, unix.EACCES, unix.ELOOP, unix.ENOTDIR}[r.below(4)])}
	case 1:
		p.Link = r.place()
	case 2:
		for range r.below(4) {
			p.Names = append(p.Names, words[r.below(len(words))])
		}
	}
	return p
}

func (r *reader) program() plan.Program {
	p := path.Clean(r.path())
	return plan.Program{
		Path: p, Entry: path.Clean(r.path()), Kind: plan.FileKind(r.below(8) * 2 % 5), Mode: uint32(r.byte()) | 0o100,
		Size: int64(r.number() >> 1), Readable: r.bool(), Err: plan.Errno(r.below(16) / 15 * int(unix.EACCES)),
	}
}
