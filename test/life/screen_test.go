package life

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// screen is a terminal of tmux(1)'s with a shell in it. What is typed and what
// is shown goes through real terminals all the way.
type screen struct {
	t    testing.TB
	dir  string // empty, and the shell's own
	env  []string
	next int
}

// newScreen starts a shell. $J is procjail, quietly.
func newScreen(t testing.TB, shell ...string) *screen {
	t.Helper()
	kerneltest.RequirePrograms(t, "tmux", "bash", "stty")
	s := &screen{t: t, dir: t.TempDir()}
	s.env = []string{
		"TERM=xterm", "TMUX_TMPDIR=" + s.dir, "HOME=" + s.dir, "SHELL=/bin/bash", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
		"J=" + kerneltest.Binary(t) + " -q", "P=" + kerneltest.Binary(t), "SELF=" + self(t, "")[0],
	}
	if len(shell) == 0 {
		shell = []string{"/bin/bash --norc --noprofile"}
	}
	s.tmux("new-session", "-d", "-x", "90", "-y", "30", "-c", s.dir, shell[0])
	t.Cleanup(func() {
		_ = s.command("kill-server").Run()
		for end := time.Now().Add(bound); living(kerneltest.Children(os.Getpid())) && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond) // its last acts are in the directory
		}
		kerneltest.NobodyLeft(t) // and what it left is this process's to reap
	})
	if shell[0][:9] == "/bin/bash" {
		s.until(`\$ *$`)
		s.line("PS1='out> '; clear")
		s.until(`^out>$`)
	}
	return s
}

func (s *screen) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-L", "life", "-f", "/dev/null"}, args...)...)
	cmd.Env = s.env
	return cmd
}

func (s *screen) tmux(args ...string) string {
	s.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// keys presses keys by their names: C-z, Enter.
func (s *screen) keys(names ...string) {
	s.t.Helper()
	s.tmux(append([]string{"send-keys"}, names...)...)
}

// line types text and Enter.
func (s *screen) line(text string) {
	s.t.Helper()
	s.tmux("send-keys", "-l", text)
	s.keys("Enter")
}

func (s *screen) show() string {
	out, _ := s.command("capture-pane", "-p", "-J").Output()
	lines := strings.Split(string(out), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// until waits until the screen matches an expression, of which it returns the
// first part in brackets.
func (s *screen) until(expression string) string {
	s.t.Helper()
	re := regexp.MustCompile("(?m)" + expression)
	for end := time.Now().Add(bound); ; time.Sleep(10 * time.Millisecond) {
		show := s.show()
		if m := re.FindStringSubmatch(show); m != nil {
			return m[len(m)-1]
		}
		if time.Now().After(end) {
			s.t.Fatalf("the screen does not match %q:\n%s\n%s", expression, show, s.diagnosis())
		}
	}
}

// diagnosis is what one asks for by hand when a terminal hangs.
func (s *screen) diagnosis() string {
	tty, _ := s.command("display-message", "-p", "#{pane_tty}").Output()
	out, _ := exec.Command("sh", "-c", `stty -a <"$1"; ps -o pid,ppid,pgid,tpgid,stat,wchan:20,args -t "$1"; ps -o pid,ppid,pgid,tpgid,stat,wchan:20,args -e | grep "[ ]pts/\|procjail"`, "sh", strings.TrimSpace(string(tty))).CombinedOutput()
	return string(out)
}

// keysUntil presses a key, again where it came before its program was there to
// take it.
func (s *screen) keysUntil(key, expression string) {
	s.t.Helper()
	re := regexp.MustCompile("(?m)" + expression)
	for i := 0; i < 200; i++ {
		if i%50 == 0 {
			time.Sleep(100 * time.Millisecond)
			s.keys(key)
		}
		if re.MatchString(s.show()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.until(expression)
}

// run runs a command line in the shell and waits for its end. The result is its
// exit status. The screen is clear before.
func (s *screen) run(command string) string {
	s.t.Helper()
	s.begin(command)
	return s.ended()
}

// begin does not wait.
func (s *screen) begin(command string) {
	s.t.Helper()
	s.next++
	s.keys("C-l")
	s.line(fmt.Sprintf("%s; echo end-$((%d)):$?", command, s.next))
}

// ended waits for what begin began, and returns the exit status.
func (s *screen) ended() string {
	s.t.Helper()
	return s.until(fmt.Sprintf(`end-%d:(\d+)`, s.next))
}

// unchanged asserts that the shell's terminal is set as it was, at the end of a
// function that changes it.
func (s *screen) unchanged(f func()) {
	s.t.Helper()
	s.run("stty -a >before")
	f()
	s.run("stty -a >after")
	before, _ := os.ReadFile(s.dir + "/before")
	after, _ := os.ReadFile(s.dir + "/after")
	if string(before) != string(after) || len(after) == 0 {
		s.t.Errorf("the terminal was\n%s\nand is\n%s", before, after)
	}
}

// living tells whether one of the processes has not ended.
func living(pids []int) bool {
	for _, pid := range pids {
		if s := state(pid); s != "Z" && s != "X" && s != "gone" {
			return true
		}
	}
	return false
}
