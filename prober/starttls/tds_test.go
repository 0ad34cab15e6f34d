package starttls

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"

	"tls_exporter/prober/failure"
)

// loopback is a connection from which the bytes are read that were written to it.
type loopback struct {
	net.Conn
	bytes.Buffer
}

func (l *loopback) Read(b []byte) (int, error)  { return l.Buffer.Read(b) }
func (l *loopback) Write(b []byte) (int, error) { return l.Buffer.Write(b) }

// A tdsConn reads what another one wrote, of any size, also with bare records between
// the packets.
func TestTDSConn(t *testing.T) {
	record := []byte("\x17\x03\x03\x00\x05hello")
	for _, size := range []int{1, tdsMaxPacket - tdsHeader, tdsMaxPacket - tdsHeader + 1, 20_000} {
		wire := new(loopback)
		c := &tdsConn{Conn: wire}
		first, second := bytes.Repeat([]byte{1}, size), []byte{2}
		c.Write(first)
		c.handshakeDone = true
		c.Write(record)
		c.handshakeDone = false
		c.Write(second)
		packets := (size+tdsMaxPacket-tdsHeader-1)/(tdsMaxPacket-tdsHeader) + 1
		if want := size + len(record) + 1 + packets*tdsHeader; wire.Len() != want {
			t.Errorf("%d bytes became %d, want %d", size, wire.Len(), want)
		}
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, slices.Concat(first, record, second)) {
			t.Errorf("%d bytes were read as %d, %v", size, len(got), err)
		}
	}
}

// Packets that end early or are empty are errors: reading empty ones might never end.
func TestTDSConnInvalidPacket(t *testing.T) {
	for wire, want := range map[string]failure.Reason{
		"":                                 failure.ReasonClosed,
		"\x12\x01\x00":                     failure.ReasonClosed,
		"\x12\x01\x00\x10\x00\x00":         failure.ReasonClosed,
		"\x12\x01\x00\x08\x00\x00\x00\x00": failure.ReasonStartTLSProtocol,
		"\x12\x01\x00\x00\x00\x00\x00\x00": failure.ReasonStartTLSProtocol,
	} {
		c := &tdsConn{Conn: &loopback{Buffer: *bytes.NewBufferString(wire)}}
		if _, err := c.Read(make([]byte, 1)); failure.Of(err) != want {
			t.Errorf("%q is %v, want %s", wire, err, want)
		}
	}
}

// Reading ends for any bytes, and returns no more bytes than arrived.
func FuzzTDSConn(f *testing.F) {
	f.Add([]byte("\x12\x00\x00\x09\x00\x00\x01\x00\x16\x12\x01\x00\x0a\x00\x00\x02\x00\x03\x03\x17\x03\x03\x00\x01!"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		got, _ := io.ReadAll(&tdsConn{Conn: &loopback{Buffer: *bytes.NewBuffer(wire)}})
		if len(got) > len(wire) {
			t.Errorf("%d bytes became %d", len(wire), len(got))
		}
	})
}
