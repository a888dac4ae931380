// Command truth counts how often procjail names the cause of a failure: rightly, not
// at all, or another one. `make bench-truth` builds what it needs.
//
//	truth -dir DIR [-only REGEXP] [-v]
//
// DIR holds procjail, the scripts of the laboratory (lab, a copy of
// examples/failures) and its programs (failures), as the script run lays them out.
// Each failure is run twice, plain and with --trace-denials; what is compared are the
// lines that procjail prints and its report. The exit status is 1 if anything is
// blamed wrongly, or if with --trace-denials more than one in twenty stays unknown.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// modes are the ways in which everything is run.
var modes = []struct {
	name    string
	options []string
}{
	{"plain", nil},
	{"traced", []string{"--trace-denials"}},
}

// mostUnknown is the share of each group's failures that may stay unknown when they
// are traced.
const mostUnknown = 0.05

// Verdict is what came of one failure in one mode.
type Verdict struct {
	Result string   // right, unknown, wrong; or why it was not run
	Said   []string // procjail's lines
}

const (
	right   = "right"
	unknown = "unknown"
	wrong   = "wrong"
)

// Outcome is a failure with what became of it in each mode.
type Outcome struct {
	Group, Name, Cause string
	Verdicts           []Verdict
}

// notMade is the exit status where a condition could not be made.
const notMade = 99

func main() {
	if name := os.Getenv(conditionVariable); name != "" {
		runtime.LockOSThread()
		fmt.Println("cannot make it:", becomeProcjail(name))
		os.Exit(notMade)
	}
	dir := flag.String("dir", "", "where procjail, lab and failures are")
	only := flag.String("only", "", "failures whose group/name matches")
	verbose := flag.Bool("v", false, "what procjail said of each")
	flag.Parse()
	bad, err := run(*dir, *only, *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "truth:", err)
		os.Exit(2)
	}
	if bad {
		os.Exit(1)
	}
}

func run(dir, only string, verbose bool) (bad bool, err error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return false, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false, err
	}
	b := &bench{dir: dir, wanted: wanted}
	if b.temporary, err = os.MkdirTemp("", "procjail-truth"); err != nil {
		return false, err
	}
	defer os.RemoveAll(b.temporary)
	if err := os.Chmod(b.temporary, 0o755); err != nil { // the payload may be another user
		return false, err
	}
	var outcomes []Outcome
	for _, of := range []func() ([]Outcome, error){b.laboratory, b.setups, b.meetings, b.control} {
		list, err := of()
		if err != nil {
			return false, err
		}
		outcomes = append(outcomes, list...)
	}
	print(outcomes, verbose)
	return count(outcomes), nil
}

func print(outcomes []Outcome, verbose bool) {
	fmt.Printf("%-44s %-52s", "failure", "cause")
	for _, m := range modes {
		fmt.Printf(" %-8s", m.name)
	}
	fmt.Println()
	for _, o := range outcomes {
		fmt.Printf("%-44s %-52s", o.Group+"/"+o.Name, o.Cause)
		for _, v := range o.Verdicts {
			fmt.Printf(" %-8s", v.Result)
		}
		fmt.Println()
		for i, v := range o.Verdicts {
			if !verbose && v.Result != wrong && !strings.HasPrefix(v.Result, "not m") {
				continue
			}
			for _, line := range v.Said {
				fmt.Printf("    %s: %s\n", modes[i].name, line)
			}
		}
	}
	fmt.Println()
}

// count prints the sums, and reports whether they are worse than they may be.
func count(outcomes []Outcome) (bad bool) {
	var groups []string
	for _, o := range outcomes {
		if !slices.Contains(groups, o.Group) {
			groups = append(groups, o.Group)
		}
	}
	for i, m := range modes {
		sum := map[string]int{}
		for _, g := range append(groups, "all") {
			n := map[string]int{}
			for _, o := range outcomes {
				if o.Group == g {
					n[o.Verdicts[i].Result]++
					sum[o.Verdicts[i].Result]++
				}
			}
			if g == "all" {
				n = sum
			}
			ran := n[right] + n[unknown] + n[wrong]
			var not []string
			for result, times := range n {
				if result != right && result != unknown && result != wrong {
					not = append(not, fmt.Sprintf("%d %s", times, result))
				}
			}
			slices.Sort(not)
			fmt.Printf("%-8s %-12s %3d right, %2d unknown (%.1f %%), %d wrong, of %d", m.name, g, n[right], n[unknown], 100*share(n[unknown], ran), n[wrong], ran)
			if len(not) > 0 {
				fmt.Printf("; not run: %s", strings.Join(not, ", "))
			}
			fmt.Println()
			bad = bad || n[wrong] > 0 || g == "all" && ran == 0 || m.name == "traced" && share(n[unknown], ran) > mostUnknown
		}
	}
	return bad
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
