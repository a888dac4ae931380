package truth

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

// TestKernelReports: the report of every kind of end is as its schema says, which
// lies beside this tree's docs.
func TestKernelReports(t *testing.T) {
	start(t)
	schema, err := jsonschema.NewCompiler().Compile("../../docs/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args   []string
		reason string
		code   int
	}{
		"exited":       {[]string{"true"}, "exited", 0},
		"failed":       {[]string{"false"}, "exited", 1},
		"signaled":     {[]string{"sh", "-c", "kill -9 $$"}, "signaled", 137},
		"refused":      {[]string{"unshare", "-U", "true"}, "exited", 1},
		"traced":       {[]string{"--trace-denials", "cat", "/nowhere"}, "exited", 1},
		"timeout":      {[]string{"--timeout", "100ms", "sleep", "10"}, "timeout", 124},
		"killed":       {[]string{"--timeout", "100ms", "--stop-timeout", "100ms", "--pid1", "payload", "sleep", "10"}, "timeout", 124},
		"not found":    {[]string{"no-such-command"}, "setup-failed", 127},
		"a step fails": {[]string{"-w", "/nope", "true"}, "setup-failed", 125},
		"unwatched":    {[]string{"--denials", "off", "true"}, "exited", 0},
		"left running": {[]string{"sh", "-c", "sleep 60 & exit 0"}, "exited", 0},
		"full":         {[]string{"sh", "-c", "head -c 80M /dev/zero > /tmp/x; exit 1"}, "exited", 1},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "r.json")
			got := kerneltest.Run(t, append([]string{"-q", "--report", file}, c.args...)...)
			f, err := os.Open(file)
			if err != nil {
				t.Fatalf("%v; %+v", err, got)
			}
			defer f.Close()
			v, err := jsonschema.UnmarshalJSON(f)
			if err == nil {
				err = schema.Validate(v)
			}
			if r := read(t, file); err != nil || r.Reason != c.reason || r.ExitCode != c.code || got.Code != c.code || len(r.Left) != 0 {
				t.Errorf("%v; %+v; reason %s, exit code %d, left %v", err, got, r.Reason, r.ExitCode, r.Left)
			}
		})
	}
}

// TestKernelState: what the kernel showed of the payload before its execve is what a
// payload sees of itself.
func TestKernelState(t *testing.T) {
	start(t)
	file := filepath.Join(t.TempDir(), "r.json")
	got := kerneltest.Run(t, "-q", "--report", file, "sh", "-c", "cat /proc/self/status; cat /proc/self/uid_map; for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done; cut -d ' ' -f 5 /proc/self/mountinfo")
	r := read(t, file)
	if r.State == nil {
		t.Fatalf("%+v", got)
	}
	line := func(name string) string {
		_, rest, _ := strings.Cut(got.Stdout, "\n"+name+":")
		value, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(value)
	}
	s := r.State
	for name, value := range map[string]string{
		"CapInh": s.Caps["CapInh"], "CapPrm": s.Caps["CapPrm"], "CapEff": s.Caps["CapEff"], "CapBnd": s.Caps["CapBnd"], "CapAmb": s.Caps["CapAmb"],
		"NoNewPrivs": s.NoNewPrivs, "Seccomp": s.Seccomp, "Seccomp_filters": s.Filters,
	} {
		if value == "" || value != line(name) {
			t.Errorf("%s %q, inside %q", name, value, line(name))
		}
	}
	if s.Caps["CapBnd"] != "0000000000000000" || s.NoNewPrivs != "1" || s.Seccomp != "2" || s.Filters != "1" {
		t.Errorf("%+v", s)
	}
	if len(s.Namespaces) != 8 {
		t.Errorf("namespaces %v", s.Namespaces)
	}
	for name, inode := range s.Namespaces {
		own, _ := os.Readlink("/proc/self/ns/" + name)
		if id := name + ":[" + strconv.FormatUint(inode, 10) + "]"; own == id || !strings.Contains(got.Stdout, "\n"+id+"\n") {
			t.Errorf("namespace %s; the caller's is %s", id, own)
		}
	}
	for _, m := range s.Mounts {
		if f := strings.Fields(m); len(f) < 5 || !strings.Contains(got.Stdout, "\n"+f[4]+"\n") {
			t.Errorf("mount %q is not one inside", m)
		}
	}
	if len(s.UIDMap) == 0 || len(s.GIDMap) == 0 || s.Pid == 0 || s.InitPid == 0 {
		t.Errorf("%+v", s)
	}
	made := 0
	for _, step := range r.Plan {
		if step.Result != nil && step.At != nil && step.Took != nil {
			made++
		}
		if strings.Contains(step.Call, "HOME=/") {
			t.Errorf("a value of the environment is in the report: %s", step.Call)
		}
	}
	if made < len(r.Plan)*9/10 {
		t.Errorf("%d of %d steps have a result and a time", made, len(r.Plan))
	}
}

// TestKernelStatusFDs: bubblewrap's two descriptors, with its names and more.
func TestKernelStatusFDs(t *testing.T) {
	start(t)
	dir := t.TempDir()
	cmd := kerneltest.Command(t, "-q", "--info-fd", "3", "--json-status-fd", "4", "sh", "-c", "readlink /proc/self/ns/net; exit 3")
	for _, name := range []string{"info", "status"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	got := kerneltest.RunCommand(t, cmd)
	info, _ := os.ReadFile(filepath.Join(dir, "info"))
	status, _ := os.ReadFile(filepath.Join(dir, "status"))
	net := strings.TrimSuffix(strings.TrimPrefix(got.Stdout, "net:["), "]\n")
	lines := strings.Split(string(status), "\n")
	if got.Code != 3 || !strings.Contains(string(info), `"net-namespace":`+net+",") || !strings.Contains(string(info), `"child-pid":`) ||
		lines[0]+"\n" != string(info) || len(lines) != 3 || lines[1] != `{"exit-code":3,"reason":"exited"}` {
		t.Errorf("%+v\ninfo %s\nstatus %s", got, info, status)
	}
	cmd = kerneltest.Command(t, "-q", "--json-status-fd", "9", "true")
	if got := kerneltest.RunCommand(t, cmd); got.Code != 125 || !strings.Contains(got.Stderr, "no such descriptor") {
		t.Errorf("%+v", got)
	}
}
