package prober

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
)

// Every version of TLS goes through the packets of TDS, and so does the refusal
// of a client without a certificate, which comes after the handshake in TLS 1.3.
func TestTLSInTDS(t *testing.T) {
	lab := newLab(t)
	p := newProber(t, labModule(t, lab))
	for _, test := range []struct {
		name       string
		change     func(*tls.Config)
		version    uint16
		reason     Reason // empty: success
		handshaken bool
	}{
		{"TLS 1.0", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }, tls.VersionTLS10, "", true},
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, tls.VersionTLS12, "", true},
		{"TLS 1.3", func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, tls.VersionTLS13, "", true},
		{"a HelloRetryRequest", func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384} }, tls.VersionTLS13, "", true},
		{"a client certificate with TLS 1.2", func(c *tls.Config) { c.MaxVersion, c.ClientAuth = tls.VersionTLS12, tls.RequireAnyClientCert }, tls.VersionTLS12, "alert_handshake_failure", false},
		{"a client certificate with TLS 1.3", func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, tls.VersionTLS13, "alert_certificate_required", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := serve(t, lab, tlstest.Server{StartTLS: "mssql", Config: test.change})
			r := p.Probe(context.Background(), target(t, "mssql://"+addr))
			var got Reason
			if r.Failure != nil {
				got = r.Failure.Reason
			}
			if got != test.reason || r.Session == nil || r.Session.Version != test.version || r.Session.Completed != test.handshaken || r.Chain == nil {
				t.Errorf("failure is %+v, session is %+v", r.Failure, r.Session)
			}
		})
	}
}

// What the client sends is wrapped up to the end of the handshake, and bare
// after it: the specification has it so, and SQL Server insists.
func TestTDSIsBareAfterTheHandshake(t *testing.T) {
	lab := newLab(t)
	p := newProber(t, labModule(t, lab))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		heard := make(chan string, 100)
		addr := serve(t, lab, tlstest.Server{
			Config: func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version },
			Preface: func(_ context.Context, c net.Conn) net.Conn {
				for _, s := range successes(t) {
					if s.name == "mssql.sql-server" && s.play(c) == nil {
						return tlstest.TDS(&tap{Conn: c, heard: heard})
					}
				}
				return nil
			},
		})
		if r := p.Probe(context.Background(), target(t, "mssql://"+addr)); !r.Success() {
			t.Fatalf("failure is %+v", r.Failure)
		}
		for units := ""; !strings.HasSuffix(units, "b"); {
			select {
			case units = <-heard:
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: nothing comes bare, only %s", tls.VersionName(version), units)
			}
			if !regexp.MustCompile("^w*b*$").MatchString(units) {
				t.Fatalf("%s: wrapped and bare come as %s", tls.VersionName(version), units)
			}
		}
	}
}

// tap tells what is read from a connection so far, a letter for each packet of
// TDS, w, and each record of TLS, b.
type tap struct {
	net.Conn
	all   []byte
	heard chan<- string
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.all = append(c.all, b[:n]...)
	var units []byte
	for rest := c.all; len(rest) >= 5; {
		unit, length := byte('b'), 5+int(binary.BigEndian.Uint16(rest[3:]))
		if rest[0] == tdsPreLogin {
			unit, length = 'w', int(binary.BigEndian.Uint16(rest[2:]))
		}
		if len(rest) < length {
			break
		}
		units, rest = append(units, unit), rest[length:]
	}
	c.heard <- string(units)
	return n, err
}

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
	for wire, want := range map[string]Reason{
		"":                                 ReasonClosed,
		"\x12\x01\x00":                     ReasonClosed,
		"\x12\x01\x00\x10\x00\x00":         ReasonClosed,
		"\x12\x01\x00\x08\x00\x00\x00\x00": ReasonStartTLSProtocol,
		"\x12\x01\x00\x00\x00\x00\x00\x00": ReasonStartTLSProtocol,
	} {
		c := &tdsConn{Conn: &recorder{Buffer: *bytes.NewBufferString(wire)}}
		if _, err := c.Read(make([]byte, 1)); Of(err) != want {
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
