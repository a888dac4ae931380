package seccomp

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/seccomp/entry"
)

// companionName is the program that compiles policies, cmd/procjail-seccomp.
const companionName = "procjail-seccomp"

// companion is an installed procjail-seccomp.
type companion struct {
	path string
	stat sys.Stat
}

// findCompanion looks beside the running binary exe, then in
// ../libexec/procjail from there, then at the path given; it never searches PATH,
// which is whoever's that set it.
func findCompanion(exe, extra string) (companion, error) {
	bin := filepath.Dir(exe)
	places := []string{
		filepath.Join(bin, companionName),
		filepath.Join(filepath.Dir(bin), "libexec", "procjail", companionName),
	}
	if filepath.IsAbs(extra) {
		places = append(places, extra)
	}
	for _, path := range places {
		st, err := sys.StatPath(path)
		if err == nil && st.IsRegular() && st.Mode&0o111 != 0 {
			return companion{path: path, stat: st}, nil
		}
	}
	return companion{}, ErrNoCompanion
}

func (c companion) identity() string { return entry.Identity(c.path, c.stat) }

// compile runs "procjail-seccomp entry" with the key on its standard input and
// an empty environment, and returns the encoded entry.
//
// It costs a process and some 3 ms of libseccomp. A *PolicyError has what the
// companion wrote on standard error, with name in place of the file's name.
func (c companion) compile(name string, key entry.Key) ([]byte, error) {
	var pipes [3]struct{ r, w *os.File }
	defer func() {
		for _, p := range pipes {
			if p.r != nil {
				p.r.Close()
				p.w.Close()
			}
		}
	}()
	for i := range pipes {
		var err error
		if pipes[i].r, pipes[i].w, err = os.Pipe(); err != nil {
			return nil, err
		}
	}
	stdin, stdout, stderr := pipes[0], pipes[1], pipes[2]
	proc, err := os.StartProcess(c.path, []string{companionName, "entry", "--name", name}, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{},
		Files: []*os.File{stdin.r, stdout.w, stderr.w},
	})
	if err != nil {
		return nil, err
	}
	stdin.r.Close()
	stdout.w.Close()
	stderr.w.Close()

	go func() {
		// Ignored: if the companion died early, its exit status says so.
		_, _ = stdin.w.Write(key.Request())
		stdin.w.Close()
	}()
	said := make(chan []byte, 1)
	go func() {
		text, _ := readLimited(stderr.r, 1<<16)
		said <- text
	}()
	raw, readErr := readLimited(stdout.r, maxEntry)
	stdout.r.Close() // a companion that writes without end gets SIGPIPE
	message := strings.TrimSpace(string(<-said))
	stderr.r.Close()
	state, err := proc.Wait()
	switch {
	case err != nil:
		return nil, err
	case state.ExitCode() == 1 && message != "":
		return nil, &PolicyError{Message: message}
	case !state.Success():
		return nil, &CompanionError{Path: c.path, Err: errors.New(state.String() + ": " + message)}
	}
	return raw, readErr
}

// readLimited reads all of r, or fails once there is more than limit.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errors.New("more than " + strconv.FormatInt(limit, 10) + " bytes")
	}
	return b, err
}

// kernelVersion returns "MAJOR.MINOR" of uname(2).
func kernelVersion() string {
	release, err := sys.Uname()
	if err != nil {
		return ""
	}
	dots, v := 0, []byte{}
	for i := range len(release) {
		c := release[i]
		if c == '.' {
			dots++
		}
		if dots == 2 || c != '.' && (c < '0' || c > '9') {
			break
		}
		v = append(v, c)
	}
	return string(v)
}

func joinSorted(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ",")
}
