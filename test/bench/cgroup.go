package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
)

// The contenders for what a cgroup costs. They need a systemd of the user's, and
// are measured in its virtual machine: test/vm/bench.
const (
	noCgroup   = "procjail, no cgroup"
	bySystemd  = "procjail, scope from systemd"
	byLeaf     = "procjail, delegated leaf"
	systemdRun = "systemd-run --user --scope"
	crun       = "crun, rootless, systemd"
)

// cgroup measures starts with a cgroup from each source. It is called in a scope
// with Delegate=yes, and first makes a leaf for itself there, as a service that
// runs many jails would: procjail then has no process to move.
func (b *bench) cgroup(runs int) ([]Series, error) {
	if err := leaf(); err != nil {
		return nil, err
	}
	for _, name := range []string{"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"} {
		b.env = append(b.env, name+"="+os.Getenv(name))
	}
	bundle, err := bundle()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(bundle)
	procjail := filepath.Join(b.dir, "procjail")
	path := func(name string) string { p, _ := exec.LookPath(name); return p }
	// What is compared takes turns, and nothing else beside it: systemd is busy with a
	// scope for as long as a start takes after it has ended.
	var out []Series
	for _, turns := range [][]contender{
		{
			{noCgroup, []string{procjail, "--id", "self", "--cgroup", "off"}, nil, false},
			{byLeaf, []string{procjail, "--id", "self", "--cgroup", "delegated"}, nil, false},
		},
		{
			{bySystemd, []string{procjail, "--id", "self", "--cgroup", "systemd"}, nil, false},
			{systemdRun, []string{path("systemd-run"), "--user", "--scope", "--quiet"}, nil, false},
		},
		{{crun, []string{path("crun"), "--systemd-cgroup", "run", "--bundle", bundle, "bench"}, nil, false}},
	} {
		works := turns[:0:0]
		for _, c := range turns {
			if err := b.try(c); err != nil {
				fmt.Printf("not measured: %s: %v\n", c.name, err)
				continue
			}
			works = append(works, c)
		}
		series, err := b.start(works, runs)
		if err != nil {
			return nil, err
		}
		out = append(out, series...)
	}
	return out, nil
}

// leaf moves this process into a child of its cgroup, and gives that cgroup's
// controllers to its children.
func leaf() error {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	own, _ := cgroupdelegate.Membership(string(text))
	dir := "/sys/fs/cgroup" + own
	if err := os.Mkdir(dir+"/bench", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/bench/cgroup.procs", []byte("0"), 0); err != nil {
		return err
	}
	controllers, err := os.ReadFile(dir + "/cgroup.controllers")
	if err != nil {
		return err
	}
	on := "+" + strings.Join(strings.Fields(string(controllers)), " +")
	return os.WriteFile(dir+"/cgroup.subtree_control", []byte(on), 0)
}

// bundle is an OCI bundle that runs true(1) on the host's /usr, bound read-only
// below a root of its own, with the limits of profiles/strict.toml. It has the
// namespaces and the empty capability sets of a rootless one, and no filter.
func bundle() (string, error) {
	dir, err := os.MkdirTemp("", "procjail-bundle")
	if err != nil {
		return "", err
	}
	spec := exec.Command("crun", "spec", "--rootless")
	spec.Dir = dir
	if out, err := spec.CombinedOutput(); err != nil {
		fmt.Printf("not measured: crun: %v %s\n", err, out)
		return dir, nil
	}
	root := filepath.Join(dir, "rootfs")
	for _, name := range []string{"", "usr", "etc", "proc", "dev", "sys"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return dir, err
		}
	}
	for _, name := range []string{"bin", "lib", "lib64", "sbin"} {
		if err := os.Symlink("usr/"+name, filepath.Join(root, name)); err != nil {
			return dir, err
		}
	}
	name := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(name)
	if err != nil {
		return dir, err
	}
	var config struct {
		Process map[string]any   `json:"process"`
		Mounts  []map[string]any `json:"mounts"`
		Linux   map[string]any   `json:"linux"`
	}
	var all map[string]any
	for _, into := range []any{&config, &all} {
		if err := json.Unmarshal(text, into); err != nil {
			return dir, err
		}
	}
	config.Process["terminal"] = false
	config.Process["args"] = []string{program}
	config.Process["capabilities"] = map[string]any{}
	for _, name := range []string{"/usr", "/etc/ld.so.cache"} {
		config.Mounts = append(config.Mounts, map[string]any{
			"destination": name, "source": name, "type": "bind", "options": []string{"rbind", "ro", "nosuid", "nodev"},
		})
	}
	config.Linux["resources"] = map[string]any{
		"memory": map[string]any{"limit": 512 << 20, "swap": 512 << 20},
		"cpu":    map[string]any{"quota": 100000, "period": 100000},
		"pids":   map[string]any{"limit": 128},
	}
	all["process"], all["mounts"], all["linux"] = config.Process, config.Mounts, config.Linux
	if text, err = json.Marshal(all); err != nil {
		return dir, err
	}
	return dir, os.WriteFile(name, text, 0o644)
}

func (r Results) printCgroup(w io.Writer) {
	if len(r.Cgroup) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-34s %8s %8s %8s  %8s %12s\n", "one start, ms", "median", "min", "max", "/no cgr.", "/systemd-run")
	for _, s := range r.Cgroup {
		fmt.Fprintf(w, "%-34s %8.2f %8.2f %8.2f  %8s %12s\n", s.Name, s.Median, s.Min, s.Max,
			over(s.Median, median(r.Cgroup, noCgroup)), over(s.Median, median(r.Cgroup, systemdRun)))
	}
}
