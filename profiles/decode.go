package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
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
	Extends     string                         `toml:"extends"`
	Description *string                        `toml:"description"`
	ID          *value[userns.ID, idParser]    `toml:"id"`
	User        *value[[2]Number, userParser]  `toml:"user"`
	Hostname    *value[string, hostnameParser] `toml:"hostname"`
	Net         *value[Net, netParser]         `toml:"net"`
	Init        *value[PID1, pid1Parser]       `toml:"pid1"`
	Seccomp     *string                        `toml:"seccomp"`
	Landlock    *bool                          `toml:"landlock"`
	Keep        []string                       `toml:"keep-capabilities"`
	Home        *value[string, ownParser]      `toml:"home"`
	Workdir     *value[string, ownParser]      `toml:"workdir"`
	Env         []value[EnvRule, envParser]    `toml:"env"`
	Limits      struct {
		Memory   *value[uint64, memoryParser]            `toml:"memory"`
		Swap     *value[uint64, sizeParser]              `toml:"swap"`
		Pids     *value[uint64, countParser]             `toml:"pids"`
		CPUs     *float64                                `toml:"cpus"`
		IO       []value[cgroupdelegate.IOMax, ioParser] `toml:"io-max"`
		More     []string                                `toml:"properties"`
		Core     *value[uint64, sizeParser]              `toml:"core"`
		Nofile   *value[uint64, countParser]             `toml:"nofile"`
		FileSize *value[uint64, sizeParser]              `toml:"file-size"`
		CPUTime  *value[uint64, secondsParser]           `toml:"cpu-time"`
		Tmpfs    *value[uint64, sizeParser]              `toml:"tmpfs"`
		UserNS   *value[uint64, countParser]             `toml:"user-namespaces"`
		Inotify  *value[uint64, countParser]             `toml:"inotify-instances"`
	} `toml:"limits"`
	Mounts []mountLine `toml:"mounts"`
}

type mountLine struct {
	Type     *value[Kind, kindParser]   `toml:"type"`
	Path     *value[string, pathParser] `toml:"path"`
	Source   string                     `toml:"source"`
	Optional bool                       `toml:"optional"`
	Size     *value[uint64, sizeParser] `toml:"size"`
	Mode     *value[uint32, modeParser] `toml:"mode"`
	Content  string                     `toml:"content"`
	ReadOnly bool                       `toml:"readonly"`
	Mask     []string                   `toml:"mask"`
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
	f, err := decode(data)
	if err != nil {
		return nil, located(name, data, err)
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
	Limits: cgroupdelegate.Limits{Memory: Unlimited, Swap: Unlimited, Pids: Unlimited},
	Core:   0, Nofile: 1024,
	FileSize: Unlimited, CPUTime: Unlimited, Tmpfs: 64 << 20, UserNS: 0, Inotify: 64,
}

func decode(data []byte) (f file, err error) {
	err = toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&f)
	return f, err
}

// located adds the place, which go-toml leaves out of an error of a number's
// UnmarshalText: it is the first line with which the file gives that error.
func located(name string, data []byte, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		line, col := first.Position()
		return &Error{File: name, Line: line, Col: col, Err: fmt.Errorf("unknown key %q", strings.Join(first.Key(), "."))}
	}
	var dec *toml.DecodeError
	if errors.As(err, &dec) {
		line, col := dec.Position()
		return &Error{File: name, Line: line, Col: col, Err: errors.New(plain(dec))}
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	n := sort.Search(len(lines), func(i int) bool {
		_, e := decode(bytes.Join(lines[:i+1], nil))
		return e != nil && e.Error() == err.Error()
	})
	return &Error{File: name, Line: n + 1, Col: 1, Err: err}
}

// plain says what was wanted instead of a value of the wrong type without the
// names of Go types.
func plain(e *toml.DecodeError) string {
	text := strings.TrimPrefix(e.Error(), "toml: ")
	found, wanted, ok := strings.Cut(strings.TrimPrefix(text, "cannot decode TOML "), " into struct field ")
	if !ok {
		return text
	}
	_, wanted, _ = strings.Cut(wanted, " of type ")
	switch strings.TrimPrefix(wanted, "*") {
	case "bool":
		wanted = "true or false"
	case "string":
		wanted = "a string"
	case "float64":
		wanted = "a number"
	default:
		if strings.HasPrefix(wanted, "[]") {
			wanted = "a list"
		} else {
			wanted = "another type"
		}
	}
	return strings.Join(e.Key(), ".") + ": want " + wanted + ", not " + found
}

func (f *file) apply(p *Profile) error {
	set(&p.Description, f.Description)
	f.ID.to(&p.ID)
	if f.User != nil {
		p.UID, p.GID = f.User.v[0], f.User.v[1]
	}
	f.Hostname.to(&p.Hostname)
	f.Net.to(&p.Net)
	f.Init.to(&p.Init)
	set(&p.Seccomp, f.Seccomp)
	set(&p.Landlock, f.Landlock)
	p.Keep = append(p.Keep, f.Keep...)
	f.Home.to(&p.Home)
	f.Workdir.to(&p.Workdir)
	for _, e := range f.Env {
		p.Env = append(p.Env, e.v)
	}
	l := &p.Limits
	f.Limits.Memory.to(&l.Memory)
	f.Limits.Swap.to(&l.Swap)
	f.Limits.Pids.to(&l.Pids)
	f.Limits.Core.to(&l.Core)
	f.Limits.Nofile.to(&l.Nofile)
	f.Limits.FileSize.to(&l.FileSize)
	f.Limits.CPUTime.to(&l.CPUTime)
	f.Limits.Tmpfs.to(&l.Tmpfs)
	f.Limits.UserNS.to(&l.UserNS)
	f.Limits.Inotify.to(&l.Inotify)
	if c := f.Limits.CPUs; c != nil {
		if !(*c >= 0 && *c <= 1<<20) {
			return fmt.Errorf("limits.cpus = %v: want a number of processors, 0 for no limit", *c)
		}
		l.CPUs = *c
	}
	for _, d := range f.Limits.IO {
		l.IO = append(l.IO, d.v)
	}
	for _, property := range f.Limits.More {
		if err := l.Property(property); err != nil {
			return fmt.Errorf("limits.properties: %w", err)
		}
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
	k := m.Type.v
	out := Mount{Kind: k, Source: m.Source, Dest: m.Path.v, Optional: m.Optional, Content: m.Content, RO: m.ReadOnly, Mask: m.Mask, From: from}
	binds := k == ReadOnly || k == ReadWrite || k == LikeHost || k == OverlayTmp || k == ResolvConf
	if binds && m.Source == "" {
		out.Source = out.Dest
	}
	switch {
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
	if m.Source != "" {
		if err := sourceOf(k, m.Source); err != nil {
			return Mount{}, fmt.Errorf("source: %w", err)
		}
	}
	for _, name := range m.Mask {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return Mount{}, fmt.Errorf("mask %q: want the name of an entry of /proc", name)
		}
	}
	m.Size.to(&out.Size)
	out.Mode = 0o755
	m.Mode.to(&out.Mode)
	return out, nil
}

// sourceOf checks what a mount shows, or what a link says.
func sourceOf(k Kind, s string) error {
	if k != Link {
		_, err := ParsePath(s)
		return err
	}
	if strings.ContainsRune(s, 0) || len(s) > 4095 {
		return fmt.Errorf("%q: want the target of a link, without a NUL byte, of at most 4095 bytes", s)
	}
	return nil
}
