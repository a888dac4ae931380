package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/Emmanuel326/procjail/caps"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/report"
	"github.com/Emmanuel326/procjail/userns"
)

// options is a command line, decoded. Each change to the profile is kept as a
// function, to be applied in the order of the arguments once it is loaded.
type options struct {
	profile  string
	changes  []func(*plan.Spec)
	rootfs   string
	seccomp  string
	argv     []string
	dryRun   bool
	verbose  bool
	quiet    bool
	trace    bool
	stopping launch.Stopping

	reportFile string
	status     statusFDs
	report     report.Report
	require    []string
	allow      []string
	overlays   []string // where the changes of --overlay are kept
	noted      []string // which a second start, without a cgroup, need not say again
	done       bool     // --help or --version has been answered
}

// usageError is a fault in the command line itself.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func parseOptions(args []string) (*options, error) {
	o := &options{}
	fs := o.flags()
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			fmt.Print(usage)
			o.done = true
			return o, nil
		}
		if errors.Is(err, strconv.ErrSyntax) { // pflag's own, of a switch
			before, _, _ := strings.Cut(err.Error(), " flag: ")
			err = errors.New(before + " flag: want true or false")
		}
		return nil, &usageError{err}
	}
	if v, _ := fs.GetBool("version"); v {
		fmt.Println("procjail", version)
		o.done = true
		return o, nil
	}
	o.argv = fs.Args()
	if len(o.argv) == 0 {
		return nil, &usageError{errors.New("no command")}
	}
	for _, a := range o.argv {
		if strings.ContainsRune(a, 0) {
			return nil, &usageError{fmt.Errorf("argument %q holds a NUL byte", a)}
		}
	}
	return o, nil
}

// flags declares every option. The man page and usage list them by hand; a
// test holds the three together.
func (o *options) flags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("procjail", pflag.ContinueOnError)
	fs.SetInterspersed(false)
	fs.SortFlags = false
	fs.Usage = func() {}
	fs.SetOutput(discard{})
	fs.StringVarP(&o.profile, "profile", "p", "strict", "")
	fs.Var(o.mount("--ro", profiles.ReadOnly), "ro", "")
	fs.Var(o.mount("--rw", profiles.ReadWrite), "rw", "")
	fs.Var(o.mount("--overlay", profiles.Overlay), "overlay", "")
	fs.Var(o.mount("--overlay-tmp", profiles.OverlayTmp), "overlay-tmp", "")
	fs.Var(o.tmpfs(), "tmpfs", "")
	fs.Var(o.change("path", func(s string) (func(*plan.Spec), error) {
		p, err := insidePath(s)
		return func(spec *plan.Spec) {
			spec.Mounts = append(spec.Mounts, profiles.Mount{Kind: profiles.Hide, Dest: p, From: "--hide"})
		}, err
	}), "hide", "")
	fs.StringVar(&o.rootfs, "rootfs", "", "")
	fs.VarP(o.change("dir", func(s string) (func(*plan.Spec), error) {
		p, err := insidePath(s)
		return func(spec *plan.Spec) { spec.Workdir = p }, err
	}), "workdir", "w", "")
	fs.Var(o.change("net", func(s string) (func(*plan.Spec), error) {
		n, err := profiles.ParseNet(s)
		return func(spec *plan.Spec) { spec.Net = n }, err
	}), "net", "")
	fs.Var(o.change("id", func(s string) (func(*plan.Spec), error) {
		id, err := userns.ParseID(s)
		return func(spec *plan.Spec) { spec.ID = id }, err
	}), "id", "")
	fs.Var(o.change("uid", func(s string) (func(*plan.Spec), error) {
		u, g, err := profiles.ParseUser(s)
		return func(spec *plan.Spec) { spec.UID, spec.GID = u, g }, err
	}), "user", "")
	fs.Var(o.change("name", func(s string) (func(*plan.Spec), error) {
		n, err := profiles.ParseHostname(s)
		return func(spec *plan.Spec) { spec.Hostname = n }, err
	}), "hostname", "")
	fs.VarP(o.change("env", func(s string) (func(*plan.Spec), error) {
		r, err := profiles.ParseEnv(s)
		r.Asked = true
		return func(spec *plan.Spec) { spec.Env = append(spec.Env, r) }, err
	}), "env", "e", "")
	fs.Var(o.change("file", envFile), "env-file", "")
	o.limitFlags(fs)
	o.endFlags(fs)
	fs.Var(o.change("when", func(s string) (func(*plan.Spec), error) {
		t, ok := map[string]plan.TTY{"auto": plan.TTYAuto, "always": plan.TTYAlways, "never": plan.TTYNever}[s]
		if !ok {
			return nil, fmt.Errorf("%q: want auto, always or never", s)
		}
		return func(spec *plan.Spec) { spec.TTY = t }, nil
	}), "tty", "")
	fs.Var(o.change("fd", func(s string) (func(*plan.Spec), error) {
		n, err := strconv.ParseUint(s, 10, 20)
		if err != nil || n < 3 {
			return nil, fmt.Errorf("%q: want the number of a descriptor from 3 up", s)
		}
		return func(spec *plan.Spec) {
			if !slices.Contains(spec.KeepFDs, int(n)) {
				spec.KeepFDs = append(spec.KeepFDs, int(n))
			}
		}, nil
	}), "keep-fd", "")
	fs.StringVar(&o.seccomp, "seccomp", "", "")
	fs.Var(o.change("cap", func(s string) (func(*plan.Spec), error) {
		c, err := caps.Parse(s)
		if err == nil && c == ^caps.Set(0) {
			err = errors.New("name each capability: a payload with all of them is no jail")
		}
		return func(spec *plan.Spec) { spec.Keep = append(spec.Keep, s) }, err
	}), "cap-add", "")
	fs.Var(o.change("cap", func(s string) (func(*plan.Spec), error) {
		drop, err := caps.Parse(s)
		return func(spec *plan.Spec) {
			var kept []string
			for _, k := range spec.Keep {
				if c, err := caps.Parse(k); err != nil || c&^drop != 0 {
					kept = append(kept, k)
				}
			}
			spec.Keep = kept
		}, err
	}), "cap-drop", "")
	fs.Var(o.change("kind", func(s string) (func(*plan.Spec), error) {
		p, err := profiles.ParsePID1(s)
		return func(spec *plan.Spec) { spec.Init = p }, err
	}), "pid1", "")
	fs.Var(o.change("when", func(s string) (func(*plan.Spec), error) {
		d, ok := map[string]plan.Denials{"auto": plan.DenialsAuto, "off": plan.DenialsOff}[s]
		if !ok {
			return nil, fmt.Errorf("%q: want auto or off", s)
		}
		return func(spec *plan.Spec) { spec.Denials = d }, nil
	}), "denials", "")
	fs.BoolVar(&o.trace, "trace-denials", false, "")
	fs.Var((*words)(&o.require), "require", "")
	fs.Var((*words)(&o.allow), "allow-degraded", "")
	fs.StringVar(&o.reportFile, "report", "", "")
	fs.Var(o.change("fd", func(s string) (func(*plan.Spec), error) { return noChange, o.status.parse(s, &o.status.status) }), "json-status-fd", "")
	fs.Var(o.change("fd", func(s string) (func(*plan.Spec), error) { return noChange, o.status.parse(s, &o.status.info) }), "info-fd", "")
	fs.BoolVar(&o.dryRun, "dry-run", false, "")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "")
	fs.Bool("version", false, "")
	return fs
}

// words is a pflag.Value: a list with commas, given once or several times.
type words []string

func (w *words) String() string { return "" }
func (w *words) Type() string   { return "words" }

func (w *words) Set(s string) error {
	*w = append(*w, strings.Split(s, ",")...)
	return nil
}

// noChange is an option's that is not about the Spec.
func noChange(*plan.Spec) {}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// option is a pflag.Value that turns its argument into a change of the Spec.
type option struct {
	o     *options
	kind  string
	parse func(string) (func(*plan.Spec), error)
}

func (o *options) change(kind string, parse func(string) (func(*plan.Spec), error)) *option {
	return &option{o, kind, parse}
}

func (v *option) String() string { return "" }
func (v *option) Type() string   { return v.kind }

func (v *option) Set(s string) error {
	if strings.ContainsRune(s, 0) {
		return errors.New("holds a NUL byte")
	}
	f, err := v.parse(s)
	if err != nil {
		return err
	}
	v.o.changes = append(v.o.changes, f)
	return nil
}

// mount is --ro, --rw and the overlays: SOURCE[:DEST].
func (o *options) mount(name string, kind profiles.Kind) *option {
	return o.change("path", func(s string) (func(*plan.Spec), error) {
		src, dst := cutColon(s)
		source, err := hostPath(src)
		if err != nil {
			return nil, err
		}
		dest := source
		if dst != "" {
			if dest, err = insidePath(dst); err != nil {
				return nil, err
			}
		}
		m := profiles.Mount{Kind: kind, Source: source, Dest: dest, From: name}
		if kind == profiles.Overlay {
			if m.Upper, err = upperDir(len(o.overlays)); err != nil {
				return nil, err
			}
			o.overlays = append(o.overlays, m.Upper)
		}
		return func(spec *plan.Spec) { spec.Mounts = append(spec.Mounts, m) }, nil
	})
}

func (o *options) tmpfs() *option {
	return o.change("path", func(s string) (func(*plan.Spec), error) {
		dst, size := cutColon(s)
		m := profiles.Mount{Kind: profiles.Tmpfs, Mode: 0o755, From: "--tmpfs"}
		var err error
		if m.Dest, err = insidePath(dst); err != nil {
			return nil, err
		}
		if size != "" {
			if m.Size, err = profiles.ParseSize(size); err != nil {
				return nil, err
			}
		}
		return func(spec *plan.Spec) { spec.Mounts = append(spec.Mounts, m) }, nil
	})
}

// cutColon splits at the first colon that no backslash stands before.
func cutColon(s string) (before, after string) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ':':
			s = s[:i] + s[i+1:]
		case s[i] == ':':
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// hostPath makes a path of the command line absolute, as any tool takes it.
func hostPath(s string) (string, error) {
	if s == "" {
		return "", errors.New("an empty path")
	}
	if len(s) > 4095 {
		return "", fmt.Errorf("a path of %d bytes; the kernel takes 4095", len(s))
	}
	return filepath.Abs(s)
}

// insidePath is a path in the jail: absolute, without "..".
func insidePath(s string) (string, error) {
	if s != "" && !filepath.IsAbs(s) {
		return "", fmt.Errorf("path %q: want an absolute one, as it is inside", s)
	}
	p, err := profiles.ParsePath(s)
	if err != nil {
		return "", err
	}
	return filepath.Clean(p), nil
}

// upperDir is a new place for the changes of an overlay, below the user's
// state directory (XDG Base Directory Specification).
func upperDir(n int) (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return "", errors.New("no place for the changes: HOME is not set")
		}
		state = filepath.Join(home, ".local/state")
	}
	name := fmt.Sprintf("%s-%d-%d", time.Now().Format("20060102-150405"), os.Getpid(), n)
	return filepath.Join(state, "procjail/overlays", name), nil
}

// envFile reads KEY=VALUE and KEY lines; '#' starts a comment line.
func envFile(name string) (func(*plan.Spec), error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var rules []profiles.EnvRule
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if t := strings.TrimSpace(line); t == "" || t[0] == '#' {
			continue
		}
		r, err := profiles.ParseEnv(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		r.Asked = true
		rules = append(rules, r)
	}
	return func(spec *plan.Spec) { spec.Env = append(spec.Env, rules...) }, nil
}
