package life

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelShell is an interactive bash inside: job control, the characters
// that mean something, the size.
func TestKernelShell(t *testing.T) {
	kerneltest.EachID(t, func(t *testing.T, id string) {
		s := newScreen(t)
		s.unchanged(func() {
			s.begin("$J --id " + id + " -e 'PS1=in> ' bash --norc")
			s.until(`^in>$`)
			s.line("tty; stty size")
			s.until(`^/dev/pts/0\n30 90\nin>$`)
			s.line("sleep 1000")
			s.keysUntil("C-z", `Stopped +sleep 1000`)
			s.line("jobs; bg; fg")
			s.until(`^sleep 1000$`)
			s.keysUntil("C-c", `\^C\n+in>$`)
			s.line("echo status $?; sleep 1000")
			s.until(`^status 130$`)
			s.keysUntil(`C-\`, `Quit`)
			s.line("clear; echo cat-$((1)); cat")
			s.until(`^cat-1$`) // what is typed before that is cleared away
			s.line("hello")
			s.until(`^cat-1\nhello\nhello$`)
			s.keys("C-d")
			s.line("clear; trap 'stty size' WINCH")
			s.tmux("resize-window", "-x", "70", "-y", "20")
			s.line("stty size; echo 'a'")
			s.until(`20 70\n(.*\n)*a$`)
			s.tmux("resize-window", "-x", "90", "-y", "30")
			s.line("until [ \"$(stty size)\" = '30 90' ]; do sleep 0.05; done; echo sized-$((1))")
			s.until(`sized-1`)
			s.line("clear; ps -o tty= -p $$; setsid sh -c 'echo x >/dev/tty' 2>&1 | grep -o 'No such device'")
			s.until(`^pts/0 *\nNo such device`)
			s.line("sleep 300 & disown; exit 9")
			if got := s.ended(); got != "9" {
				t.Errorf("exit %s, want 9", got)
			}
		})
	})
}

// TestKernelSuspend: ^Z stops procjail as it stops any program: alone, in a
// script, in a pipe, and not where nobody could let it go on.
func TestKernelSuspend(t *testing.T) {
	kerneltest.Begin(t)
	for _, tt := range []struct{ name, command string }{
		{"alone", "$J cat"},
		{"a script", `sh -c '$J cat; exit $?'`},
		{"a pipe", `$J cat | cat`},
		{"standard input apart", `$J sh -c 'cat </dev/tty' </dev/null`},
		{"a shell inside", `$J sh -c 'cat; :'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kerneltest.Clean(t)
			s := newScreen(t)
			s.unchanged(func() {
				for i := range 3 {
					if i == 0 {
						s.keys("C-l")
						s.line(tt.command)
						time.Sleep(300 * time.Millisecond)
					} else {
						s.line("fg")
						time.Sleep(100 * time.Millisecond)
					}
					s.keys("C-z")
					s.until(`Stopped(.*\n)+.*out>$`)
					s.line("clear; stty -a | grep -o ' icanon'; jobs")
					s.until(`^ icanon\n(.*\n)*\[1\].*Stopped`)
				}
				s.line("clear; fg")
				s.line("hello")
				s.until(`hello\n*hello$`) // in a pipe the echo may come after what cat writes
				s.keys("C-d")
				s.until(`^out>$`) // what is typed before goes to the jail
			})
		})
	}
	t.Run("no shell above", func(t *testing.T) {
		kerneltest.Clean(t)
		s := newScreen(t, kerneltest.Binary(t)+" -q cat")
		time.Sleep(500 * time.Millisecond)
		s.line("one")
		s.until(`^one\none`)
		s.keys("C-z")
		s.line("two")
		s.until(`two\ntwo`)
		s.keys("C-d")
	})
}

// TestKernelBackground: a jail in the background runs, leaves the terminal
// alone, and can come to the foreground.
func TestKernelBackground(t *testing.T) {
	kerneltest.Begin(t)
	s := newScreen(t)
	s.unchanged(func() {
		s.line(`$J sh -c 'sleep 1; echo done-$((1))' & clear`)
		s.line("echo typed-$((1))")
		s.until(`typed-1`)
		s.until(`done-1`)
		s.keysUntil("Enter", `Done`) // the jail ends a moment after what it says
	})
	s.unchanged(func() {
		s.keys("C-l")
		s.line(`$J sh -c 'sleep 1; read x; echo got $x'`)
		s.keysUntil("C-z", `Stopped`)
		s.line("bg")
		time.Sleep(1500 * time.Millisecond)
		s.line("echo typed-$((2))")
		s.until(`typed-2`)
		s.line("fg")
		s.line("hello")
		s.until(`got hello`)
	})
}

// TestKernelFullScreen runs programs that take the whole screen.
func TestKernelFullScreen(t *testing.T) {
	kerneltest.RequirePrograms(t, "vi", "less", "top", "tmux")
	kerneltest.Begin(t)
	s := newScreen(t)
	inside := func(command, shown string, keys ...string) {
		t.Helper()
		s.unchanged(func() {
			s.begin(command)
			s.until(shown)
			for _, k := range keys {
				if name, text, ok := strings.Cut(k, "="); ok && name == "see" {
					s.until(text)
					continue
				}
				s.keys(k)
			}
			if got := s.ended(); got != "0" {
				t.Errorf("%s: exit %s\n%s", command, got, s.show())
			}
		})
	}
	inside(`$J -e TERM sh -c 'cd; vi file; cat file'`, `~\n~`, "i", "o", "n", "e", "Escape", "o", "t", "w", "o", "Escape", ":", "w", "q", "Enter", `see=^one\ntwo\n`)
	inside("$J -e TERM less /etc/services", `^/etc/services`, "Space", "q")
	inside("$J -e TERM top -d 1", `^ *PID.*COMMAND`, "see=top", "q")
	inside(`$J -e TERM -e HOME=/tmp tmux -f /dev/null new-session 'sh'`, `\[0\].*"`,
		"C-b", `"`, "e", "c", "h", "o", " ", "$", "(", "(", "6", "*", "7", ")", ")", "Enter", "see=^42$", "C-b", ":", "kill-session", "Enter")
	if _, err := os.Stat("/usr/bin/htop"); err == nil {
		inside("$J -e TERM htop", `F10`, "q")
	}
	if _, err := os.Stat("/usr/bin/vim"); err == nil {
		s.begin("$J -e TERM vim")
		s.until(`~\n~`)
		s.tmux("resize-window", "-x", "60", "-y", "15")
		s.line(":echo &lines &columns")
		s.until(`15 60`)
		s.line(":q")
		s.ended()
	}
}

// TestKernelPassword: what is typed where there is no echo is not shown.
func TestKernelPassword(t *testing.T) {
	kerneltest.Begin(t)
	s := newScreen(t)
	s.begin(`$J bash -c 'read -sp "Password: " x; echo; echo "${#x} letters"'`)
	s.until(`^Password:$`)
	s.line("secret")
	s.until(`^6 letters`)
	s.ended()
	if show := s.show(); strings.Contains(show, "secret") {
		t.Errorf("the password is shown:\n%s", show)
	}
}

// TestKernelRestored: the caller's terminal is as it was after every end but
// procjail's own by SIGKILL.
func TestKernelRestored(t *testing.T) {
	kerneltest.Begin(t)
	s := newScreen(t)
	// kill sends a signal to procjail, PID 1 or the payload, by its name.
	kill := func(sig unix.Signal, find func(procjail int) int) func() {
		return func() {
			t.Helper()
			pane, _ := strconv.Atoi(strings.TrimSpace(s.tmux("display-message", "-p", "#{pane_pid}")))
			var procjail int
			for _, pid := range kerneltest.Children(pane) {
				if comm, _ := os.ReadFile("/proc/" + itoa(pid) + "/comm"); string(comm) == "procjail\n" {
					procjail = pid
				}
			}
			if procjail == 0 || find(procjail) == 0 {
				t.Fatalf("no process to kill:\n%s", s.show())
			}
			if err := unix.Kill(find(procjail), sig); err != nil {
				t.Error(err)
			}
		}
	}
	first := func(pid int) int {
		if list := kerneltest.Children(pid); len(list) > 0 {
			return list[0]
		}
		return 0
	}
	supervisor := func(pid int) int { return pid }
	payload := func(pid int) int { return first(first(pid)) }
	const ready = "sh -c 'stty raw -echo; echo ready; exec sleep 100'"
	for _, tt := range []struct {
		name, command string
		act           func()
		status        string
	}{
		{"normal end", "$J --id self true", nil, "0"},
		{"payload in raw mode", "$J --id self sh -c 'stty raw -echo; exit 3'", nil, "3"},
		{"SIGKILL of the payload", "$J --id self " + ready, kill(unix.SIGKILL, payload), "137"},
		{"SIGKILL of PID 1", "$J --id self " + ready, kill(unix.SIGKILL, first), "137"},
		{"SIGTERM", "$J --id self " + ready, kill(unix.SIGTERM, supervisor), "143"},
		{"SIGHUP", "$J --id self " + ready, kill(unix.SIGHUP, supervisor), "129"},
		{"SIGINT", "$J --id self " + ready, kill(unix.SIGINT, supervisor), "130"},
		{"timeout", "$J --timeout 1s " + ready, func() {}, "124"},
		{"a failing start", "$J --ro /nonexistent true", nil, "125"},
		{"a program that cannot be executed", "$J /etc/passwd", nil, "126"},
		{"a failure after the terminal is made", "$J -w /nonexistent true", nil, "125"},
	} {
		s.unchanged(func() {
			s.begin(tt.command)
			if tt.act != nil {
				s.until(`^ready`)
				tt.act()
			}
			if got := s.ended(); got != tt.status {
				t.Errorf("%s: exit %s, want %s:\n%s", tt.name, got, tt.status, s.show())
			}
		})
	}
}

// TestKernelInterruptTwice: a second ^C ends who goes on after the first, and neither a
// shell nor its jail.
func TestKernelInterruptTwice(t *testing.T) {
	kerneltest.Begin(t)
	s := newScreen(t)
	for _, options := range []string{"", "--pid1 payload", "--tty never"} {
		s.unchanged(func() {
			s.begin("$J --id self " + options + ` sh -c 'trap "echo again" INT; echo ready; while :; do sleep 0.1; done'`)
			s.until(`^ready`)
			s.keys("C-c")
			s.until(`again$`)
			time.Sleep(200 * time.Millisecond)
			s.keys("C-c")
			if got := s.ended(); got != "137" {
				t.Errorf("%q: exit %s, want 137:\n%s", options, got, s.show())
			}
		})
	}
	for _, shell := range []string{"bash --norc", "sh"} {
		s.unchanged(func() {
			s.begin("$J --id self -e PS1='in> ' " + shell)
			s.until(`^in>$`)
			for _, job := range []string{"", `sh -c 'trap "echo again" INT; echo ready; for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done'`} {
				if job != "" {
					s.line("clear; " + job)
					s.until(`^ready`)
				}
				for range 3 {
					s.keys("C-c")
					time.Sleep(200 * time.Millisecond)
				}
			}
			s.line("clear; echo lives-$((1))")
			s.until(`^lives-1`)
			s.line("exit 5")
			if got := s.ended(); got != "5" {
				t.Errorf("%s: exit %s, want 5:\n%s", shell, got, s.show())
			}
		})
	}
}

// TestKernelOwnTerminal: what a payload does to its terminal reaches the caller's
// in no way.
func TestKernelOwnTerminal(t *testing.T) {
	kerneltest.Begin(t)
	s := newScreen(t)
	for _, options := range []string{"", "--tty always", "--profile build"} {
		s.run("clear; mkdir -p below; cd below; $J " + options + " -- $SELF victim tty; cd ..")
		show := s.show()
		for _, want := range []string{"standard input /dev/pts/0", "/dev/tty opened; its group is mine: true"} {
			if !strings.Contains(show, want) {
				t.Errorf("%s: no %q in\n%s", options, want, show)
			}
		}
		if n := strings.Count(show, "TIOCSTI EPERM") + strings.Count(show, "TIOCSTI with high bits EPERM") + strings.Count(show, "TIOCLINUX EPERM"); n != 9 {
			t.Errorf("%s: %d of 9 are refused:\n%s", options, n, show)
		}
		if strings.Contains(show, "xxx") {
			t.Errorf("%s: it was typed:\n%s", options, show)
		}
	}
}

// TestKernelCallersTerminal: with --tty never the streams are the caller's terminal
// itself, which a payload can change for good, and cannot type into.
func TestKernelCallersTerminal(t *testing.T) {
	kerneltest.Begin(t)
	s := newScreen(t)
	s.run("clear; $J --tty never -- $SELF victim tty")
	show := s.show()
	if !strings.Contains(show, "/dev/tty open /dev/tty: no such device or address") || strings.Count(show, "TIOCSTI EPERM") != 3 || strings.Contains(show, "xxx") {
		t.Errorf("%s", show)
	}
	s.run("$J --tty never stty -echo intr x")
	s.run("stty -a >settings")
	settings, err := os.ReadFile(s.dir + "/settings")
	if err != nil || !strings.Contains(string(settings), " -echo ") || !strings.Contains(string(settings), "intr = x;") {
		t.Errorf("%v: the settings are those of before:\n%s", err, settings)
	}
}

// TestKernelWhichStreams: with which options and streams there is a terminal,
// and for which streams.
func TestKernelWhichStreams(t *testing.T) {
	kerneltest.Begin(t)
	const what = `sh -c 'for i in 0 1 2; do test -t $i && x=${x}y || x=${x}n; done; echo $x >/dev/tty; echo out; echo err >&2; exit 3'`
	const none = `sh -c 'for i in 0 1 2; do test -t $i && printf y || printf n; done; (: >/dev/tty) 2>/dev/null || echo " no /dev/tty"; exit 3'`
	s := newScreen(t)
	for _, tt := range []struct{ command, want string }{
		{"$J " + what, `yyy\nout\nerr\n`},
		{"$J " + what + " </dev/null", `nyy\nout\nerr\n`},
		{"$J " + what + " | cat; (exit ${PIPESTATUS[0]})", `((yny|err|out)\n){3}`},
		{"$J " + what + " </dev/null 2>&1 | cat; (exit ${PIPESTATUS[0]})", ``},
		{"$J " + what + " </dev/null >file; (r=$?; cat file; exit $r)", `nny\nerr\nout\n`},
		{"$J " + what + " >file </dev/tty; (r=$?; cat file; exit $r)", `yny\nerr\nout\n`},
		{"$J " + what + " >file 2>&1; (r=$?; cat file; exit $r)", `ynn\nout\nerr\n`},
		{"$J --tty always " + what + " </dev/null", `yyy\nout\nerr\n`},
		{"$J --tty always " + what + " | tr a-z A-Z; (exit ${PIPESTATUS[0]})", `YYY\r?\nOUT\r?\nERR\r?\n`},
		{"$J --tty never " + none, `yyy no /dev/tty\n`}, // the caller's own, as it says
		{"$J --tty never " + none + " </dev/null", `nyy no /dev/tty\n`},
	} {
		s.unchanged(func() {
			if got := s.run(tt.command); tt.want != "" && got != "3" {
				t.Errorf("%s: exit %s:\n%s", tt.command, got, s.show())
				return
			}
			if tt.want != "" {
				s.until(tt.want + `end-`)
			}
		})
	}
}

// TestKernelClosed: a terminal that goes away ends the jail.
func TestKernelClosed(t *testing.T) {
	kerneltest.Begin(t)
	for _, command := range []string{"$J cat", "exec $J cat", "$J --stop-timeout 200ms sh -c 'trap \"\" HUP TERM INT; echo ready; while :; do sleep 1; done'", "$J yes"} {
		s := newScreen(t)
		s.line(command)
		time.Sleep(700 * time.Millisecond)
		began := time.Now()
		s.tmux("kill-server")
		kerneltest.NobodyLeft(t)
		if took := time.Since(began); took > bound/2 {
			t.Errorf("%s: the jail took %v to end", command, took)
		}
	}
}

// TestKernelPaste pastes 64 KiB, in lines, to a program that reads slowly, and
// asks for all of it.
func TestKernelPaste(t *testing.T) {
	kerneltest.Begin(t)
	s := newScreen(t)
	var text strings.Builder
	for i := 0; text.Len() < 64<<10; i++ {
		text.WriteString("line " + itoa(i) + " of what is pasted, which must come whole\n")
	}
	name := filepath.Join(s.dir, "text")
	if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run("mkdir -m 777 -p shared")
	s.begin(`$J --id self --rw $PWD/shared:/data sh -c 'stty -echo; echo ready; sleep 1; cat >/data/out; sync; exit'`)
	s.until(`^ready`)
	s.tmux("load-buffer", name)
	s.tmux("paste-buffer", "-r")
	s.tmux("send-keys", "C-d")
	s.ended()
	got, _ := os.ReadFile(filepath.Join(s.dir, "shared/out"))
	if string(got) != text.String() {
		t.Errorf("%d bytes of %d came", len(got), text.Len())
	}
}

// TestKernelMuchOutput writes 10 MB to the terminal, and counts what comes.
func TestKernelMuchOutput(t *testing.T) {
	kerneltest.Begin(t)
	kerneltest.RequirePrograms(t, "script", "seq", "sha256sum")
	dir, lines := t.TempDir(), kerneltest.Often(1350000, 1350000)
	for _, end := range []string{"", "; exit 7", "; kill -9 $$"} {
		cmd := wrap(t, "script", "-qec", kerneltest.Binary(t)+` -q sh -c 'stty -opost; seq `+itoa(lines)+end+`'`, "/dev/null")
		cmd.Dir = dir
		got := kerneltest.RunCommand(t, cmd)
		if n := strings.Count(got.Stdout, "\n"); n != lines || !strings.HasSuffix(strings.TrimRight(got.Stdout, "\r\n"), itoa(lines)) {
			t.Errorf("%q: %d lines of %d, the last %q; exit %d", end, n, lines, got.Stdout[max(0, len(got.Stdout)-20):], got.Code)
		}
	}
}

// TestKernelNobodyReads: what is piped into a terminal that nobody reads does not hold
// up the end.
func TestKernelNobodyReads(t *testing.T) {
	kerneltest.Begin(t)
	cmd := kerneltest.Command(t, "-q", "--tty", "always", "sleep", "0.3")
	cmd.Stdin = endless{}
	cmd.WaitDelay = time.Second
	began := time.Now()
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// endless is a file of lines without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, strings.Repeat("y\n", len(b)/2+1)), nil }

// TestKernelAlways: --tty always where there is no terminal at all.
func TestKernelAlways(t *testing.T) {
	kerneltest.Begin(t)
	for _, tt := range []struct{ stdin, script, want string }{
		{"one\ntwo\n", "stty -echo; cat", "one\r\ntwo\r\n"},
		{"one\ntwo", "stty -echo; cat", "one\r\ntwo"},
		{"", "stty -echo; cat; tty", "/dev/pts/0\r\n"},
		{"", "stty size; test -t 0 && test -t 1 && test -t 2 && echo yes", "0 0\r\nyes\r\n"},
	} {
		cmd := kerneltest.Command(t, "-q", "--tty", "always", "--", "sh", "-c", tt.script)
		cmd.Stdin = &slow{text: tt.stdin}
		if got := kerneltest.RunCommand(t, cmd); got.Code != 0 || got.Stdout != tt.want || got.Stderr != "" {
			t.Errorf("%q with %q: %+v, want %q", tt.script, tt.stdin, got, tt.want)
		}
	}
	// Who reads goes away: that ends a payload that writes on.
	cmd := wrap(t, "sh", "-c", `"$0" -q --tty always yes | head -n 1`, kerneltest.Binary(t))
	if got := kerneltest.RunCommand(t, cmd); got.Stdout != "y\r\n" {
		t.Errorf("%+v", got)
	}
}

// slow gives a program the time to change its terminal before it reads.
type slow struct {
	text string
	read bool
}

func (s *slow) Read(b []byte) (int, error) {
	if !s.read {
		s.read = true
		time.Sleep(500 * time.Millisecond)
	}
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(b, s.text)
	s.text = s.text[n:]
	return n, nil
}
