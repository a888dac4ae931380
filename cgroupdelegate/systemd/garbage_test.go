package systemd

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestGarbage(t *testing.T) {
	const broke = "the peer broke the protocol: "
	// answer sends bytes in the place of the reply to StartTransientUnit.
	answer := func(edit func(serial uint32) []byte) func(*peer) {
		return func(p *peer) {
			p.raw(edit(p.upTo("StartTransientUnit").Serial()))
			p.hang()
		}
	}
	patched := func(at int, b ...byte) func(*peer) {
		return answer(func(serial uint32) []byte {
			msg := reply(serial, jobPath)
			copy(msg[at:], b)
			return msg
		})
	}
	const at = "SOCKET: StartTransientUnit(procjail-1.scope): " + broke
	auth := func(s string) func(*peer) {
		return func(p *peer) {
			p.greet()
			p.text(s)
			p.hang()
		}
	}
	rows := both([]scenario{
		{name: "rejected", is: ErrRejected, want: "SOCKET: authenticate: the peer rejected the credentials", serve: auth("REJECTED EXTERNAL DBUS_COOKIE_SHA1\r\n")},
		{name: "rejected after DATA", is: ErrRejected, want: "SOCKET: authenticate: the peer rejected the credentials", serve: auth("DATA\r\nREJECTED\r\n")},
		{name: "an HTTP server", is: ErrProtocol, want: "SOCKET: authenticate: " + broke + `the answer to AUTH is "HTTP/1.1 400 Bad Request"`, serve: auth("HTTP/1.1 400 Bad Request\r\n\r\n")},
		{name: "an empty line", is: ErrProtocol, want: "SOCKET: authenticate: " + broke + `the answer to AUTH is ""`, serve: auth("\r\n")},
		{name: "terminal codes", is: ErrProtocol, want: "SOCKET: authenticate: " + broke + `the answer to AUTH is "?[2Jx?y?"`, serve: auth("\x1b[2Jx\u202ey\xff\r\n")},
		{name: "zero bytes", is: ErrProtocol, want: "SOCKET: authenticate: " + broke + `the answer to AUTH is "` + strings.Repeat("?", 61) + `..."`, serve: auth(strings.Repeat("\x00", 2000))},
		{name: "a line without end", is: ErrProtocol, want: "SOCKET: authenticate: " + broke + `the answer to AUTH is "OK ` + strings.Repeat("a", 58) + `..."`, serve: auth("DATA\r\nOK " + strings.Repeat("a", 5000))},
		{name: "zeroes for a message", is: ErrProtocol, want: at + "a message begins with byte 0x0", serve: answer(func(uint32) []byte { return make([]byte, 100) })},
		{name: "text for a message", is: ErrProtocol, want: at + "a message of protocol version 101", serve: answer(func(uint32) []byte { return []byte("line by line by line by line") })},
		{name: "another version", is: ErrProtocol, want: at + "a message of protocol version 2", serve: patched(3, 2)},
		{name: "type 0", is: ErrProtocol, want: at + "dbus: invalid message: invalid message type", serve: patched(1, 0)},
		{name: "oversize header", is: ErrProtocol, want: at + "a message of 4294967349 bytes", serve: patched(12, 0xff, 0xff, 0xff, 0xff)},
		{name: "oversize body", is: ErrProtocol, want: at + "a message of 4294967327 bytes", serve: patched(4, 0xff, 0xff, 0xff, 0xff)},
		{name: "lengths whose sum is small in 32 bits", is: ErrProtocol, want: at + "a message of 4294967312 bytes", serve: patched(4, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0x80)},
		{name: "a length of fields that is too small", is: ErrProtocol, want: at + `the reply has signature "", not "o"`, serve: answer(func(serial uint32) []byte {
			return []byte("l\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00" + "\x05\x01u\x00" + string(rune(serial)) + "\x00\x00\x00")
		})},
		{name: "a field that is cut", is: ErrProtocol, want: at + "dbus: wire format error: unexpected EOF", serve: answer(func(uint32) []byte {
			return []byte("l\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x00" + "\x06\x01s\x00\xff\x00\x00\x00")
		})},
		{name: "no fields", is: ErrProtocol, want: at + "dbus: invalid message: missing required header", serve: answer(func(uint32) []byte {
			return []byte("l\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00")
		})},
		{name: "a body that is too short", is: ErrProtocol, want: at + "dbus: wire format error: unexpected EOF", serve: answer(func(serial uint32) []byte {
			msg := reply(serial, jobPath)
			n := len(msg) - len(jobPath) - 5 // where the length of the path is
			msg[n] = 200
			return msg
		})},
		{name: "an empty reply", is: ErrProtocol, want: at + `the reply has signature "", not "o"`, serve: answer(func(serial uint32) []byte { return reply(serial) })},
		{name: "a reply of other types", is: ErrProtocol, want: at + `the reply has signature "us", not "o"`, serve: answer(func(serial uint32) []byte { return reply(serial, uint32(1), "x") })},
		{name: "JobRemoved of other types", is: ErrProtocol, want: "SOCKET: JobRemoved(procjail-1.scope): " + broke + `JobRemoved has signature "us", not "uoss"`, serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			p.raw(signal(manager, jobRemoved, uint32(1), "x"))
			p.hang()
		}},
		{name: "zeroes after the reply", is: ErrProtocol, want: "SOCKET: JobRemoved(procjail-1.scope): " + broke + "a message begins with byte 0x0", serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			p.raw(make([]byte, 100))
			p.hang()
		}},
	})
	try(t, append(rows,
		scenario{name: "NameLost with no name", bus: true, serve: func(p *peer) { // godbus' Conn panics on it
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			p.raw(pack(dbus.TypeSignal, map[dbus.HeaderField]any{
				dbus.FieldPath: dbus.ObjectPath(bus.path), dbus.FieldInterface: bus.iface, dbus.FieldMember: "NameLost", dbus.FieldSender: bus.dest,
			}))
			p.removed(jobPath, unit, "done")
			p.hang()
		}},
		scenario{name: "Hello with no name", bus: true, is: ErrProtocol, want: "SOCKET: Hello: " + broke + `the reply has signature "", not "s"`, serve: func(p *peer) {
			p.reply(p.upTo("Hello"))
			p.hang()
		}},
	))
}

// answers is all that a peer sends in a run that goes well, and what the client waits for from each offset on.
func answers(bus bool) (all []byte, waiting func(at int) string) {
	var ends []int
	var ops []string
	add := func(op string, b []byte) {
		all = append(all, b...)
		ends, ops = append(ends, len(all)), append(ops, op)
	}
	serial := uint32(0)
	next := func() uint32 { serial++; return serial }
	add("authenticate", []byte(welcome))
	if bus {
		add("Hello", reply(next(), ":1.42"))
		add("AddMatch", reply(next()))
		add("Subscribe", reply(next()))
	}
	add("StartTransientUnit(procjail-1.scope)", reply(next(), jobPath))
	add("JobRemoved(procjail-1.scope)", signal(manager, jobRemoved, uint32(77), jobPath, unit, "done"))
	return all, func(at int) string {
		for i, end := range ends {
			if at < end {
				return ops[i]
			}
		}
		return ""
	}
}

// TestDisconnect ends the peer's stream at every byte.
func TestDisconnect(t *testing.T) {
	clean(t)
	for _, bus := range []bool{false, true} {
		all, waiting := answers(bus)
		for cut := range len(all) + 1 {
			addr, stop := serve(t, bus, func(p *peer) {
				p.raw(all[:cut])
				p.hangUp()
			})
			err := run(t.Context(), addr)
			want := "SOCKET: " + waiting(cut) + ": the peer closed the connection"
			if cut == len(all) {
				want = ""
			}
			if got := message(err, addr); got != want || want != "" && !errors.Is(err, ErrClosed) {
				t.Errorf("bus %v, %d of %d bytes: got %q, want %q", bus, cut, len(all), got, want)
			}
			stop()
		}
	}
	try(t, []scenario{
		{name: "a connection that is not taken", is: ErrClosed, want: "SOCKET: authenticate: the peer closed the connection", serve: func(*peer) {}},
		{name: "closed for reading and writing", is: ErrClosed, want: "SOCKET: JobRemoved(procjail-1.scope): the peer closed the connection", serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
		}},
	})
}

// TestDamage changes one byte of the peer's stream after another.
func TestDamage(t *testing.T) {
	clean(t)
	all, _ := answers(false)
	for at := range all {
		for _, mask := range []byte{0xff, 0x01, 0x80} {
			damaged := bytes.Clone(all)
			damaged[at] ^= mask
			addr, stop := serve(t, false, func(p *peer) {
				p.raw(damaged)
				p.hangUp()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			var e *Error
			if err := run(ctx, addr); err != nil && (!errors.As(err, &e) || ctx.Err() != nil) {
				t.Errorf("byte %d ^ %#x: %v", at, mask, err)
			}
			cancel()
			stop()
		}
	}
}
