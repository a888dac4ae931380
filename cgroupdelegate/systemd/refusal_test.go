package systemd

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

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
		{freedesktop + "InvalidArgs", "Failed to set unit properties: Invalid argument"},
		{freedesktop + "UnixProcessIdUnknown", "Process with ID 4711 does not exist."},
		{freedesktop + "UnixProcessIdUnknown", "Failed to set unit properties: No such process"},
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
		rows = append(rows, scenario{name: fmt.Sprintf("%.12q", result), want: want, serve: func(p *peer) {
			p.reply(p.upTo("StartTransientUnit"), jobPath)
			p.removed(jobPath, unit, result)
			p.hang()
		}})
	}
	try(t, both(rows))
}
