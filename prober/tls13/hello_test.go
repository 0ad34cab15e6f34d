package tls13_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"

	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tls13"
)

// firstHello returns the first ClientHello that a handshake sends.
func firstHello(t *testing.T, handshake func(conn net.Conn)) *hello.ClientHello {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		handshake(client)
		client.Close()
	}()
	record, err := hello.ReadRecord(server)
	server.Close()
	if err != nil {
		t.Fatal(err)
	}
	h, err := hello.ParseClientHello(record.Payload)
	if err != nil {
		t.Fatal(err)
	}
	h.RecordVersion = record.Version
	return h
}

const keyShareExtension = 51

// TestClientHello checks that the ClientHello is that of crypto/tls, byte for byte
// except for random values.
func TestClientHello(t *testing.T) {
	for name, test := range map[string]struct {
		target string
		change func(*handshake.Options)
		name   string // overrides the name of the target
	}{
		"host name":                   {target: "example.com"},
		"host name with a final dot":  {target: "example.com."},
		"IPv4 address":                {target: "192.0.2.1"},
		"IPv6 address with a zone":    {target: "[2001:db8::1%eth0]:443"},
		"Unix socket":                 {target: "unix:///run/x.sock"},
		"name of the query":           {target: "192.0.2.1", name: "other.test"},
		"ALPN of the module":          {target: "example.com", change: func(m *handshake.Options) { m.ALPN = []option.Protocol{"a", "spdy/3", "acme-tls/1"} }},
		"no ALPN":                     {target: "smtps://example.com"},
		"TLS 1.3 only":                {target: "example.com", change: func(m *handshake.Options) { m.MinVersion = tls.VersionTLS13 }},
		"TLS 1.2 and above":           {target: "example.com", change: func(m *handshake.Options) { m.MinVersion = tls.VersionTLS12 }},
		"all versions, as configured": {target: "example.com", change: func(m *handshake.Options) { m.MinVersion, m.MaxVersion = tls.VersionTLS10, tls.VersionTLS13 }},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClients(t, test.change)
			to := probetest.Target(t, test.target)
			to.ServerName = test.name
			ours := firstHello(t, func(conn net.Conn) { attempt(c.tls13, conn, &to) })
			theirs := firstHello(t, func(conn net.Conn) { attempt(c.cryptoTLS, conn, &to) })
			cutKeyShares := func(h *hello.ClientHello) []byte {
				i := slices.IndexFunc(h.Extensions, func(e hello.Extension) bool { return e.Type == keyShareExtension })
				data := h.Extensions[i].Data
				h.Extensions[i].Data = nil
				return data
			}
			a, b := cutKeyShares(ours), cutKeyShares(theirs)
			if len(a) != len(b) || !slices.Equal(ours.KeyShareGroups(), theirs.KeyShareGroups()) {
				t.Errorf("the key shares have %d bytes, those of crypto/tls %d", len(a), len(b))
			}
			if len(ours.SessionID) != len(theirs.SessionID) || bytes.Equal(ours.SessionID, make([]byte, 32)) || ours.Random == [32]byte{} {
				t.Errorf("the session ID is %x, the random %x", ours.SessionID, ours.Random)
			}
			ours.Random, ours.SessionID, theirs.Random, theirs.SessionID = [32]byte{}, nil, [32]byte{}, nil
			x, err1 := ours.Marshal()
			y, err2 := theirs.Marshal()
			if err := errors.Join(err1, err2); err != nil || !bytes.Equal(x, y) {
				t.Errorf("\n%x, crypto/tls\n%x; %v", x, y, err)
			}
		})
	}
}

// TestNewWithoutTLS13 checks that a configuration without TLS 1.3 is not supported.
func TestNewWithoutTLS13(t *testing.T) {
	if _, err := tls13.New(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); !errors.Is(err, tls13.ErrUnsupported) {
		t.Errorf("the error is %v", err)
	}
}

// TestNewWithOtherGroups checks that a configuration with other key shares is not
// supported.
func TestNewWithOtherGroups(t *testing.T) {
	if _, err := tls13.New(&tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.CurveP256}}); !errors.Is(err, tls13.ErrUnsupported) {
		t.Errorf("the error is %v", err)
	}
}
