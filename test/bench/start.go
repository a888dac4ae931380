package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Series is what many runs of one thing took, in milliseconds.
type Series struct {
	Name   string  `json:"name"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func series(name string, took []time.Duration) Series {
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Series{name, ms(took[len(took)/2]), ms(took[0]), ms(took[len(took)-1])}
}

// start measures whole starts: A B C D, A B C D, so that what else the machine
// does falls on all alike.
func (b *bench) start(all []contender, runs int) ([]Series, error) {
	took := make([][]time.Duration, len(all))
	for i := range runs + 5 {
		for j, c := range all {
			begin := time.Now()
			pid, err := b.spawn(c, "/", null, program)
			if err == nil {
				err = wait(pid)
			}
			if err != nil {
				return nil, err
			}
			if i >= 5 { // the first ones warm the caches
				took[j] = append(took[j], time.Since(begin))
			}
		}
	}
	var out []Series
	for j, c := range all {
		out = append(out, series(c.name, took[j]))
	}
	return out, nil
}

// Rate is how many jails a second start and end, at so many at once.
type Rate struct {
	Name    string  `json:"name"`
	AtOnce  int     `json:"at_once"`
	PerSecd float64 `json:"per_second"`
}

func (b *bench) rate(all []contender) ([]Rate, error) {
	const round, rounds = 500 * time.Millisecond, 16
	var out []Rate
	for _, atOnce := range []int{1, 4} {
		done := make([]int, len(all))
		spent := make([]time.Duration, len(all))
		for range rounds {
			for j, c := range all {
				if c.name == docker || c.name == bare || c.name == alone {
					continue
				}
				n, took, err := b.loop(c, atOnce, round)
				if err != nil {
					return nil, err
				}
				done[j] += n
				spent[j] += took
			}
		}
		for j, c := range all {
			if done[j] > 0 {
				out = append(out, Rate{c.name, atOnce, float64(done[j]) / spent[j].Seconds()})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Rate) int { return cmp.Compare(a.AtOnce, b.AtOnce) })
	return out, nil
}

// loop starts jails one after the other on each of atOnce lanes for a time.
func (b *bench) loop(c contender, atOnce int, round time.Duration) (int, time.Duration, error) {
	counts := make([]int, atOnce)
	errs := make([]error, atOnce)
	begin := time.Now()
	var lanes sync.WaitGroup
	for lane := range atOnce {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			for time.Since(begin) < round && errs[lane] == nil {
				pid, err := b.spawn(c, "/", null, program)
				if err == nil {
					err = wait(pid)
				}
				counts[lane]++
				errs[lane] = err
			}
		}()
	}
	lanes.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return total, time.Since(begin), errors.Join(errs...)
}

// compile measures cc -O2 on a generated file, under the build profile and
// outside, in turn: what a filter and a jail cost a program that works.
func (b *bench) compile(all []contender, runs int) ([]Series, error) {
	if !slices.ContainsFunc(all, func(c contender) bool { return c.name == self }) {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "procjail-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "heavy.c"), heavy(), 0o644); err != nil {
		return nil, err
	}
	procjail := filepath.Join(b.dir, "procjail")
	sides := []contender{
		{outside, nil, nil, false},
		{inside, []string{procjail, "--profile", "build", "--cgroup", "off"}, nil, true},
	}
	took := make([][]time.Duration, len(sides))
	for range runs {
		for j, side := range sides {
			begin := time.Now()
			pid, err := b.spawn(side, dir, null, "/usr/bin/gcc", "-O2", "-c", "heavy.c", "-o", "heavy.o")
			if err == nil {
				err = wait(pid)
			}
			if err != nil {
				return nil, errors.Join(errors.New(side.name), err)
			}
			took[j] = append(took[j], time.Since(begin))
		}
	}
	return []Series{series(outside, took[0]), series(inside, took[1])}, nil
}

// heavy is a C file that takes a second or so: many functions, some headers.
func heavy() []byte {
	var text strings.Builder
	text.WriteString("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n#include <sys/socket.h>\n")
	for i := range 500 {
		n := strconv.Itoa(i)
		text.WriteString("int f" + n + "(int *v, int n) { int s = " + n + "; for (int i = 0; i < n; i++) { " +
			"switch (v[i] % 7) { case 0: s += v[i] * i; break; case 1: s ^= i << 3; break; case 2: s -= v[n - i - 1]; break; " +
			"case 3: s *= 31; break; default: v[i] = s % (i + " + n + " + 1); } } " +
			"if (s > 1000) printf(\"%d\\n\", s); return s; }\n")
	}
	return []byte(text.String())
}
