package systemd

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// Scope says what to ask for. Only Name and PIDs are needed.
type Scope struct {
	Name        string // a unit name that nobody else has, ending in .scope; see systemd.unit(5)
	Slice       string // where in the tree; "" is the manager's default: app.slice for a user, system.slice for the system
	Description string // for systemctl status; "" is Name
	// PIDs of the processes that move into the scope, in the PID namespace of the caller. 0 is the caller itself.
	PIDs []uint32
}

// property is an element of a(sv).
type property struct {
	Name  string
	Value dbus.Variant
}

// auxiliary is an element of a(sa(sv)), of which there is none here.
type auxiliary struct {
	Name       string
	Properties []property
}

// StartScope calls StartTransientUnit for a delegated scope. After nil, the job is queued; the processes are moved once
// its Wait has returned nil. Delegate=yes also keeps the manager from stopping the scope when the kernel kills a process
// of it for memory (OOMPolicy=continue), and CollectMode=inactive-or-failed lets it forget the scope whatever became of it.
//
// The error is an [*Error]: with a Name for what the peer refused, [UnitExists] among them; else the scope may have been
// started, and goes with its processes.
func (m *Manager) StartScope(ctx context.Context, s Scope) (*Job, error) {
	props := []property{
		{"Delegate", dbus.MakeVariant(true)},
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")},
		{"PIDs", dbus.MakeVariant(s.PIDs)},
	}
	if s.Slice != "" {
		props = append(props, property{"Slice", dbus.MakeVariant(s.Slice)})
	}
	if s.Description != "" {
		props = append(props, property{"Description", dbus.MakeVariant(s.Description)})
	}
	return m.queue(ctx, s.Name, "StartTransientUnit", s.Name, "fail", props, []auxiliary{})
}

// StopUnit calls StopUnit. After nil the job is queued; the manager ends the processes, at first with SIGTERM, and its
// Wait returns once all are gone.
//
// The error is an [*Error], with Name [NoSuchUnit] where the unit is gone already.
func (m *Manager) StopUnit(ctx context.Context, name string) (*Job, error) {
	return m.queue(ctx, name, "StopUnit", name, "replace")
}

// Unit is a unit that a manager has in memory, in the words of systemctl list-units.
type Unit struct {
	Name, Description                string
	LoadState, ActiveState, SubState string
}

// ListUnits calls ListUnitsByPatterns, since systemd 230. The patterns are of glob(7): procjail-*.scope.
//
// The error is an [*Error].
func (m *Manager) ListUnits(ctx context.Context, patterns ...string) ([]Unit, error) {
	body, err := m.call(ctx, manager, "ListUnitsByPatterns", "", "a(ssssssouso)", []string{}, patterns)
	if err != nil {
		return nil, err
	}
	rows := body[0].([][]any)
	units := make([]Unit, len(rows))
	for i, row := range rows {
		text := func(column int) string { return printable(row[column].(string), 256) }
		units[i] = Unit{text(0), text(1), text(2), text(3), text(4)}
	}
	return units, nil
}
