package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/Emmanuel326/procjail/userns"
)

// Error is a fault in a profile file, with its place.
type Error struct {
	File      string
	Line, Col int // from 1; 0: the file as a whole
	Err       error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("profile %s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("profile %s:%d:%d: %v", e.File, e.Line, e.Col, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// file is a profile as it is written.
type file struct {
	Extends     string    `toml:"extends"`
	Description string    `toml:"description"`
	ID          *idWord   `toml:"id"`
	User        *user     `toml:"user"`
	Hostname    *hostname `toml:"hostname"`
	Net         *net      `toml:"net"`
	Init        *pid1     `toml:"pid1"`
	Seccomp     *string   `toml:"seccomp"`
	Landlock    *bool     `toml:"landlock"`
	Keep        []string  `toml:"keep-capabilities"`
	Home        *place    `toml:"home"`
	Workdir     *place    `toml:"workdir"`
	Env         []envRule `toml:"env"`
	Limits      struct {
		Memory   *size    `toml:"memory"`
		Swap     *size    `toml:"swap"`
		Pids     *size    `toml:"pids"`
		CPUs     *float64 `toml:"cpus"`
		Core     *size    `toml:"core"`
		Nofile   *size    `toml:"nofile"`
		FileSize *size    `toml:"file-size"`
		CPUTime  *seconds `toml:"cpu-time"`
		Tmpfs    *size    `toml:"tmpfs"`
	} `toml:"limits"`
	Mounts []mountLine `toml:"mounts"`
}

type mountLine struct {
	Type     *kind    `toml:"type"`
	Path     *place   `toml:"path"`
	Source   string   `toml:"source"`
	Optional bool     `toml:"optional"`
	Size     *size    `toml:"size"`
	Mode     *mode    `toml:"mode"`
	Content  string   `toml:"content"`
	ReadOnly bool     `toml:"readonly"`
	Mask     []string `toml:"mask"`
}

// Parse decodes the profile that r holds. name is what errors call it. An
// unknown key, a value that is none and a missing one are an *Error with the
// line. A profile that extends a built-in one starts from it: its single
// values replace, its env and mounts come after.
func Parse(r io.Reader, name string) (*Profile, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, &Error{File: name, Err: err}
	}
	if len(data) > maxFile {
		return nil, &Error{File: name, Err: fmt.Errorf("larger than %d bytes", maxFile)}
	}
	var f file
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, located(name, err)
	}
	p := &Profile{Landlock: true, Hostname: "jail", Seccomp: "strict", UID: 1000, GID: 1000, Home: "/home/user", Limits: noLimits}
	if f.Extends != "" {
		base, ok := Builtin(f.Extends)
		if !ok {
			return nil, &Error{File: name, Err: fmt.Errorf("extends %q: no built-in profile of that name", f.Extends)}
		}
		p = base
	}
	p.Name = name
	if err := f.apply(p); err != nil {
		return nil, &Error{File: name, Err: err}
	}
	return p, nil
}

// maxFile is far past any profile that a person would write.
const maxFile = 1 << 20

var noLimits = Limits{
	Memory: Unlimited, Swap: Unlimited, Pids: Unlimited, Core: 0, Nofile: 1024,
	FileSize: Unlimited, CPUTime: Unlimited, Tmpfs: 64 << 20,
}

func located(name string, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		line, col := first.Position()
		return &Error{File: name, Line: line, Col: col, Err: fmt.Errorf("unknown key %q", strings.Join(first.Key(), "."))}
	}
	var dec *toml.DecodeError
	if errors.As(err, &dec) {
		line, col := dec.Position()
		return &Error{File: name, Line: line, Col: col, Err: errors.New(strings.TrimPrefix(dec.Error(), "toml: "))}
	}
	return &Error{File: name, Err: err}
}

func (f *file) apply(p *Profile) error {
	set(&p.Description, &f.Description)
	if f.ID != nil {
		p.ID = userns.ID(*f.ID)
	}
	if f.User != nil {
		p.UID, p.GID = f.User.uid, f.User.gid
	}
	if f.Hostname != nil {
		p.Hostname = string(*f.Hostname)
	}
	if f.Net != nil {
		p.Net = Net(*f.Net)
	}
	if f.Init != nil {
		p.Init = PID1(*f.Init)
	}
	set(&p.Seccomp, f.Seccomp)
	set(&p.Landlock, f.Landlock)
	p.Keep = append(p.Keep, f.Keep...)
	if f.Home != nil {
		p.Home = string(*f.Home)
	}
	if f.Workdir != nil {
		p.Workdir = string(*f.Workdir)
	}
	for _, e := range f.Env {
		p.Env = append(p.Env, EnvRule(e))
	}
	l := &p.Limits
	for _, v := range []struct {
		to   *uint64
		from *size
	}{
		{&l.Memory, f.Limits.Memory}, {&l.Swap, f.Limits.Swap}, {&l.Pids, f.Limits.Pids}, {&l.Core, f.Limits.Core},
		{&l.Nofile, f.Limits.Nofile}, {&l.FileSize, f.Limits.FileSize}, {&l.Tmpfs, f.Limits.Tmpfs},
	} {
		if v.from != nil {
			*v.to = uint64(*v.from)
		}
	}
	if f.Limits.CPUTime != nil {
		l.CPUTime = uint64(*f.Limits.CPUTime)
	}
	if c := f.Limits.CPUs; c != nil {
		if !(*c >= 0 && *c <= 1<<20) {
			return fmt.Errorf("limits.cpus = %v: want a number of processors, 0 for no limit", *c)
		}
		l.CPUs = *c
	}
	for i, m := range f.Mounts {
		from := "profile " + p.Name + ": mounts[" + strconv.Itoa(i) + "]"
		mount, err := m.mount(from)
		if err != nil {
			return fmt.Errorf("mounts[%d]: %w", i, err)
		}
		p.Mounts = append(p.Mounts, mount)
	}
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// mount checks that a line has what its type needs, and nothing that its type
// would not look at.
func (m mountLine) mount(from string) (Mount, error) {
	if m.Type == nil {
		return Mount{}, errors.New("has no type")
	}
	if m.Path == nil {
		return Mount{}, errors.New("has no path")
	}
	k := Kind(*m.Type)
	out := Mount{Kind: k, Source: m.Source, Dest: string(*m.Path), Optional: m.Optional, Content: m.Content, RO: m.ReadOnly, Mask: m.Mask, From: from}
	binds := k == ReadOnly || k == ReadWrite || k == LikeHost || k == OverlayTmp
	switch {
	case binds && m.Source == "":
		out.Source = out.Dest
	case k == Link && m.Source == "":
		return Mount{}, errors.New("a link needs its target as source")
	case m.Source != "" && !binds && k != Link:
		return Mount{}, fmt.Errorf("source: a mount of type %s has none", k)
	case m.Content != "" && k != File:
		return Mount{}, fmt.Errorf("content: only a mount of type file has one, not %s", k)
	case (m.ReadOnly || m.Mask != nil) && k != Proc:
		return Mount{}, fmt.Errorf("readonly and mask are for type proc, not %s", k)
	case (m.Size != nil || m.Mode != nil) && k != Tmpfs && k != OverlayTmp:
		return Mount{}, fmt.Errorf("size and mode are for type tmpfs, not %s", k)
	}
	for _, name := range m.Mask {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return Mount{}, fmt.Errorf("mask %q: want the name of an entry of /proc", name)
		}
	}
	if m.Size != nil {
		out.Size = uint64(*m.Size)
	}
	out.Mode = 0o755
	if m.Mode != nil {
		out.Mode = uint32(*m.Mode)
	}
	return out, nil
}
