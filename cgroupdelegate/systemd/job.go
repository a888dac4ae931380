package systemd

import (
	"context"
	"strconv"

	"github.com/godbus/dbus/v5"
)

// Job is a start or a stop that the manager has queued.
type Job struct {
	m    *Manager
	path dbus.ObjectPath
	unit string
	end  *removed // nil until the manager has said so
}

// removed is a JobRemoved signal: the job ended.
type removed struct {
	path         dbus.ObjectPath
	unit, result string
}

// jobRemoved is the member of the signal, and the Op of its errors.
const jobRemoved = "JobRemoved"

// Wait returns when the manager has ended the job. After nil, the job is done: the processes of a new scope are in its
// cgroup, which the caller may write to; a unit that was stopped has no process left. It can be called again after an
// error of the context.
//
// The error is an [*Error] with Op JobRemoved. Its Result is one of job.c:job_result_table: canceled, timeout, failed,
// dependency, skipped and others; failed is for a scope whose processes have all ended, or may not be moved.
func (j *Job) Wait(ctx context.Context) error {
	if err := j.wait(ctx); err != nil {
		return j.m.fail(jobRemoved, j.unit, err)
	}
	if j.end.result != "done" {
		return &Error{Op: jobRemoved, Address: j.m.addr.Path, Unit: j.unit, Result: printable(j.end.result, 64)}
	}
	return nil
}

func (j *Job) wait(ctx context.Context) error {
	if j.end != nil {
		return nil
	}
	if err := cmpErr(ctx.Err(), j.m.conn.broken); err != nil {
		return err
	}
	defer j.m.conn.bound(ctx)()
	for j.end == nil {
		if _, err := j.m.next(ctx); err != nil {
			return err
		}
	}
	return nil
}

// queue calls a method that makes a job for the unit and returns its path.
func (m *Manager) queue(ctx context.Context, unit, member string, args ...any) (*Job, error) {
	if err := m.subscribe(ctx); err != nil {
		return nil, err
	}
	m.watched, m.early = unit, nil
	body, err := m.call(ctx, manager, member, unit, "o", args...)
	m.watched = ""
	if err != nil {
		return nil, err
	}
	job := &Job{m: m, path: body[0].(dbus.ObjectPath), unit: unit}
	for _, r := range m.early {
		if r.path == job.path {
			job.end = &r
		}
	}
	if job.end == nil {
		m.jobs = append(m.jobs, job)
	}
	return job, nil
}

// subscribe makes sure that JobRemoved arrives, before there is a job. A manager sends its signals unasked on a direct
// connection (src/core/dbus.c:bus_foreach_bus). On a bus the daemon wants a match, and the manager is silent until
// somebody has subscribed.
func (m *Manager) subscribe(ctx context.Context) error {
	if m.subscribed || m.addr.Direct {
		return nil
	}
	rule := "type='signal',sender='" + manager.dest + "',path='" + manager.path + "',interface='" + manager.iface +
		"',member='" + jobRemoved + "'"
	if _, err := m.call(ctx, bus, "AddMatch", "", "", rule); err != nil {
		return err
	}
	if _, err := m.call(ctx, manager, "Subscribe", "", ""); err != nil && err.Name != "org.freedesktop.systemd1.AlreadySubscribed" {
		return err
	}
	m.subscribed = true
	return nil
}

// signal notes the end of a job that was made here, or is being made: the order of a reply and of what follows from
// the call is the peer's to keep, and nothing here depends on it.
func (m *Manager) signal(msg *dbus.Message) error {
	const atMost, types = 16, "uoss" // a unit has one job at a time
	if field[string](msg, dbus.FieldInterface) != manager.iface || field[string](msg, dbus.FieldMember) != jobRemoved {
		return nil
	}
	if got := signature(msg); got != types {
		return m.conn.protocol(jobRemoved + " has signature " + strconv.Quote(got) + ", not " + strconv.Quote(types))
	}
	r := removed{msg.Body[1].(dbus.ObjectPath), msg.Body[2].(string), msg.Body[3].(string)}
	for i, job := range m.jobs {
		if job.path == r.path {
			job.end = &r
			m.jobs = append(m.jobs[:i], m.jobs[i+1:]...)
			return nil
		}
	}
	if r.unit == m.watched && len(m.early) < atMost {
		m.early = append(m.early, r)
	}
	return nil
}
