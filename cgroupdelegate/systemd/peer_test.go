package systemd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The scope that every test asks for, and what systemd would call its job.
const (
	unit    = "procjail-1.scope"
	jobPath = dbus.ObjectPath("/org/freedesktop/systemd1/job/77")
)

var wanted = Scope{Name: unit, Slice: "app.slice", Description: "a jail", PIDs: []uint32{4711, 4712}}

// peer is the other end of one connection: a service manager on its own socket, or a bus daemon with one behind it.
// Its methods end the script once the client is gone.
type peer struct {
	t    testing.TB
	conn *net.UnixConn
	in   *bufio.Reader
	bus  bool

	waiting chan struct{} // closed before the client's Wait
	over    func()        // ends the client's time
}

// gone is what a peer's methods panic with when the client has closed.
type gone struct{}

// serve listens on a new socket and runs the script for the one connection that it takes. The connection is closed
// after the script; stop waits for that and removes the socket.
func serve(t testing.TB, bus bool, script func(*peer)) (addr Address, stop func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "systemd") // t.TempDir has the test's name in it, and sun_path 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	addr = Address{Path: filepath.Join(dir, "s"), Direct: !bus}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: addr.Path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		defer conn.Close()
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(gone); !ok {
					panic(r)
				}
			}
		}()
		script(&peer{t: t, conn: conn, in: bufio.NewReader(conn), bus: bus})
	}()
	return addr, func() {
		listener.Close()
		<-done
		os.RemoveAll(dir)
	}
}

// raw sends bytes.
func (p *peer) raw(b []byte) {
	if _, err := p.conn.Write(b); err != nil {
		panic(gone{})
	}
}

func (p *peer) text(s string) { p.raw([]byte(s)) }

// hang answers nothing until the client goes.
func (p *peer) hang() {
	io.Copy(io.Discard, p.in)
	panic(gone{})
}

// silent lets the client's time end where it waits for an answer that does not come.
func (p *peer) silent() {
	p.over()
	p.hang()
}

// hangUp sends no more, but keeps reading, so that what was sent arrives.
func (p *peer) hangUp() {
	p.conn.CloseWrite()
	p.hang()
}

const (
	hello   = "\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"
	welcome = "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n"
)

// greet reads what a client says before anything else.
func (p *peer) greet() {
	got := make([]byte, len(hello))
	if _, err := io.ReadFull(p.in, got); err != nil {
		panic(gone{})
	}
	if string(got) != hello {
		p.t.Errorf("the client begins with %q, want %q", got, hello)
		panic(gone{})
	}
}

// expect reads the next call and checks all that is in it.
func (p *peer) expect(o object, member string, args ...any) *dbus.Message {
	msg, err := dbus.DecodeMessage(p.in)
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		panic(gone{})
	}
	if err != nil {
		p.t.Errorf("the client's call cannot be decoded: %v", err)
		panic(gone{})
	}
	got := []string{
		field[string](msg, dbus.FieldDestination), string(field[dbus.ObjectPath](msg, dbus.FieldPath)),
		field[string](msg, dbus.FieldInterface), field[string](msg, dbus.FieldMember),
	}
	want := []string{o.dest, o.path, o.iface, member}
	if diff := cmp.Diff(want, got); diff != "" || msg.Type != dbus.TypeMethodCall || msg.Flags != 0 {
		p.t.Errorf("call of type %v, flags %v: %s", msg.Type, msg.Flags, diff)
	}
	if diff := cmp.Diff(args, msg.Body, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b dbus.Variant) bool {
		return a.String() == b.String() && a.Signature() == b.Signature()
	})); diff != "" {
		p.t.Errorf("arguments of %s: %s", member, diff)
	}
	return msg
}

// start is the body of the StartTransientUnit that wanted makes, as godbus decodes it.
func start() []any {
	return []any{
		unit, "fail",
		[][]any{
			{"Delegate", dbus.MakeVariant(true)},
			{"CollectMode", dbus.MakeVariant("inactive-or-failed")},
			{"PIDs", dbus.MakeVariant([]uint32{4711, 4712})},
			{"Slice", dbus.MakeVariant("app.slice")},
			{"Description", dbus.MakeVariant("a jail")},
		},
		[][]any{},
	}
}

// upTo plays along until the client has called the method: Hello, AddMatch, Subscribe or StartTransientUnit.
func (p *peer) upTo(member string) *dbus.Message {
	p.greet()
	p.text(welcome)
	rule := "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1'," +
		"interface='org.freedesktop.systemd1.Manager',member='JobRemoved'"
	for _, call := range []struct {
		o      object
		member string
		args   []any
		reply  []any
	}{
		{bus, "Hello", nil, []any{":1.42"}},
		{bus, "AddMatch", []any{rule}, nil},
		{manager, "Subscribe", nil, nil},
		{manager, "StartTransientUnit", start(), nil},
	} {
		if !p.bus && call.member != "StartTransientUnit" {
			continue
		}
		msg := p.expect(call.o, call.member, call.args...)
		if call.member == member {
			return msg
		}
		p.reply(msg, call.reply...)
		if call.member == "Hello" {
			p.raw(signal(bus, "NameAcquired", ":1.42"))
		}
	}
	p.t.Errorf("no %s", member)
	panic(gone{})
}

func (p *peer) reply(to *dbus.Message, body ...any) { p.raw(reply(to.Serial(), body...)) }

func (p *peer) refuse(to *dbus.Message, name string, body ...any) {
	p.raw(pack(dbus.TypeError, map[dbus.HeaderField]any{dbus.FieldReplySerial: to.Serial(), dbus.FieldErrorName: name}, body...))
}

// removed sends the signal that a job has ended.
func (p *peer) removed(path dbus.ObjectPath, unit, result string) {
	p.raw(signal(manager, jobRemoved, uint32(77), path, unit, result))
}

// pack makes the bytes of a message.
func pack(typ dbus.Type, fields map[dbus.HeaderField]any, body ...any) []byte {
	msg := &dbus.Message{Type: typ, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: body}
	for f, value := range fields {
		msg.Headers[f] = dbus.MakeVariant(value)
	}
	if len(body) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	var b bytes.Buffer
	if err := msg.EncodeTo(&b, binary.LittleEndian); err != nil {
		panic(err)
	}
	b.Bytes()[8] = 1 // the serial, which must not be 0
	return b.Bytes()
}

func reply(serial uint32, body ...any) []byte {
	return pack(dbus.TypeMethodReply, map[dbus.HeaderField]any{dbus.FieldReplySerial: serial}, body...)
}

func signal(o object, member string, body ...any) []byte {
	return pack(dbus.TypeSignal, map[dbus.HeaderField]any{
		dbus.FieldPath: dbus.ObjectPath(o.path), dbus.FieldInterface: o.iface, dbus.FieldMember: member, dbus.FieldSender: ":1.1",
	}, body...)
}

// changed is the signal that a manager sends most.
func changed() []byte {
	return signal(object{"", "/org/freedesktop/systemd1/unit/a_2eservice", "org.freedesktop.DBus.Properties"}, "PropertiesChanged",
		"org.freedesktop.systemd1.Unit", map[string]dbus.Variant{"ActiveState": dbus.MakeVariant("active")}, []string{"Conditions"})
}

// run does what procjail does: it connects, asks for the scope and waits for it, all until ctx ends.
func run(ctx context.Context, addr Address, beforeWait ...func()) error {
	m, err := Dial(ctx, []Address{addr})
	if err != nil {
		return err
	}
	defer m.Close()
	job, err := m.StartScope(ctx, wanted)
	if err != nil {
		return err
	}
	for _, f := range beforeWait {
		f()
	}
	return job.Wait(ctx)
}

// limit is a context whose time is over when the test says so, and not when the machine was busy.
type limit struct {
	context.Context
	over chan struct{}
}

func (l limit) Done() <-chan struct{} { return l.over }

func (l limit) Err() error {
	select {
	case <-l.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// message is the text of an error, with the name of the socket made the same everywhere.
func message(err error, addr Address) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), addr.Path, "SOCKET")
}

// clean fails the test where a descriptor or a goroutine is left at its end.
func clean(t *testing.T) {
	t.Helper()
	addr, stop := serve(t, false, func(*peer) {}) // the runtime's epoll descriptors stay
	if conn, err := net.Dial("unix", addr.Path); err == nil {
		conn.Close()
	}
	stop()
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	t.Cleanup(func() {
		end := time.Now().Add(5 * time.Second)
		for runtime.NumGoroutine() > goroutines && time.Now().Before(end) {
			time.Sleep(time.Millisecond)
		}
		if runtime.NumGoroutine() > goroutines {
			stacks := make([]byte, 1<<16)
			t.Errorf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
		if diff := cmp.Diff(fds, descriptors(t)); diff != "" {
			t.Errorf("open descriptors: %s", diff)
		}
	})
}

func descriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open = append(open, target)
		}
	}
	slices.Sort(open)
	return open
}
