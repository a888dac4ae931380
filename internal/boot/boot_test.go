package boot_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEntry: the arguments and the environment stay what they were, and the runtime has
// been told what it is to do without.
func TestEntry(t *testing.T) {
	show := os.Getenv("PROCJAIL_SHOW") // as test/run has it
	if show == "" {
		show = filepath.Join(t.TempDir(), "show")
		if out, err := exec.Command("go", "build", "-ldflags", "-E github.com/Emmanuel326/procjail/internal/boot.entry", "-o", show, "./testdata/show").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	all := strconv.Itoa(runtime.NumCPU())
	found := "1"
	if mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil || mode != 0 {
		found = all
	}
	for _, test := range []struct {
		args, env []string
		runs      string
	}{
		{nil, []string{}, found + " of " + all + ", then on " + all},
		{[]string{"a", "", strings.Repeat("x", 100_000)}, []string{"A=", "B=1"}, found + " of " + all + ", then on " + all},
		{nil, []string{"GOMAXPROCS=1"}, "1 of " + all + ", then on 1"},
		{nil, []string{"GOMAXPROCS=3"}, "3 of " + all + ", then on 3"},
	} {
		var want []string
		for _, s := range append(test.args, test.env...) {
			want = append(want, strconv.Quote(s))
		}
		want = append(want, "runs on "+test.runs)
		cmd := exec.Command(show, test.args...)
		cmd.Env = test.env
		out, err := cmd.CombinedOutput()
		if got := strings.Split(string(out), "\n"); err != nil || !slices.Equal(got[:min(len(want), len(got))], want) {
			t.Errorf("%.60q %.60q: %v: %.500s, want %.500q", test.args, test.env, err, out, want)
		}
	}
	out, err := exec.Command("env", "--default-signal", "sh", "-c", `trap "" TERM; ulimit -Sn 77; exec "$0"`, show).CombinedOutput()
	if want := "profile 0, slack true, files 77, ignored 16384\n"; err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}
