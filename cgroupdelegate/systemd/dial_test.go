package systemd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+4*len(addrs))*short)
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
		ctx, cancel := context.WithTimeout(t.Context(), 10*short)
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
