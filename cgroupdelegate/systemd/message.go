package systemd

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/godbus/dbus/v5"
)

const (
	headerSize = 16 // the fixed part of a header
	// maxMessage is a bound on what is kept of a peer's bytes. The specification allows 128 MiB; a list of ten thousand
	// scopes takes 3.
	maxMessage = 8 << 20
)

// encode returns the bytes of a method call. godbus has no setter for a message's serial number, which only its Conn
// gives out, so that it is written into the bytes: it is the third field of the header.
func encode(msg *dbus.Message, serial uint32) ([]byte, error) {
	var b bytes.Buffer
	if err := msg.EncodeTo(&b, binary.LittleEndian); err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(b.Bytes()[8:], serial)
	return b.Bytes(), nil
}

// size returns how many bytes the message at the start of b has, or 0 where b is too short to tell. The complaint is ""
// or what is wrong with the header.
//
// godbus gets no header that is refused here: it looks at no version, adds the two lengths in 32 bits, and has a bound of
// 128 MiB.
func size(b []byte) (n int, complaint string) {
	if len(b) < headerSize {
		return 0, ""
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch b[0] {
	case 'l':
	case 'B':
		order = binary.BigEndian
	default:
		return 0, "a message begins with byte 0x" + strconv.FormatUint(uint64(b[0]), 16)
	}
	if b[3] != 1 {
		return 0, "a message of protocol version " + strconv.Itoa(int(b[3]))
	}
	body, fields := uint64(order.Uint32(b[4:])), uint64(order.Uint32(b[12:]))
	total := headerSize + (fields+7)&^7 + body
	if total > maxMessage {
		return 0, "a message of " + strconv.FormatUint(total, 10) + " bytes"
	}
	return int(total), ""
}

// decode returns the message that b is, as [size] measured it, or nil for one that is of no use here: of a type that is
// not known, which the specification wants ignored, or a signal other than JobRemoved. A manager sends a dozen others
// while it makes a scope, and each would take 20 µs to decode.
//
// It changes b: flags that are not known are ignored, too, where godbus is strict. The recover is for what fuzzing did
// not find; godbus before 5.2.4 did not recover where a stream ends in the padding after the header, and allocated what
// a peer said.
func decode(b []byte) (msg *dbus.Message, complaint string) {
	const lastType, knownFlags = dbus.TypeSignal, 7
	switch typ := dbus.Type(b[1]); {
	case typ > lastType, typ == dbus.TypeSignal && !bytes.Contains(b, []byte(jobRemoved)):
		return nil, ""
	}
	b[2] &= knownFlags
	defer func() {
		if r := recover(); r != nil {
			msg, complaint = nil, "a message that cannot be decoded"
		}
	}()
	msg, err := dbus.DecodeMessage(bytes.NewReader(b))
	if err != nil {
		return nil, printable(err.Error(), 128)
	}
	return msg, ""
}

// field returns a field of the header, or the zero value where there is none. The decoder has checked the types.
func field[T any](msg *dbus.Message, f dbus.HeaderField) T {
	value, _ := msg.Headers[f].Value().(T)
	return value
}

// signature returns the types of a message's body, in D-Bus's notation.
func signature(msg *dbus.Message) string {
	return field[dbus.Signature](msg, dbus.FieldSignature).String()
}
