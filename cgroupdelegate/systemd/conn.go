package systemd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

// conn is a connection that is driven by one caller at a time. What was read and not used stays in it, so that a call
// whose time is over does not spoil the next one.
type conn struct {
	socket *net.UnixConn
	in     []byte
	broken error // ErrProtocol, or a write that ended half-way: nothing can follow
	detail string
}

// dial makes the connection. A queue of the listener that is full is EAGAIN at once on a unix socket, where others
// would block; it is tried again until ctx ends.
func dial(ctx context.Context, path string) (*conn, error) {
	for {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		socket, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err == nil {
			return &conn{socket: socket}, nil
		}
		if !errors.Is(err, syscall.EAGAIN) {
			return nil, reduce(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// bound makes reads and writes end when ctx does, until the function that it returns was called.
func (c *conn) bound(ctx context.Context) (release func()) {
	past := time.Unix(1, 0)
	c.socket.SetDeadline(time.Time{})
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.socket.SetDeadline(past)
		close(done)
	})
	return func() {
		if !stop() {
			<-done // or it would end the next call's
		}
	}
}

// fail returns the error of a read or a write: the context's where that is why it ended.
func (c *conn) fail(ctx context.Context, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return ctx.Err()
	}
	return reduce(err)
}

// protocol notes that the stream makes no sense from here on.
func (c *conn) protocol(detail string) error {
	c.broken, c.detail = ErrProtocol, detail
	return c.broken
}

// write sends b whole. Preconditions: bound.
func (c *conn) write(ctx context.Context, b []byte) error {
	n, err := c.socket.Write(b)
	if err == nil {
		return nil
	}
	err = c.fail(ctx, err)
	if n > 0 {
		c.broken = err
	}
	return err
}

// read waits for more bytes. Preconditions: bound.
func (c *conn) read(ctx context.Context) error {
	const least, most = 4 << 10, 64 << 10 // most, so that use has little to move after a large message
	c.in = slices.Grow(c.in, least)
	have := len(c.in)
	n, err := c.socket.Read(c.in[have:min(cap(c.in), have+most)])
	c.in = c.in[:have+n]
	if n > 0 {
		return nil
	}
	return c.fail(ctx, err)
}

// use takes n bytes off. They are moved, not sliced away, so that the memory is used again.
func (c *conn) use(n int) {
	c.in = c.in[:copy(c.in, c.in[n:])]
}

// authenticate does what sd-bus does: it names no user, so that the kernel's word for who this is counts, which holds
// in a user namespace, too; and it sends all at once. Preconditions: bound.
//
// The answer is DATA and OK; before systemd 246 it was OK twice (src/libsystemd/sd-bus/bus-socket.c:
// bus_socket_auth_verify_client).
func (c *conn) authenticate(ctx context.Context) error {
	if err := c.write(ctx, []byte("\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")); err != nil {
		return err
	}
	for _, want := range []string{"DATA", "OK"} {
		line, err := c.line(ctx)
		if err != nil {
			return err
		}
		word, _, _ := bytes.Cut(line, []byte(" "))
		switch string(word) {
		case want, "OK":
		case "REJECTED":
			return ErrRejected
		default:
			return c.protocol("the answer to AUTH is " + strconv.Quote(printable(string(line), 64)))
		}
	}
	return nil
}

// line returns the next line of the authentication, without its end.
func (c *conn) line(ctx context.Context) ([]byte, error) {
	const limit = 1024 // REJECTED has the names of mechanisms
	for {
		if i := bytes.Index(c.in, []byte("\r\n")); i >= 0 && i <= limit {
			line := bytes.Clone(c.in[:i])
			c.use(i + len("\r\n"))
			return line, nil
		}
		if len(c.in) > limit {
			return nil, c.protocol("the answer to AUTH is " + strconv.Quote(printable(string(c.in), 64)))
		}
		if err := c.read(ctx); err != nil {
			return nil, err
		}
	}
}

// next returns the next message. Preconditions: bound.
func (c *conn) next(ctx context.Context) (*dbus.Message, error) {
	for {
		n, complaint := size(c.in)
		if complaint != "" {
			return nil, c.protocol(complaint)
		}
		if n == 0 || len(c.in) < n {
			if err := c.read(ctx); err != nil {
				return nil, err
			}
			continue
		}
		msg, complaint := decode(c.in[:n])
		c.use(n)
		if complaint != "" {
			return nil, c.protocol(complaint)
		}
		if msg != nil {
			return msg, nil
		}
	}
}
