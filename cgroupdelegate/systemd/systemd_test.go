package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
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

const short = 30 * time.Millisecond

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

// TestErrorReplies has what systemd replies to StartTransientUnit: src/core/dbus-manager.c:transient_unit_from_message,
// dbus-scope.c, dbus-unit.c:bus_unit_validate_load_state and bus_unit_queue_job_one, unit.c:unit_pid_attachable,
// transaction.c, shared/bus-polkit.c; and a bus daemon in its place.
func TestErrorReplies(t *testing.T) {
	const (
		freedesktop = "org.freedesktop.DBus.Error."
		systemd     = "org.freedesktop.systemd1."
	)
	var rows []scenario
	for _, reply := range []struct {
		name, text string
	}{
		{systemd + "UnitExists", "Unit procjail-1.scope was already loaded or has a fragment file."},
		{systemd + "NoSuchUnit", "Unit procjail-1.scope not found."},
		{systemd + "UnitMasked", "Unit procjail-1.scope is masked."},
		{systemd + "BadUnitSetting", "Unit procjail-1.scope has a bad unit file setting."},
		{systemd + "LoadFailed", "Unit procjail-1.scope failed to load properly, please adjust/correct and reload service manager: Invalid argument"},
		{systemd + "OnlyByDependency", "Operation refused, unit procjail-1.scope may be requested by dependency only (it is configured to refuse manual start/stop)."},
		{systemd + "TransactionIsDestructive", "Transaction for procjail-1.scope/start is destructive (app.slice has 'stop' job queued, but 'start' is included in transaction)."},
		{systemd + "TransactionJobsConflicting", "Transaction contains conflicting jobs 'stop' and 'start' for app.slice. Probably contradicting requirement dependencies configured."},
		{systemd + "JobTypeNotApplicable", "Job type start is not applicable for unit procjail-1.scope."},
		{systemd + "ShuttingDown", "Refusing activation, D-Bus is shutting down."},
		{freedesktop + "InvalidArgs", "Invalid unit name or type."},
		{freedesktop + "InvalidArgs", "Process 1 is a manager process, refusing."},
		{freedesktop + "UnixProcessIdUnknown", "Process with ID 4711 does not exist."},
		{freedesktop + "PropertyReadOnly", "Cannot set property CollectMode, or unknown property."},
		{freedesktop + "AccessDenied", "Access denied"},
		{freedesktop + "InteractiveAuthorizationRequired", "Interactive authentication required."},
		{freedesktop + "LimitsExceeded", "The maximum number of pending replies per connection has been reached"},
		{freedesktop + "NoMemory", "Cannot allocate memory"},
		{freedesktop + "ServiceUnknown", "The name org.freedesktop.systemd1 was not provided by any .service files"},
		{freedesktop + "NameHasNoOwner", "Could not activate remote peer: startup job failed"},
		{freedesktop + "NoReply", "Message recipient disconnected from message bus without replying"},
		{freedesktop + "Disconnected", ""},
		{"System.Error.EUNATCH", "Protocol driver not attached"},
	} {
		want := "SOCKET: StartTransientUnit(procjail-1.scope): " + reply.name
		if reply.text != "" {
			want += ": " + strings.TrimSuffix(reply.text, ".")
		}
		rows = append(rows, scenario{name: reply.name, want: want, serve: func(p *peer) {
			p.refuse(p.upTo("StartTransientUnit"), reply.name, reply.text)
			p.hang()
		}})
	}
	try(t, both(rows))

	const at = "SOCKET: StartTransientUnit(procjail-1.scope): org.freedesktop.DBus.Error.Failed"
	const failed = freedesktop + "Failed"
	try(t, []scenario{
		{name: "no text", want: at, serve: func(p *peer) {
			p.refuse(p.upTo("StartTransientUnit"), failed)
			p.hang()
		}},
		{name: "a number for a text", want: at, serve: func(p *peer) {
			p.refuse(p.upTo("StartTransientUnit"), failed, uint32(7), "x")
			p.hang()
		}},
		{name: "a long text", want: at + ": " + strings.Repeat("ö", 126) + "...", serve: func(p *peer) {
			p.refuse(p.upTo("StartTransientUnit"), failed, strings.Repeat("ö", 5000))
			p.hang()
		}},
		{name: "a text that is no line", want: at + ": a?b?[31mc?d?e", serve: func(p *peer) {
			var b bytes.Buffer
			conn := *p
			msg := conn.upTo("StartTransientUnit")
			b.Write(pack(dbus.TypeError, map[dbus.HeaderField]any{dbus.FieldReplySerial: msg.Serial(), dbus.FieldErrorName: failed}, "a\nb\x1b[31mc\u200bd!e"))
			p.raw(bytes.ReplaceAll(b.Bytes(), []byte("d!e"), []byte("d\xffe")))
			p.hang()
		}},
		{name: "Hello", bus: true, want: "SOCKET: Hello: org.freedesktop.DBus.Error.LimitsExceeded: The maximum number of active connections for UID 1000 has been reached", serve: func(p *peer) {
			p.refuse(p.upTo("Hello"), freedesktop+"LimitsExceeded", "The maximum number of active connections for UID 1000 has been reached")
			p.hang()
		}},
		{name: "AddMatch", bus: true, want: "SOCKET: AddMatch: org.freedesktop.DBus.Error.MatchRuleInvalid", serve: func(p *peer) {
			p.refuse(p.upTo("AddMatch"), freedesktop+"MatchRuleInvalid")
			p.hang()
		}},
		{name: "Subscribe", bus: true, want: "SOCKET: Subscribe: org.freedesktop.DBus.Error.ServiceUnknown: no manager", serve: func(p *peer) {
			p.refuse(p.upTo("Subscribe"), freedesktop+"ServiceUnknown", "no manager")
			p.hang()
		}},
	})
}

func TestJobResults(t *testing.T) {
	var rows []scenario
	for result, want := range map[string]string{
		"done": "", "canceled": "canceled", "timeout": "timeout", "failed": "failed", "dependency": "dependency", "skipped": "skipped",
		"invalid": "invalid", "assert": "assert", "unsupported": "unsupported", "collected": "collected", "once": "once", "frozen": "frozen",
		"concurrency": "concurrency", "": "", "a word of later\n": "a word of later?", strings.Repeat("x", 500): strings.Repeat("x", 61) + "...",
	} {
		if result != "done" {
			want = fmt.Sprintf("SOCKET: JobRemoved(procjail-1.scope): the job ended with %q", want)
		}
		rows = append(rows, scenario{name: result, want: want, serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			p.removed(jobPath, unit, result)
			p.hang()
		}})
	}
	try(t, both(rows))
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

func TestDialErrors(t *testing.T) {
	clean(t)
	dir := t.TempDir()
	refused := filepath.Join(dir, "refused")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: refused, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	datagram := filepath.Join(dir, "datagram")
	d, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: datagram, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	full := listenFull(t, filepath.Join(dir, "full"))
	long := "/" + strings.Repeat("x", 150)
	for _, tt := range []struct {
		paths []string
		want  string
		is    error
	}{
		{nil, "no socket of a service manager is known", os.ErrNotExist},
		{[]string{dir + "/none"}, "DIR/none: connect: ENOENT", os.ErrNotExist},
		{[]string{refused}, "DIR/refused: connect: ECONNREFUSED", syscall.ECONNREFUSED},
		{[]string{refused + "/x"}, "DIR/refused/x: connect: ENOTDIR", syscall.ENOTDIR},
		{[]string{datagram}, "DIR/datagram: connect: EPROTOTYPE", syscall.EPROTOTYPE},
		{[]string{long}, "/" + strings.Repeat("x", 124) + "...: connect: EINVAL", syscall.EINVAL},
		{[]string{"@procjail-no-such-socket"}, "@procjail-no-such-socket: connect: ECONNREFUSED", syscall.ECONNREFUSED},
		{[]string{"a\nb"}, "a?b: connect: ENOENT", os.ErrNotExist},
		{[]string{full}, "DIR/full: connect: no answer in time", context.DeadlineExceeded},
		{[]string{dir + "/none", refused}, "DIR/none: connect: ENOENT; DIR/refused: connect: ECONNREFUSED", syscall.ECONNREFUSED},
		{[]string{full, refused}, "DIR/full: connect: no answer in time; DIR/refused: connect: ECONNREFUSED", context.DeadlineExceeded},
	} {
		var addrs []Address
		for _, path := range tt.paths {
			addrs = append(addrs, Address{Path: path, Direct: true})
		}
		ctx, cancel := context.WithTimeout(t.Context(), short)
		m, err := Dial(ctx, addrs)
		cancel()
		var dial *DialError
		if m != nil || !errors.As(err, &dial) || len(dial.Tried) != len(tt.paths) {
			t.Fatalf("%q: %v, %#v", tt.paths, m, err)
		}
		if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		if !errors.Is(err, tt.is) {
			t.Errorf("%v is not %v", err, tt.is)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, []Address{{Path: refused}, {Path: refused}}); !errors.Is(err, context.Canceled) ||
		err.Error() != refused+": connect: context canceled" {
		t.Errorf("canceled: %v", err)
	}
}

// listenFull returns a socket whose queue of connections is full.
func listenFull(t *testing.T, path string) string {
	t.Helper()
	for i := range 3 {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Close(fd) })
		if i > 0 {
			syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
			continue
		}
		if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Listen(fd, 0); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestDialNext has a manager behind the second address.
func TestDialNext(t *testing.T) {
	clean(t)
	good := func(p *peer) {
		p.reply(p.upTo("StartTransientUnit"), jobPath)
		p.removed(jobPath, unit, "done")
		p.hang()
	}
	silent, stopSilent := serve(t, false, (*peer).hang)
	defer stopSilent()
	closed, stopClosed := serve(t, false, func(*peer) {}) // as the system's manager does to an ordinary user
	defer stopClosed()
	for _, first := range []Address{silent, closed, {Path: "/nonexistent"}} {
		next, stop := serve(t, true, good)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		m, err := Dial(ctx, []Address{first, next})
		if err != nil {
			t.Fatal(err)
		}
		if m.Address() != next {
			t.Errorf("reached at %v, want %v", m.Address(), next)
		}
		job, err := m.StartScope(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		if err := job.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		m.Close()
		cancel()
		stop()
	}
}

// TestGoOn goes on with a manager after a call whose time was over in the middle of a message.
func TestGoOn(t *testing.T) {
	clean(t)
	gaveUp := make(chan struct{})
	addr, stop := serve(t, false, func(p *peer) {
		p.reply(p.upTo("StartTransientUnit"), jobPath)
		late := signal(manager, jobRemoved, uint32(77), jobPath, unit, "timeout")
		p.raw(late[:33])
		<-gaveUp
		stop := p.expect(manager, "StopUnit", unit, "replace")
		p.raw(late[33:])
		p.reply(stop, dbus.ObjectPath("/org/freedesktop/systemd1/job/78"))
		p.removed("/org/freedesktop/systemd1/job/78", unit, "done")
		p.refuse(p.expect(manager, "StopUnit", unit, "replace"), NoSuchUnit, "Unit procjail-1.scope not loaded.")
		p.hang()
	})
	defer stop()
	m, err := Dial(t.Context(), []Address{addr})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	job, err := m.StartScope(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	if err := job.Wait(ctx); message(err, addr) != "SOCKET: JobRemoved(procjail-1.scope): no answer in time" {
		t.Errorf("Wait = %v", err)
	}
	close(gaveUp)
	if _, err := m.StopUnit(ctx, unit); message(err, addr) != "SOCKET: StopUnit(procjail-1.scope): no answer in time" {
		t.Errorf("StopUnit when the time is over: %v", err)
	}
	halt, err := m.StopUnit(t.Context(), unit)
	if err != nil {
		t.Fatal(err)
	}
	if err := halt.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := job.Wait(t.Context()); message(err, addr) != `SOCKET: JobRemoved(procjail-1.scope): the job ended with "timeout"` {
			t.Errorf("Wait = %v", err)
		}
	}
	_, err = m.StopUnit(t.Context(), unit)
	var e *Error
	if !errors.As(err, &e) || e.Name != NoSuchUnit || e.Op != "StopUnit" || e.Unit != unit || e.Message != "Unit procjail-1.scope not loaded" {
		t.Errorf("StopUnit = %#v", err)
	}
}

// TestTwoJobs waits in another order than the jobs end in.
func TestTwoJobs(t *testing.T) {
	clean(t)
	const second = jobPath + "8"
	addr, stop := serve(t, false, func(p *peer) {
		p.reply(p.upTo("StartTransientUnit"), jobPath)
		p.reply(p.expect(manager, "StartTransientUnit", start()...), second)
		p.removed(second, unit, "failed")
		p.removed(jobPath, unit, "done")
		p.hang()
	})
	defer stop()
	m, err := Dial(t.Context(), []Address{addr})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var jobs []*Job
	for range 2 {
		job, err := m.StartScope(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, job)
	}
	if err := jobs[0].Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := jobs[1].Wait(t.Context()); message(err, addr) != `SOCKET: JobRemoved(procjail-1.scope): the job ended with "failed"` {
		t.Errorf("Wait = %v", err)
	}
}

func TestListUnits(t *testing.T) {
	clean(t)
	type row struct {
		A, B, C, D, E, F string
		G                dbus.ObjectPath
		H                uint32
		I                string
		J                dbus.ObjectPath
	}
	addr, stop := serve(t, true, func(p *peer) {
		p.greet()
		p.text(welcome)
		p.reply(p.expect(bus, "Hello"), ":1.42")
		list := p.expect(manager, "ListUnitsByPatterns", []string{}, []string{"procjail-*.scope"})
		p.reply(list, []row{
			{"procjail-1.scope", "a\njail", "loaded", "active", "running", "", "/u/1", 0, "", "/"},
			{"procjail-2.scope", "b", "loaded", "failed", "failed", "", "/u/2", 7, "stop", "/j/7"},
		})
		p.reply(p.expect(manager, "ListUnitsByPatterns", []string{}, []string{}), []row{})
		p.reply(p.expect(manager, "ListUnitsByPatterns", []string{}, []string{}), []string{"x"})
		p.hang()
	})
	defer stop()
	m, err := Dial(t.Context(), []Address{addr})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	got, err := m.ListUnits(t.Context(), "procjail-*.scope")
	want := []Unit{
		{"procjail-1.scope", "a?jail", "loaded", "active", "running"},
		{"procjail-2.scope", "b", "loaded", "failed", "failed"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := m.ListUnits(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("ListUnits() = %v, %v", got, err)
	}
	for range 2 { // the second is not even sent
		_, err = m.ListUnits(t.Context())
		if got := message(err, addr); got != `SOCKET: ListUnitsByPatterns: the peer broke the protocol: the reply has signature "as", not "a(ssssssouso)"` {
			t.Errorf("ListUnits = %v", got)
		}
	}
}

// TestNotRead has a peer that takes no bytes: the call is too long for the socket's buffer.
func TestNotRead(t *testing.T) {
	clean(t)
	over := make(chan struct{})
	addr, stop := serve(t, false, func(p *peer) {
		p.greet()
		p.text(welcome)
		<-over
	})
	defer stop()
	defer close(over)
	m, err := Dial(t.Context(), []Address{addr})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	scope := wanted
	scope.PIDs = make([]uint32, 1<<19)
	const want = "SOCKET: StartTransientUnit(procjail-1.scope): no answer in time"
	if _, err := m.StartScope(ctx, scope); message(err, addr) != want {
		t.Errorf("StartScope = %v", err)
	}
	// Half a message is out: what follows cannot be understood.
	if _, err := m.StartScope(t.Context(), wanted); message(err, addr) != want {
		t.Errorf("StartScope = %v", err)
	}
	if err := (&Job{m: m, unit: unit}).Wait(t.Context()); message(err, addr) != "SOCKET: JobRemoved(procjail-1.scope): no answer in time" {
		t.Errorf("Wait = %v", err)
	}
}

func TestCloseAndCancel(t *testing.T) {
	clean(t)
	for name, want := range map[string]string{
		"close":  "SOCKET: JobRemoved(procjail-1.scope): use of closed network connection",
		"cancel": "SOCKET: JobRemoved(procjail-1.scope): context canceled",
	} {
		waiting := make(chan struct{})
		addr, stop := serve(t, false, func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			close(waiting)
			p.hang()
		})
		ctx, cancel := context.WithCancel(t.Context())
		m, err := Dial(ctx, []Address{addr})
		if err != nil {
			t.Fatal(err)
		}
		job, err := m.StartScope(ctx, wanted)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			<-waiting
			time.Sleep(5 * time.Millisecond)
			if name == "close" {
				m.Close()
			} else {
				cancel()
			}
		}()
		err = job.Wait(ctx)
		if got := message(err, addr); got != want || !errors.Is(err, net.ErrClosed) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, got)
		}
		cancel()
		m.Close()
		stop()
	}
}

func TestBadStrings(t *testing.T) {
	clean(t)
	addr, stop := serve(t, false, func(p *peer) {
		p.reply(p.upTo("StartTransientUnit"), jobPath)
		p.hang()
	})
	defer stop()
	m, err := Dial(t.Context(), []Address{addr})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for name, want := range map[string]string{
		"a\x00b": `SOCKET: StartTransientUnit(a?b): dbus: wire format error: input has a null char('\000') in string`,
		"a\xffb": `SOCKET: StartTransientUnit(a?b): dbus: wire format error: input has a not-utf8 char in string`,
	} {
		if _, err := m.StartScope(t.Context(), Scope{Name: name}); message(err, addr) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := m.StartScope(t.Context(), wanted); err != nil { // nothing was sent
		t.Error(err)
	}
}

// BenchmarkStartScope measures this side only: the peer has its answers ready.
func BenchmarkStartScope(b *testing.B) {
	all, _ := answers(false)
	for b.Loop() {
		b.StopTimer()
		addr, stop := serve(b, false, func(p *peer) {
			p.raw(all)
			p.hang()
		})
		b.StartTimer()
		if err := run(b.Context(), addr); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		stop()
		b.StartTimer()
	}
}
