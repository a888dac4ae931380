package systemd
import ("testing";"bytes";"github.com/godbus/dbus/v5")
func TestZZ(t *testing.T) {
	for range 20 {
		msg := reply(1, "x")
		n := 16 + int(msg[12])
		func() {
			defer func() { if r := recover(); r != nil { t.Logf("len %d: PANIC %v", msg[12], r) } }()
			_, err := dbus.DecodeMessage(bytes.NewReader(msg[:n]))
			t.Logf("len %d: %v", msg[12], err)
		}()
	}
}
func BenchmarkEncode(b *testing.B) {
	for b.Loop() {
		props := []property{{"Delegate", dbus.MakeVariant(true)},{"CollectMode", dbus.MakeVariant("inactive-or-failed")},{"PIDs", dbus.MakeVariant(wanted.PIDs)},{"Slice", dbus.MakeVariant("app.slice")},{"Description", dbus.MakeVariant("a jail")}}
		args := []any{unit, "fail", props, []auxiliary{}}
		msg := &dbus.Message{Type: dbus.TypeMethodCall, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(manager.dest),
			dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath(manager.path)),
			dbus.FieldInterface:   dbus.MakeVariant(manager.iface),
			dbus.FieldMember:      dbus.MakeVariant("StartTransientUnit"),
			dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(args...)),
		}, Body: args}
		if _, err := encode(msg, 1); err != nil { b.Fatal(err) }
	}
}
func BenchmarkDecodeReply(b *testing.B) { m := reply(1, jobPath); for b.Loop() { decode(m) } }
func BenchmarkDecodeJobRemoved(b *testing.B) { m := signal(manager, jobRemoved, uint32(77), jobPath, unit, "done"); for b.Loop() { decode(m) } }
func BenchmarkDecodeChanged(b *testing.B) { m := changed(); for b.Loop() { decode(m) } }
