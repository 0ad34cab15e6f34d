package hello

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// ticketMessage returns a NewSessionTicket with these extensions.
func ticketMessage(lifetime uint32, ticket []byte, extensions ...Extension) []byte {
	var b builder
	b.AddUint8(msgNewSessionTicket)
	b.AddUint24LengthPrefixed(func(b *builder) {
		b.AddUint32(lifetime)
		b.AddUint32(0x01020304)
		vector8(b, []byte{0})
		vector16(b, ticket)
		writeExtensions(b, extensions)
	})
	return b.BytesOrPanic()
}

func TestNewSessionTicket(t *testing.T) {
	early := Extension{extEarlyData, binary.BigEndian.AppendUint32(nil, 16384)}
	for _, test := range []struct {
		name    string
		message []byte
		want    uint32
		err     error
	}{
		{"without early data", ticketMessage(7200, []byte("ticket")), 0, nil},
		{"with early data", ticketMessage(7200, []byte("ticket"), early), 16384, nil},
		{"among others", ticketMessage(7200, []byte("ticket"), Extension{0x1a1a, nil}, early), 16384, nil},
		{"early data of two bytes", ticketMessage(7200, []byte("ticket"), Extension{extEarlyData, []byte{1, 2}}), 0, ErrMalformed},
		{"without a ticket", ticketMessage(7200, nil), 0, ErrMalformed},
		{"cut off", ticketMessage(7200, []byte("ticket"))[:20], 0, ErrMalformed},
	} {
		got, err := ParseNewSessionTicket(test.message)
		if !errors.Is(err, test.err) || err == nil && (got.MaxEarlyData != test.want || got.Lifetime != 7200 || string(got.Ticket) != "ticket") {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

func FuzzNewSessionTicket(f *testing.F) {
	f.Add(ticketMessage(7200, []byte("ticket"), Extension{extEarlyData, []byte{0, 0, 64, 0}}))
	f.Add(ticketMessage(0, []byte{1}))
	f.Fuzz(func(t *testing.T, message []byte) {
		got, err := ParseNewSessionTicket(message)
		if err != nil {
			return
		}
		if len(got.Ticket) == 0 || !bytes.Contains(message, got.Ticket) {
			t.Errorf("%x does not contain the ticket %x", message, got.Ticket)
		}
	})
}
