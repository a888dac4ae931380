package limits

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// start prepares a test: what it needs of the host, and that it leaves nothing,
// neither here nor with systemd.
func start(t testing.TB) {
	t.Helper()
	kerneltest.Begin(t, kerneltest.Systemd, kerneltest.Controllers)
	t.Cleanup(func() { nothingLeft(t) })
}

// nothingLeft asks, for as long as a busy manager may take, until there is no
// scope and no cgroup of procjail's.
func nothingLeft(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		dirs := cgroupsNamed(t, "procjail")
		units := systemctl(t, "list-units", "--all", "--plain", "--no-legend", "procjail-*")
		if len(dirs) == 0 && units == "" {
			return
		}
		if time.Now().After(deadline) {
			var procs []string
			for _, dir := range dirs {
				for pid := range strings.FieldsSeq(text(dir + "/cgroup.procs")) {
					procs = append(procs, dir+" has "+text("/proc/"+pid+"/stat")+text("/proc/"+pid+"/wchan")+" "+text("/proc/"+pid+"/syscall")+text("/proc/"+pid+"/status"))
				}
				procs = append(procs, dir+": "+text(dir+"/cgroup.events"))
			}
			for unit := range strings.Lines(units) { // for the tests after this one
				if f := strings.Fields(unit); len(f) > 0 {
					_ = exec.Command("systemctl", "--user", "stop", f[0]).Run()
				}
			}
			t.Fatalf("left behind: cgroups %q, units %q\n%s", dirs, units, strings.Join(procs, "\n"))
		}
	}
}

// cgroupsNamed are those below the caller's manager whose name begins so.
func cgroupsNamed(t testing.TB, prefix string) []string {
	t.Helper()
	var dirs []string
	_ = filepath.WalkDir(managerDir(), func(name string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) {
			dirs = append(dirs, name)
		}
		return nil
	})
	return dirs
}

func managerDir() string {
	return "/sys/fs/cgroup" + cgroupdelegate.UserManager(os.Getuid())
}

func systemctl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("systemctl", append([]string{"--user", "--no-pager"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemctl %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func self(t testing.TB) string { t.Helper(); return kerneltest.Self(t) }

// command is the test binary as a payload, below the options of procjail.
func command(t testing.TB, options []string, act string, args ...string) *exec.Cmd {
	t.Helper()
	argv := append([]string{}, options...)
	cmd := kerneltest.Command(t, append(append(argv, "--", self(t), victimWord, act), args...)...)
	cmd.Dir = t.TempDir() // which build shows for writing, also to other ids
	if err := os.Chmod(cmd.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// run runs an act of the victim in a jail.
func run(t testing.TB, options []string, act string, args ...string) kerneltest.Result {
	t.Helper()
	return kerneltest.RunCommand(t, command(t, options, act, args...))
}

// jail is one that waits for the end of its standard input.
type jail struct {
	*kerneltest.Waiting
	stderr *strings.Builder
	top    string // the directory of the cgroup that its leaves are in
}

// startWaiting returns once the payload runs, which first shows the files.
func startWaiting(t testing.TB, options []string, files ...string) *jail {
	t.Helper()
	return waitReady(t, command(t, options, "wait", files...))
}

func waitReady(t testing.TB, cmd *exec.Cmd) *jail {
	t.Helper()
	stderr := new(strings.Builder)
	cmd.Stderr = stderr
	w := kerneltest.StartWaiting(t, cmd)
	return &jail{w, stderr, filepath.Dir(kerneltest.CgroupOf(t, cmd.Process.Pid))}
}

// inScope runs a script in a delegated scope of its own, with what it says of
// its cgroup by `state` and the victim as `payload`.
func inScope(t testing.TB, script string) kerneltest.Result {
	t.Helper()
	const library = `set -u
dir=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
state() {
	below=$(cd "$dir" && for d in */; do [ ! -d "$d" ] || echo "$d"; done | sort | tr '\n' ' ')
	n=0
	while read -r _; do n=$((n + 1)); done <"$dir/cgroup.procs"
	echo "$1: enabled [$(cat "$dir/cgroup.subtree_control")] below [$below] processes $n"
}
`
	cmd := exec.Command("systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes", "sh", "-c",
		library+`procjail=$1 self=$2; payload() { "$procjail" "$@"; }; `+script, "sh", kerneltest.Binary(t), self(t))
	return kerneltest.RunCommand(t, cmd)
}

func match(t testing.TB, what, pattern, got string) {
	t.Helper()
	if !regexp.MustCompile("(?s)^" + pattern + "$").MatchString(got) {
		t.Errorf("%s: %q\nwant %s", what, got, pattern)
	}
}

// leafName is that of a leaf in a delegated cgroup.
var leafName = regexp.MustCompile(`procjail-[0-9]+-[0-9a-z]+/`)
