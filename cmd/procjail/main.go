package main

import (
	"fmt"
	"os"

	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/seccomp"
)

func main() {
	p, err := profiles.Load(os.Args[1])
	if err != nil {
		panic(err)
	}
	f, _ := seccomp.Builtin(p.Seccomp)
	s := &plan.Spec{Profile: *p, Argv: os.Args[2:], Filter: plan.Filter{Name: f.Name, Program: f.Program}, InitImage: launch.InitImage()}
	h, err := host.Probe(s)
	if err != nil {
		panic(err)
	}
	pl, err := plan.Compile(s, h)
	if err != nil {
		fmt.Println(err)
		os.Exit(125)
	}
	if os.Getenv("DRY") != "" {
		for i, e := range pl.Entries {
			fmt.Println(i+1, e.Stage, e, "  #", e.From)
		}
		return
	}
	r, err := launch.Run(pl, launch.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
	fmt.Fprintln(os.Stderr, r.Status, r.Usage)
}
