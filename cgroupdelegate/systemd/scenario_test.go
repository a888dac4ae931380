package systemd

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// slack is how much later than its limit a call may end on a machine that is busy.

const slack = 2 * time.Second

// scenario is one way in which a peer behaves, and the whole message that comes of it. A row with a limit is one that

// ends by it; the others have ten seconds and end at once.

type scenario struct {
	name  string
	bus   bool
	limit time.Duration
	is    error
	want  string
	serve func(*peer)
}

// short is a limit that is reached on purpose. A machine that is busy must come as far as the row says before it.
const short = 100 * time.Millisecond

func try(t *testing.T, rows []scenario) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			clean(t)
			addr, stop := serve(t, tt.bus, tt.serve)
			defer stop()
			limit := tt.limit
			if limit == 0 {
				limit = 10 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			begin := time.Now()
			err := run(ctx, addr)
			elapsed := time.Since(begin)
			if got := message(err, addr); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%#v is not %v", err, tt.is)
			}
			if most := tt.limit + slack; elapsed > most {
				t.Errorf("took %v, want at most %v", elapsed, most)
			}
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Address != addr.Path {
					t.Errorf("%#v is no *Error of %s", err, addr.Path)
				}
			}
		})
	}
}

// both makes of each row one for the manager's own socket and one for a bus.

func both(rows []scenario) []scenario {
	var all []scenario
	for _, row := range rows {
		direct, bus := row, row
		direct.name, bus.name, bus.bus = row.name+", direct", row.name+", bus", true
		all = append(all, direct, bus)
	}
	return all
}

func TestStartScope(t *testing.T) {
	const noAnswer = "no answer in time"
	try(t, both([]scenario{
		{name: "done", serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		{name: "JobRemoved before the reply", serve: func(p *peer) {
			msg := p.upTo("StartTransientUnit")
			p.removed("/org/freedesktop/systemd1/job/76", unit, "canceled") // an older job of a unit of that name
			p.removed(jobPath, unit, "done")
			p.reply(msg, jobPath)
			p.hang()
		}},
		{name: "jobs of others", serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			p.removed("/org/freedesktop/systemd1/job/7", unit, "failed")
			p.removed("/org/freedesktop/systemd1/job/770", "other.scope", "failed")
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		{name: "replies to nobody and calls from others", serve: func(p *peer) {
			msg := p.upTo("StartTransientUnit")
			p.raw(reply(99, "x"))
			p.raw(pack(dbus.TypeMethodCall, map[dbus.HeaderField]any{dbus.FieldPath: dbus.ObjectPath("/"), dbus.FieldMember: "Ping"}))
			p.reply(msg, jobPath)
			p.raw(reply(99))
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		{name: "message of an unknown type, unknown flags", serve: func(p *peer) {
			msg := p.upTo("StartTransientUnit")
			future := reply(1, "x")
			future[1] = 9
			p.raw(future)
			answer := reply(msg.Serial(), jobPath)
			answer[2] = 0xf9
			p.raw(answer)
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		{name: "in fragments", serve: func(p *peer) {
			msg := p.upTo("StartTransientUnit")
			all := append(reply(msg.Serial(), jobPath), signal(manager, jobRemoved, uint32(77), jobPath, unit, "done")...)
			for i := range all {
				p.raw(all[i : i+1])
			}
			p.hang()
		}},
		{name: "late", serve: func(p *peer) {
			msg := p.upTo("StartTransientUnit")
			time.Sleep(short)
			p.reply(msg, jobPath)
			time.Sleep(short)
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		{name: "4000 other signals", serve: func(p *peer) {
			noise := bytes.Repeat(changed(), 100)
			msg := p.upTo("StartTransientUnit")
			for range 20 {
				p.raw(noise)
			}
			p.reply(msg, jobPath)
			for range 20 {
				p.raw(noise)
			}
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		{name: "other signals without end", limit: short, is: context.DeadlineExceeded, want: "SOCKET: JobRemoved(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			noise := bytes.Repeat(changed(), 100)
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			for {
				p.raw(noise)
			}
		}},
		{name: "early signals without end", limit: short, is: context.DeadlineExceeded, want: "SOCKET: StartTransientUnit(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			p.upTo("StartTransientUnit")
			for {
				p.removed(jobPath, unit, "done")
			}
		}},
		{name: "silent at auth", limit: short, is: context.DeadlineExceeded, want: "SOCKET: authenticate: " + noAnswer, serve: (*peer).hang},
		{name: "silent in auth", limit: short, is: context.DeadlineExceeded, want: "SOCKET: authenticate: " + noAnswer, serve: func(p *peer) {
			p.greet()
			p.text("DATA\r\nOK 0123456789abcdef0123456789abcdef")
			p.hang()
		}},
		{name: "silent at StartTransientUnit", limit: short, is: context.DeadlineExceeded, want: "SOCKET: StartTransientUnit(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			p.upTo("StartTransientUnit")
			p.hang()
		}},
		{name: "silent in the reply", limit: short, is: context.DeadlineExceeded, want: "SOCKET: StartTransientUnit(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			p.raw(reply(p.upTo("StartTransientUnit").Serial(), jobPath)[:50])
			p.hang()
		}},
		{name: "silent at JobRemoved", limit: short, is: context.DeadlineExceeded, want: "SOCKET: JobRemoved(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			p.hang()
		}},
	}))
	try(t, []scenario{
		{name: "OK twice, as before systemd 246", serve: func(p *peer) {
			p.greet()
			p.text("OK 0123456789abcdef0123456789abcdef\r\nOK 0123456789abcdef0123456789abcdef\r\n")
			p.reply(p.expect(manager, "StartTransientUnit", start()...), jobPath)
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		{name: "already subscribed", bus: true, serve: func(p *peer) {
			p.refuse(p.upTo("Subscribe"), "org.freedesktop.systemd1.AlreadySubscribed", "Client is already subscribed.")
			p.reply(p.expect(manager, "StartTransientUnit", start()...), jobPath)
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		{name: "silent at Hello", bus: true, limit: short, is: context.DeadlineExceeded, want: "SOCKET: Hello: " + noAnswer, serve: func(p *peer) {
			p.upTo("Hello")
			p.hang()
		}},
		{name: "silent at AddMatch", bus: true, limit: short, is: context.DeadlineExceeded, want: "SOCKET: AddMatch: " + noAnswer, serve: func(p *peer) {
			p.upTo("AddMatch")
			p.hang()
		}},
		{name: "silent at Subscribe", bus: true, limit: short, is: context.DeadlineExceeded, want: "SOCKET: Subscribe: " + noAnswer, serve: func(p *peer) {
			p.upTo("Subscribe")
			p.hang()
		}},
	})
}

// TestErrorReplies has what systemd replies to StartTransientUnit: src/core/dbus-manager.c:transient_unit_from_message,

// dbus-scope.c, dbus-unit.c:bus_unit_validate_load_state and bus_unit_queue_job_one, unit.c:unit_pid_attachable,

// transaction.c, shared/bus-polkit.c; and a bus daemon in its place.

// answers is all that a peer sends in a run that goes well, and what the client waits for from each offset on.

// TestDisconnect ends the peer's stream at every byte.

// TestDamage changes one byte of the peer's stream after another.

// listenFull returns a socket whose queue of connections is full.

// TestDialNext has a manager behind the second address.

// TestGoOn goes on with a manager after a call whose time was over in the middle of a message.

// TestTwoJobs waits in another order than the jobs end in.

// TestNotRead has a peer that takes no bytes: the call is too long for the socket's buffer.

// BenchmarkStartScope measures this side only: the peer has its answers ready.
