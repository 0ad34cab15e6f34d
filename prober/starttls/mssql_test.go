package starttls_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/starttls"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// Every version of TLS goes through the packets of TDS, and so does the refusal
// of a client without a certificate, which comes after the handshake in TLS 1.3.
func TestTLSInTDS(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	for _, test := range []struct {
		name       string
		change     func(*tls.Config)
		version    uint16
		reason     failure.Reason // empty: success
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
			addr := labtest.Serve(t, lab, tlstest.Server{StartTLS: "mssql", Config: test.change})
			r := p.Probe(context.Background(), probetest.Target(t, "mssql://"+addr))
			var got failure.Reason
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
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		heard := make(chan string, 100)
		addr := labtest.Serve(t, lab, tlstest.Server{
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
		if r := p.Probe(context.Background(), probetest.Target(t, "mssql://"+addr)); !r.Success() {
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
		if rest[0] == starttls.TDSPreLogin {
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
