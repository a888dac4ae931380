package main

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Stage is a part of a start, in microseconds: what was budgeted for it before the
// code, and the medians of what it takes.
type Stage struct {
	Name   string     `json:"name"`
	Budget [2]int     `json:"budget"`  // with the caller's own id, and with subordinate ids
	Took   [2]float64 `json:"reached"` // the same
}

// budget was set from prototypes. The parts of procjail --verbose that make a stage are
// its words; the first stage is a whole process that starts no jail, and has none.
var budget = []struct {
	name   string
	budget [2]int
	parts  []string
}{
	{"execve to main, and the process's end", [2]int{1450, 1450}, nil},
	{"flags, profile, checks, plan", [2]int{300, 300}, []string{"options, facts, plan"}},
	{"clone and namespaces", [2]int{300, 300}, []string{"clone and namespaces"}}, // 700 with the network made in turn
	{"id maps", [2]int{50, 2100}, []string{"id maps"}},
	{"loopback", [2]int{90, 90}, []string{"network and names"}},
	{"mounts", [2]int{400, 400}, []string{"file system"}},
	{"capabilities, limits, descriptors", [2]int{60, 60}, []string{"privileges", "limits, landlock, directory"}},
	{"PID 1 and the second fork", [2]int{200, 200}, []string{"second fork"}},
	{"loading the filter", [2]int{150, 150}, []string{"filter"}},
	{"the payload's execve to the end of all", [2]int{1000, 1000}, []string{"exec, the command, the end"}},
}

// stages asks starts for their parts, and times a procjail that starts nothing.
func (b *bench) stages(runs int) ([]Stage, error) {
	took := make(map[string]*[2][]float64)
	add := func(part string, id int, microseconds float64) {
		if took[part] == nil {
			took[part] = new([2][]float64)
		}
		took[part][id] = append(took[part][id], microseconds)
	}
	plain := contender{args: []string{filepath.Join(b.dir, "procjail")}}
	for range max(20, runs/4) {
		for id, name := range []string{"self", "subid"} {
			begin := time.Now()
			pid, err := b.spawn(plain, "/", null, "version")
			if err == nil {
				err = wait(pid)
			}
			if err != nil {
				return nil, err
			}
			add("", id, float64(time.Since(begin).Microseconds()))
			said, err := b.verbose("--id", name)
			if err != nil {
				return nil, err
			}
			for line := range strings.Lines(said) {
				if ms, part, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "procjail: time:"), " ms "); ok {
					n, err := strconv.ParseFloat(strings.TrimSpace(ms), 64)
					if err != nil {
						return nil, fmt.Errorf("%q: %w", line, err)
					}
					add(strings.TrimSpace(part), id, 1000*n)
				}
			}
		}
	}
	var out []Stage
	for _, s := range budget {
		stage := Stage{Name: s.name, Budget: s.budget}
		for id := range stage.Took {
			if s.parts == nil {
				stage.Took[id] = middle(took[""][id])
			}
			for _, part := range s.parts {
				if took[part] == nil {
					return nil, fmt.Errorf("procjail --verbose does not tell of %q", part)
				}
				stage.Took[id] += middle(took[part][id])
			}
		}
		out = append(out, stage)
	}
	return out, nil
}

// verbose starts a jail, and returns what procjail says of it.
func (b *bench) verbose(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(b.dir, "procjail"), append(args, "--verbose", "--profile", "strict", "--cgroup", "off", program)...)
	cmd.Env, cmd.SysProcAttr, cmd.Dir = b.env, &syscall.SysProcAttr{Credential: b.as}, "/"
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return said.String(), nil
}

func middle(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func (r Results) printStages(w io.Writer) {
	if len(r.Stages) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-40s %17s %17s\n", "", "own id", "subordinate ids")
	fmt.Fprintf(w, "%-40s %8s %8s %8s %8s\n", "stages of one start, microseconds", "budget", "reached", "budget", "reached")
	sum := Stage{Name: "sum"}
	for _, s := range append(r.Stages, Stage{}) {
		if s.Name == "" {
			s = sum
		}
		fmt.Fprintf(w, "%-40s %8d %8.0f %8d %8.0f\n", s.Name, s.Budget[0], s.Took[0], s.Budget[1], s.Took[1])
		for id := range s.Took {
			sum.Budget[id] += s.Budget[id]
			sum.Took[id] += s.Took[id]
		}
	}
}
