package boot_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEntry: the arguments and the environment stay what they were, but for one variable
// where the caller has none of that name; and the runtime has heard of it.
func TestEntry(t *testing.T) {
	show := filepath.Join(t.TempDir(), "show")
	if out, err := exec.Command("go", "build", "-ldflags", "-E github.com/Emmanuel326/procjail/internal/boot.entry", "-o", show, "./testdata/show").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	long := strings.Repeat("x", 100_000)
	for _, test := range []struct {
		args, env []string
		narrow    bool
	}{
		{nil, []string{}, true},
		{[]string{""}, []string{"A=1"}, true},
		{[]string{"a", "b c", long}, []string{"A=", "GOMAXPROC=3", "XGOMAXPROCS=3", "GOMAXPROCSX=3", "B=" + long, "G"}, true},
		{[]string{"GOMAXPROCS=9"}, []string{"GOMAXPROCS=3"}, false},
		{[]string{"a"}, []string{"A=", "GOMAXPROCS=3", "B="}, false},
	} {
		var want []string
		for _, s := range append(test.args, test.env...) {
			want = append(want, strconv.Quote(s))
		}
		if test.narrow {
			want = append(want, `"GOMAXPROCS=1"`, "1 widened to all")
		} else {
			want = append(want, "3 widened to 3")
		}
		cmd := exec.Command(show, test.args...)
		cmd.Env = test.env
		out, err := cmd.CombinedOutput()
		if got := strings.Split(string(out), "\n"); err != nil || !slices.Equal(got[:min(len(want), len(got))], want) {
			t.Errorf("%.60q %.60q: %v: %.500s", test.args, test.env, err, out)
		}
	}
	out, err := exec.Command("sh", "-c", `trap "" TERM; ulimit -Sn 77; exec "$0"`, show).CombinedOutput()
	if want := "profile 0, slack true, files 77, ignored 16384\n"; err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}
