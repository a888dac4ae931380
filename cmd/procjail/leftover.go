package main

import (
	"context"
	"time"

	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/launch"
)

// leftover is what a jail has left, and what became of it.
type leftover struct {
	Path    string `json:"path"`
	Alive   bool   `json:"alive"`
	Removed bool   `json:"removed"`
	Error   string `json:"error,omitempty"`
}

type leftList []leftover

// String is a line for people.
func (l leftover) String() string {
	what := "empty"
	if l.Alive {
		what = "alive"
	}
	s := "left by a jail: " + l.Path + " (" + what + ")"
	switch {
	case l.Removed:
		return s + ": removed"
	case l.Error != "":
		return s + ": not removed: " + l.Error
	}
	return s + "; procjail doctor --fix removes it"
}

// remain reports whether any of it is still there.
func (list leftList) remain() bool {
	for _, l := range list {
		if !l.Removed {
			return true
		}
	}
	return false
}

// leftovers lists what jails have left, and removes it if that is asked for.
func leftovers(fix bool) leftList {
	f := host.Cgroups()
	found := launch.Leftovers(f)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var m *systemd.Manager
	if fix && len(found) > 0 && f.Manager.Socket != "" {
		if c, err := systemd.Dial(ctx, host.Managers(f.Manager)); err == nil {
			m = c
			defer m.Close()
		}
	}
	list := leftList{}
	for _, l := range found {
		one := leftover{Path: l.Path, Alive: l.Alive}
		if fix {
			if err := l.Remove(ctx, m); err != nil {
				one.Error = err.Error()
			} else {
				one.Removed = true
			}
		}
		list = append(list, one)
	}
	return list
}
