package systemd

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Manager is a connection to a service manager. It is for one goroutine at a time, except for Close.
//
// Close it as soon as nothing more is awaited: a manager queues every signal that it has for who does not read.
type Manager struct {
	addr       Address
	conn       *conn
	serial     uint32
	subscribed bool
	watched    string // the unit whose job is being made
	early      []removed
	jobs       []*Job
}

// object is what a method is called on.
type object struct {
	dest, path, iface string
}

var (
	bus     = object{"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"}
	manager = object{"org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"}
)

// Dial connects to the first of addrs where a peer answers and takes this process's credentials. Each has an equal part
// of the time that is left until ctx ends, so that one that hangs does not keep the next from being tried; a ctx with no
// deadline sets no limit.
//
// The error is a [*DialError].
func Dial(ctx context.Context, addrs []Address) (*Manager, error) {
	failed := &DialError{}
	for i, addr := range addrs {
		part, cancel := share(ctx, len(addrs)-i)
		m, err := open(part, addr)
		cancel()
		if err == nil {
			return m, nil
		}
		failed.Tried = append(failed.Tried, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// share returns a context for the first of n that divide what is left of ctx.
func share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok || n <= 1 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(end)/time.Duration(n))
}

// open connects to one address. It returns the concrete error, which nil stands for none of.
func open(ctx context.Context, addr Address) (*Manager, *Error) {
	m := &Manager{addr: addr}
	var err error
	if m.conn, err = dial(ctx, addr.Path); err != nil {
		return nil, m.fail("connect", "", err)
	}
	release := m.conn.bound(ctx)
	err = m.conn.authenticate(ctx)
	release()
	if err != nil {
		m.Close()
		return nil, m.fail("authenticate", "", err)
	}
	if addr.Direct {
		return m, nil
	}
	if _, failed := m.call(ctx, bus, "Hello", "", "s"); failed != nil {
		m.Close()
		return nil, failed
	}
	return m, nil
}

// Address returns where the manager was reached.
func (m *Manager) Address() Address { return m.addr }

// Close closes the connection. A call under way on another goroutine fails with net.ErrClosed; jobs go on in the
// manager.
func (m *Manager) Close() error { return m.conn.socket.Close() }

// fail wraps what a connection returned. Where it is broken the details of that are the message.
func (m *Manager) fail(op, unit string, err error) *Error {
	e := &Error{Op: op, Address: m.addr.Path, Unit: unit, Err: err}
	if errors.Is(err, ErrProtocol) {
		e.Message = m.conn.detail
	}
	return e
}

// call calls a method and returns the body of its reply, of which want is the signature. Signals that come before the
// reply are seen to. A reply to an earlier call that was given up is passed over.
//
// Once a call was sent, an error other than a D-Bus one does not tell whether the peer carried it out.
func (m *Manager) call(ctx context.Context, o object, member, unit, want string, args ...any) ([]any, *Error) {
	if err := cmpErr(ctx.Err(), m.conn.broken); err != nil {
		return nil, m.fail(member, unit, err)
	}
	msg := &dbus.Message{
		Type: dbus.TypeMethodCall,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(o.dest),
			dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath(o.path)),
			dbus.FieldInterface:   dbus.MakeVariant(o.iface),
			dbus.FieldMember:      dbus.MakeVariant(member),
		},
		Body: args,
	}
	if len(args) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	m.serial++
	b, err := encode(msg, m.serial)
	if err != nil { // a string of the caller's that is not UTF-8 or has a NUL
		return nil, m.fail(member, unit, err)
	}
	defer m.conn.bound(ctx)()
	if err := m.conn.write(ctx, b); err != nil {
		return nil, m.fail(member, unit, err)
	}
	for {
		msg, err := m.next(ctx)
		if err != nil {
			return nil, m.fail(member, unit, err)
		}
		if field[uint32](msg, dbus.FieldReplySerial) != m.serial {
			continue
		}
		switch msg.Type {
		case dbus.TypeError:
			return nil, m.replied(member, unit, msg)
		case dbus.TypeMethodReply:
			if got := signature(msg); got != want {
				return nil, m.fail(member, unit, m.conn.protocol("the reply has signature "+strconv.Quote(got)+", not "+strconv.Quote(want)))
			}
			return msg.Body, nil
		}
	}
}

// cmpErr returns the first error that is one.
func cmpErr(errs ...error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return errs[i]
}

// replied makes the error that a peer replied with. Its text is the first of the body.
func (m *Manager) replied(op, unit string, msg *dbus.Message) *Error {
	text := ""
	if len(msg.Body) > 0 {
		text, _ = msg.Body[0].(string)
	}
	return &Error{
		Op:      op,
		Address: m.addr.Path,
		Unit:    unit,
		Name:    printable(field[string](msg, dbus.FieldErrorName), 255),
		Message: printable(strings.TrimSuffix(text, "."), 256),
	}
}

// next returns the next message that is not a signal, and sees to a signal where it is one of a job; the message is
// empty then. Preconditions: bound.
func (m *Manager) next(ctx context.Context) (*dbus.Message, error) {
	msg, err := m.conn.next(ctx)
	if err != nil || msg.Type != dbus.TypeSignal {
		return msg, err
	}
	return &dbus.Message{}, m.signal(msg)
}
