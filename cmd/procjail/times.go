package main

import (
	"fmt"
	"time"

	"github.com/Emmanuel326/procjail/launch"
	"github.com/Emmanuel326/procjail/plan"
)

// began is when main began: what came before it is the kernel's execve and
// the Go runtime.
var began = time.Now()

// The stages of a start that --verbose sums up, in their order.
const (
	stagePlan = iota
	stageClone
	stageIDs
	stageNet
	stageMounts
	stagePrivileges
	stageFork
	stageLimits
	stageFilter
	stageRun
	stages
)

var stageNames = [stages]string{
	"options, facts, plan", "clone and namespaces", "id maps", "network and names", "file system", "privileges",
	"second fork", "limits, landlock, directory", "filter", "exec, the command, the end",
}

// sayTimes prints where the time went, for a run that got as far as execve.
func (o *options) sayTimes(p *plan.Plan, res launch.Result, running time.Duration) {
	if !o.verbose {
		return
	}
	var sum [stages]time.Duration
	sum[stagePlan] = running
	var last time.Duration
	started := false // init's entries have begun
	for i, e := range p.Entries {
		s := res.Steps[i]
		switch e.Step.(type) {
		case plan.Clone3:
			started = true
			continue
		case plan.Clone, plan.Execve: // come back when the payload has gone
			continue
		}
		if e.Stage == plan.Supervisor {
			if !started {
				last = s.At
			}
			continue
		}
		if !s.Reached || s.At < last || e.Stage == plan.Network {
			continue
		}
		if e.Stage == plan.Init && afterPayload(p, i) {
			break
		}
		sum[stageOf(p, i)] += s.At - last
		last = s.At
	}
	sum[stageRun] = res.Usage.Wall - last
	for i, d := range sum {
		say("time", fmt.Sprintf("%8.3f ms  %s", float64(d.Microseconds())/1000, stageNames[i]))
	}
}

func afterPayload(p *plan.Plan, i int) bool {
	for _, e := range p.Entries[:i] {
		if e.Stage == plan.Payload {
			return true
		}
	}
	return false
}

// stageOf says what an entry of the child is for. The first one of a process
// counts for what made the process.
func stageOf(p *plan.Plan, i int) int {
	e := p.Entries[i]
	if e.Stage == plan.Payload {
		if p.Entries[i-1].Stage == plan.Init {
			return stageFork
		}
		if _, ok := e.Step.(plan.SetFilter); ok {
			return stageFilter
		}
		return stageLimits
	}
	if _, ok := e.Step.(plan.Reap); ok { // of the process that makes the network
		return stageNet
	}
	first, ids, root, left := -1, -1, -1, -1
	for k, e := range p.Entries {
		if e.Stage != plan.Init {
			continue
		}
		if first < 0 {
			first = k
		}
		switch e.Step.(type) {
		case plan.CloseRange:
			ids = k
		case plan.Sethostname:
			if root < 0 {
				root = k
			}
		case plan.PivotRoot:
			left = k
		}
	}
	umask := root
	for k := root; k < len(p.Entries); k++ {
		if _, ok := p.Entries[k].Step.(plan.Umask); ok {
			umask = k
			break
		}
	}
	switch {
	case i == first:
		return stageClone
	case i > left+3:
		return stagePrivileges
	case i >= umask:
		return stageMounts
	case i >= root:
		return stageNet
	case i > ids:
		return stageIDs
	}
	return stageClone
}
