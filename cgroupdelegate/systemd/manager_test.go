package systemd

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

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

// TestNotRead has a peer that takes no bytes after the first: the call is too long for the socket's buffer.
func TestNotRead(t *testing.T) {
	clean(t)
	ctx := limit{t.Context(), make(chan struct{})}
	over := make(chan struct{})
	addr, stop := serve(t, false, func(p *peer) {
		p.greet()
		p.text(welcome)
		p.in.ReadByte()
		close(ctx.over)
		<-over
	})
	defer stop()
	defer close(over)
	m, err := Dial(t.Context(), []Address{addr})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	scope := wanted
	scope.PIDs = make([]uint32, 1<<18)
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
