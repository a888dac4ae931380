// Command bench measures procjail beside bubblewrap and beside a C program that
// makes the same kernel calls (floor/floor.c), in turn in one run: absolute times
// belong to a machine, ratios carry over. `make bench` builds what it needs.
//
//	bench -dir DIR [-user NAME] [-runs N] [-jails N] [-only start,rate,idle,compile,calls,stages|cgroup] [-json FILE]
//
// DIR holds procjail, floor, strict.bpf and docker.bpf (test/bench/run). As root
// each contender is started as NAME, and only the reading of memory uses root.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Results is everything that was measured; -json writes it.
type Results struct {
	Runs    int        `json:"runs"`
	Start   []Series   `json:"start_ms,omitempty"`
	Rate    []Rate     `json:"jails_per_second,omitempty"`
	Idle    []Idle     `json:"idle,omitempty"`
	Compile []Series   `json:"compile_ms,omitempty"`
	Cgroup  []Series   `json:"cgroup_ms,omitempty"`
	Calls   []Call     `json:"calls_ns,omitempty"`
	Stages  []Stage    `json:"stages_us,omitempty"`
	Targets []Target   `json:"targets"`
	Skipped [][]string `json:"skipped,omitempty"`
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == insideWord {
		makeCalls(os.Args[2])
		return
	}
	dir := flag.String("dir", "bin", "where the programs and filters to measure are")
	name := flag.String("user", "", "as root: the account to start jails as")
	runs := flag.Int("runs", 200, "starts of each contender")
	jails := flag.Int("jails", 200, "idle jails at once")
	only := flag.String("only", "start,rate,idle,compile,calls,stages", "what to measure")
	out := flag.String("json", "", "also write the figures to this file")
	flag.Parse()
	if err := run(*dir, *name, *runs, *jails, *only, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(dir, name string, runs, jails int, only, out string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	bench := &bench{dir: dir, env: environment()}
	if os.Geteuid() == 0 {
		if bench.as, err = credential(name); err != nil {
			return err
		}
	}
	results := Results{Runs: runs}
	if only == "cgroup" {
		if results.Cgroup, err = bench.cgroup(runs); err != nil {
			return err
		}
		results.printCgroup(os.Stdout)
		return nil
	}
	all := bench.contenders()
	works := all[:0:0]
	for _, c := range all {
		if err := bench.try(c); err != nil {
			results.Skipped = append(results.Skipped, []string{c.name, err.Error()})
			continue
		}
		works = append(works, c)
	}

	fmt.Printf("as %s, %d runs, interleaved, whole process from fork to wait\n", bench.who(), runs)
	for _, skipped := range results.Skipped {
		fmt.Printf("not measured: %s: %s\n", skipped[0], skipped[1])
	}
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"start", func() error { results.Start, err = bench.start(works, runs); return err }},
		{"rate", func() error { results.Rate, err = bench.rate(works); return err }},
		{"idle", func() error { results.Idle, err = bench.idle(works, jails); return err }},
		{"compile", func() error { results.Compile, err = bench.compile(works, max(3, runs/20)); return err }},
		{"calls", func() error { results.Calls, err = bench.calls(runs); return err }},
		{"stages", func() error { results.Stages, err = bench.stages(runs); return err }},
	} {
		if !strings.Contains(","+only+",", ","+part.name+",") {
			continue
		}
		if err := part.measure(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	results.Targets = targets(results)
	results.print(os.Stdout)
	results.printCalls(os.Stdout)
	results.printStages(os.Stdout)
	if out == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

// environment is the same for every contender, and short, as exec copies it.
func environment() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8", "TERM=dumb"}
}

func credential(name string) (*syscall.Credential, error) {
	account, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
