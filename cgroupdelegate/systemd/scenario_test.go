package systemd

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// short is a limit that is reached on purpose, slack what every row may take on a machine that is busy.
const (
	short = 100 * time.Millisecond
	slack = 5 * time.Second
)

// scenario is one way in which a peer behaves, and the whole message that comes of it.
type scenario struct {
	name  string
	bus   bool
	is    error
	want  string
	serve func(*peer)
}

func try(t *testing.T, rows []scenario) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			clean(t)
			ctx := limit{t.Context(), make(chan struct{})}
			waiting := make(chan struct{})
			addr, stop := serve(t, tt.bus, func(p *peer) {
				p.waiting, p.over = waiting, func() { close(ctx.over) }
				tt.serve(p)
			})
			defer stop()
			begin := time.Now()
			err := run(ctx, addr, func() { close(waiting) })
			if got := message(err, addr); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%#v is not %v", err, tt.is)
			}
			if elapsed := time.Since(begin); elapsed > slack {
				t.Errorf("took %v, want at most %v", elapsed, slack)
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
		{name: "other signals without end", is: context.DeadlineExceeded, want: "SOCKET: JobRemoved(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			noise := bytes.Repeat(changed(), 100)
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			<-p.waiting
			for i := 0; ; i++ {
				p.raw(noise)
				if i == 20 {
					p.over()
				}
			}
		}},
		{name: "early signals without end", is: context.DeadlineExceeded, want: "SOCKET: StartTransientUnit(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			p.upTo("StartTransientUnit")
			for i := 0; ; i++ {
				p.removed(jobPath, unit, "done")
				if i == 1000 {
					p.over()
				}
			}
		}},
		{name: "silent at auth", is: context.DeadlineExceeded, want: "SOCKET: authenticate: " + noAnswer, serve: (*peer).silent},
		{name: "silent in auth", is: context.DeadlineExceeded, want: "SOCKET: authenticate: " + noAnswer, serve: func(p *peer) {
			p.greet()
			p.text("DATA\r\nOK 0123456789abcdef0123456789abcdef")
			p.silent()
		}},
		{name: "silent at StartTransientUnit", is: context.DeadlineExceeded, want: "SOCKET: StartTransientUnit(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			p.upTo("StartTransientUnit")
			p.silent()
		}},
		{name: "silent in the reply", is: context.DeadlineExceeded, want: "SOCKET: StartTransientUnit(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			p.raw(reply(p.upTo("StartTransientUnit").Serial(), jobPath)[:50])
			p.silent()
		}},
		{name: "silent at JobRemoved", is: context.DeadlineExceeded, want: "SOCKET: JobRemoved(procjail-1.scope): " + noAnswer, serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			<-p.waiting
			p.silent()
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
		{name: "silent at Hello", bus: true, is: context.DeadlineExceeded, want: "SOCKET: Hello: " + noAnswer, serve: func(p *peer) {
			p.upTo("Hello")
			p.silent()
		}},
		{name: "silent at AddMatch", bus: true, is: context.DeadlineExceeded, want: "SOCKET: AddMatch: " + noAnswer, serve: func(p *peer) {
			p.upTo("AddMatch")
			p.silent()
		}},
		{name: "silent at Subscribe", bus: true, is: context.DeadlineExceeded, want: "SOCKET: Subscribe: " + noAnswer, serve: func(p *peer) {
			p.upTo("Subscribe")
			p.silent()
		}},
	})
}
