package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
	"github.com/Emmanuel326/procjail/host"
	"github.com/Emmanuel326/procjail/launch"
)

// doctor looks for what jails have left on this host. With --fix it removes
// that, and nothing else.
func doctor(args []string) int {
	fix := len(args) == 1 && args[0] == "--fix"
	if len(args) > 0 && !fix {
		return fail(&usageError{errors.New("procjail doctor [--fix]")})
	}
	f := host.Cgroups()
	left := launch.Leftovers(f)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var m *systemd.Manager
	if fix && len(left) > 0 && f.Manager.Socket != "" {
		if c, err := systemd.Dial(ctx, host.Managers(f.Manager)); err == nil {
			m = c
			defer m.Close()
		}
	}
	code := 0
	for _, l := range left {
		what := "empty"
		if l.Alive {
			what = "alive"
		}
		fmt.Printf("left by a jail: %s (%s)", l.Path, what)
		if fix {
			if err := l.Remove(ctx, m); err != nil {
				fmt.Printf(": not removed: %v\n", err)
				code = 1
				continue
			}
			fmt.Println(": removed")
			continue
		}
		fmt.Println("; procjail doctor --fix removes it")
		code = 1
	}
	return code
}
