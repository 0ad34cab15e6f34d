package starttls

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"

	"tls_exporter/prober/failure"
)

// recorder is a connection whose one end is written and then read.
type recorder struct {
	net.Conn
	bytes.Buffer
}

func (r *recorder) Read(b []byte) (int, error)  { return r.Buffer.Read(b) }
func (r *recorder) Write(b []byte) (int, error) { return r.Buffer.Write(b) }

// What is wrapped is unwrapped to the same, whatever its size, and bare records
// pass between packets.
func TestTDSConn(t *testing.T) {
	record := []byte("\x17\x03\x03\x00\x05hello")
	for _, size := range []int{1, tdsMaxPacket - tdsHeader, tdsMaxPacket - tdsHeader + 1, 20_000} {
		wire := new(recorder)
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
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
	}
}

// A packet may be broken, or empty: a stream of those would never end.
func TestTDSConnBroken(t *testing.T) {
	for wire, want := range map[string]failure.Reason{
		"":                                 failure.ReasonClosed,
		"\x12\x01\x00":                     failure.ReasonClosed,
		"\x12\x01\x00\x10\x00\x00":         failure.ReasonClosed,
		"\x12\x01\x00\x08\x00\x00\x00\x00": failure.ReasonStartTLSProtocol,
		"\x12\x01\x00\x00\x00\x00\x00\x00": failure.ReasonStartTLSProtocol,
	} {
		c := &tdsConn{Conn: &recorder{Buffer: *bytes.NewBufferString(wire)}}
		if _, err := c.Read(make([]byte, 1)); failure.Of(err) != want {
			t.Errorf("%q is %v, want %s", wire, err, want)
		}
	}
}

// Whatever comes, unwrapping it ends, and makes nothing up.
func FuzzTDSConn(f *testing.F) {
	f.Add([]byte("\x12\x00\x00\x09\x00\x00\x01\x00\x16\x12\x01\x00\x0a\x00\x00\x02\x00\x03\x03\x17\x03\x03\x00\x01!"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		got, _ := io.ReadAll(&tdsConn{Conn: &recorder{Buffer: *bytes.NewBuffer(wire)}})
		if len(got) > len(wire) {
			t.Errorf("%d bytes became %d", len(wire), len(got))
		}
	})
}
