package systemd

import (
	"context"
	"errors"
	"testing"
	"time"
)

// FuzzPeer has a peer that sends the bytes and hangs up: as they are, or after an authentication that went well.
func FuzzPeer(f *testing.F) {
	for _, bus := range []bool{false, true} {
		all, _ := answers(bus)
		f.Add(bus, false, all)
		f.Add(bus, true, all[len(welcome):])
		f.Add(bus, true, all[len(welcome):len(all)-9])
	}
	f.Add(false, true, changed())
	f.Fuzz(func(t *testing.T, bus, welcomed bool, stream []byte) {
		if len(stream) > 1<<16 {
			t.Skip("a socket's buffer may not hold it")
		}
		addr, stop := serve(t, bus, func(p *peer) {
			if welcomed {
				p.text(welcome)
			}
			p.raw(stream)
			p.hangUp()
		})
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := run(ctx, addr)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%#v is no *Error", err)
		}
		if ctx.Err() != nil {
			t.Errorf("%v, at the limit of time", err)
		}
		if err != nil && len(err.Error()) > 1024 || err != nil && printable(err.Error(), 2048) != err.Error() {
			t.Errorf("the message is no line: %q", err)
		}
	})
}

// FuzzDecode has no connection, so that it is faster and reaches further into godbus.
func FuzzDecode(f *testing.F) {
	f.Add(reply(1, jobPath))
	f.Add(signal(manager, jobRemoved, uint32(77), jobPath, unit, "done"))
	f.Add(changed())
	f.Fuzz(func(t *testing.T, b []byte) {
		n, complaint := size(b)
		if complaint != "" || n == 0 || n > len(b) {
			return
		}
		msg, complaint := decode(b[:n])
		if msg != nil && complaint != "" || msg == nil && complaint == "" && b[1] < 4 {
			t.Errorf("decode = %v, %q", msg, complaint)
		}
	})
}
