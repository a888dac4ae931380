package life

import (
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelPipes: pipes stay what they are.
func TestKernelPipes(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for _, tt := range []struct{ script, out, err string }{
			{`echo x | $J cat | wc -c`, "2\n", ""},
			{`printf x | $J cat | $J cat | $J wc -c`, "1\n", ""},
			{`{ $J yes; echo status $? >&2; } | head -n 1`, "y\n", "status 141\n"},
			{`yes | $J head -n 1; echo $?`, "y\n0\n", ""},
			{`$J sh -c 'echo out; echo err >&2' 2>&1 >/dev/null`, "err\n", ""},
			{`$J sh -c 'echo out; echo err >&2'`, "out\n", "err\n"},
			{`$J cat </dev/null; echo $?`, "0\n", ""},
			{`$J cat <&-; echo $?`, "0\n", ""}, // which is /dev/null then
			{`$J sh -c 'exec >&-; cat >/dev/null; echo late >&2; exit 3' </dev/null | cat; echo over`, "over\n", "late\n"},
			{`(sleep 0.3; echo late) | $J sh -c 'exec 0<&-; sleep 0.6; echo done'`, "done\n", ""},
			{`printf 'a\nb\n' | { $J --pid1 payload head -c 2; cat; }`, "a\nb\n", ""},
		} {
			cmd := wrap(t, "bash", "-c", tt.script)
			cmd.Env = append(os.Environ(), "J="+kerneltest.Binary(t)+" -q --id "+id, "LC_ALL=C")
			got := kerneltest.RunCommand(t, cmd)
			if got.Stdout != tt.out || got.Stderr != tt.err {
				t.Errorf("%s: %+v", tt.script, got)
			}
		}
	})
}

// TestKernelHalfClosed: the payload reads all of its input, and the end of it,
// before it writes, and what it writes comes after procjail's own input has ended.
func TestKernelHalfClosed(t *testing.T) {
	kerneltest.Begin(t)
	cmd := kerneltest.Command(t, "-q", "sh", "-c", "wc -c; sleep 0.2; echo end")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(in, strings.Repeat("x", 1<<20))
		in.Close()
	}()
	if got := kerneltest.RunCommand(t, cmd); got.Stdout != "1048576\nend\n" {
		t.Errorf("%+v", got)
	}
}

// TestKernelThroughput sends a gigabyte (in make test, an eighth) through a cat
// in a jail and through one without, in turn, and compares what comes out and the
// times. Nothing of procjail's is on the way, so only the start can differ.
func TestKernelThroughput(t *testing.T) {
	kerneltest.Begin(t)
	size := int64(kerneltest.Often(128, 1024)) << 20
	want := sha256.New()
	if _, err := io.Copy(want, io.LimitReader(&pattern{}, size)); err != nil {
		t.Fatal(err)
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip(err)
	}
	through := func(jailed bool) time.Duration {
		t.Helper()
		cmd := kerneltest.Command(t, "-q", cat)
		if !jailed {
			cmd.Path, cmd.Args = cat, []string{cat}
		}
		cmd.Stdin = nil
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		cmd.Stdin = r
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = io.Copy(w, io.LimitReader(&pattern{}, size))
			w.Close()
		}()
		got := sha256.New()
		n, err := io.CopyBuffer(struct{ io.Writer }{got}, struct{ io.Reader }{out}, make([]byte, 64<<10))
		if err != nil || n != size || string(got.Sum(nil)) != string(want.Sum(nil)) {
			t.Errorf("jailed %v: %d bytes of %d came, %v, or they differ", jailed, n, size, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		return time.Since(began)
	}
	const rounds = 3
	least := map[bool]time.Duration{}
	for range rounds {
		for _, jailed := range []bool{false, true} {
			if d := through(jailed); least[jailed] == 0 || d < least[jailed] {
				least[jailed] = d
			}
		}
	}
	ratio := float64(least[true]) / float64(least[false])
	t.Logf("%d MiB: %v without procjail, %v with: ratio %.3f (the best of %d each)", size>>20, least[false], least[true], ratio, rounds)
	if ratio > 1.5 && !testing.Short() { // no fine measure on a busy machine: make bench is for that
		t.Errorf("ratio %.3f", ratio)
	}
}

// pattern is a reader of bytes that differ by their place.
type pattern struct{ block [64 << 10]byte }

func (p *pattern) Read(b []byte) (int, error) {
	if p.block[1] == 0 {
		for i := range p.block {
			p.block[i] = byte(i*7 + i>>8 + 1)
		}
	}
	return copy(b, p.block[:]), nil
}

// TestKernelKeepFD: what --keep-fd passes on, and what it does not.
func TestKernelKeepFD(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		file := func(content string) *os.File {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.WriteString(content)
			w.Close()
			t.Cleanup(func() { r.Close() })
			return r
		}
		dir, err := os.Open("/")
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		for _, pid1 := range []string{"init", "payload"} {
			// 3, 4, 5, 6
			files := []*os.File{file("three"), file("four"), file("five"), dir}
			options := func(o ...string) []string { return append([]string{"-q", "--id", id, "--pid1", pid1}, o...) }
			j := launchQuietly(t, func(c *exec.Cmd) { c.ExtraFiles = files }, options("--keep-fd", "3", "--keep-fd", "5", "--keep-fd", "3"), self(t, "descriptors")...)
			if code := j.end(); code != 0 || j.out.String() != "3 \"three\"\n5 \"five\"\n" {
				t.Errorf("--pid1 %s: exit %d, %q, %q", pid1, code, j.out, j.err)
			}
			for _, tt := range []struct{ fd, want string }{
				{"6", "procjail: error: --keep-fd 6: it is a directory, through which the payload would reach the host's files\nprocjail: remedy: show it with --ro or --rw\n"},
				{"9", "procjail: error: --keep-fd 9: the caller has no such descriptor\nprocjail: remedy: name one that is open\n"},
			} {
				j := launchQuietly(t, func(c *exec.Cmd) { c.ExtraFiles = files }, options("--keep-fd", tt.fd), "true")
				if code := j.end(); code != 125 || j.err.String() != tt.want {
					t.Errorf("--keep-fd %s: exit %d, %q", tt.fd, code, j.err)
				}
			}
		}
	})
}

// TestKernelKeptEnds: nobody but the payload holds a kept pipe open, or who reads
// it would wait for the end of the jail.
func TestKernelKeptEnds(t *testing.T) {
	kerneltest.Begin(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	j := launchQuietly(t, func(c *exec.Cmd) { c.ExtraFiles = []*os.File{w} }, []string{"-q", "--keep-fd", "3"}, sh("echo kept >&3; exec 3>&-; echo ready; exec sleep 100")...)
	w.Close()
	j.until("ready\n")
	if err := r.SetReadDeadline(time.Now().Add(bound)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || string(got) != "kept\n" {
		t.Errorf("read %q, %v: somebody else holds the pipe", got, err)
	}
	j.signal(15)
	j.end()
}

// TestKernelListen: sd_listen_fds(3).
func TestKernelListen(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		for _, pid1 := range []string{"init", "payload"} {
			for _, net := range []string{"none", "host"} {
				l, name := listener(t)
				j := launchQuietly(t, func(c *exec.Cmd) {
					c.ExtraFiles = []*os.File{l}
					c.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_PID=4711")
				}, []string{"-q", "--id", id, "--pid1", pid1, "--net", net, "--keep-fd", "3", "-e", "LISTEN_FDS", "-e", "LISTEN_PID"}, self(t, "listen")...)
				got := dial(t, name)
				if code := j.end(); code != 0 || j.out.String() != "mine true, 1 descriptors\n" || got != "hello from 3\n" {
					t.Errorf("--pid1 %s --net %s: exit %d, %q, %q; it said %q", pid1, net, code, j.out, j.err, got)
				}
			}
		}
	})
}

// TestKernelJobserver: a make in a recipe of a make, with procjail between. Since
// make 4.4 the jobserver is a named pipe unless it is asked otherwise; before, it
// was two descriptors and nothing else.
func TestKernelJobserver(t *testing.T) {
	kerneltest.RequirePrograms(t, "make")
	styles := map[string][]string{"pipe": nil}
	if exec.Command("make", "--jobserver-style=fifo", "--version").Run() == nil {
		styles = map[string][]string{"pipe": {"--jobserver-style=pipe"}, "fifo": {"--jobserver-style=fifo"}}
	}
	for style, args := range styles {
		t.Run(style, func(t *testing.T) {
			kerneltest.Begin(t)
			jobserver(t, style, args)
		})
	}
}

func jobserver(t *testing.T, style string, args []string) {
	dir := t.TempDir() + "/work"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	find := `\([0-9]*\),\([0-9]*\).*/--keep-fd \1 --keep-fd \2/p`
	if style == "fifo" { // it is the caller's alone
		find = `fifo:\([^ ]*\).*/--id self --rw \1/p`
	}
	outer := "all:\n\t+@set -- $$(printf '%s\\n' \"$$MAKEFLAGS\" | sed -n 's/.*--jobserver-[a-z]*=" + find + "'); " +
		"echo handed $$# >handed; $(PROCJAIL) -q --profile build \"$$@\" -e MAKEFLAGS -e MAKELEVEL make -f inner\n"
	inner := "all: 1 2 3 4 5 6\n%:\n\t@echo begin >>log; sleep 0.3; echo end >>log\n"
	for name, text := range map[string]string{"Makefile": outer, "inner": inner} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := wrap(t, "make", append(args, "-j", "3", "PROCJAIL="+kerneltest.Binary(t))...)
	cmd.Dir = dir
	got := kerneltest.RunCommand(t, cmd)
	log, _ := os.ReadFile(dir + "/log")
	running, most := 0, 0
	for line := range strings.Lines(string(log)) {
		if line == "begin\n" {
			running++
		} else {
			running--
		}
		most = max(most, running)
	}
	said, _ := os.ReadFile(dir + "/handed")
	if got.Code != 0 || got.Stderr != "" || most < 2 || most > 3 || string(said) != "handed 4\n" {
		t.Errorf("%+v; %d jobs at once, want 2 or 3; %s", got, most, said)
	}
}
