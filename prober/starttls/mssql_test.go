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

// The packets of TDS carry every version of TLS, and the alert for a client without a
// certificate, which comes after the handshake in TLS 1.3.
func TestTLSInTDS(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	for _, test := range []struct {
		name      string
		change    func(*tls.Config)
		version   uint16
		reason    failure.Reason // empty: success
		completed bool
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
			if got != test.reason || r.Session == nil || r.Session.Version != test.version || r.Session.Completed != test.completed || r.Chain == nil {
				t.Errorf("failure is %+v, session is %+v", r.Failure, r.Session)
			}
		})
	}
}

// The client sends packets up to the end of the handshake, and bare records after it: the
// specification says so, and SQL Server requires it.
func TestNoTDSPacketsAfterTheHandshake(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		units := make(chan string, 100)
		addr := labtest.Serve(t, lab, tlstest.Server{
			Config: func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version },
			Preface: func(_ context.Context, c net.Conn) net.Conn {
				for _, s := range successes(t) {
					if s.name == "mssql.sql-server" && s.play(c) == nil {
						return tlstest.TDS(&unitReader{Conn: c, units: units})
					}
				}
				return nil
			},
		})
		if r := p.Probe(context.Background(), probetest.Target(t, "mssql://"+addr)); !r.Success() {
			t.Fatalf("failure is %+v", r.Failure)
		}
		for got := ""; !strings.HasSuffix(got, "r"); {
			select {
			case got = <-units:
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: no bare record arrives, only %s", tls.VersionName(version), got)
			}
			if !regexp.MustCompile("^p*r*$").MatchString(got) {
				t.Fatalf("%s: packets and bare records arrive as %s", tls.VersionName(version), got)
			}
		}
	}
}

// unitReader reports what was read from a connection so far, as a letter for each TDS
// packet, p, and each bare TLS record, r.
type unitReader struct {
	net.Conn
	all   []byte
	units chan<- string
}

func (c *unitReader) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.all = append(c.all, b[:n]...)
	var units []byte
	for rest := c.all; len(rest) >= 5; {
		unit, length := byte('r'), 5+int(binary.BigEndian.Uint16(rest[3:]))
		if rest[0] == starttls.TDSPreLogin {
			unit, length = 'p', int(binary.BigEndian.Uint16(rest[2:]))
		}
		if len(rest) < length {
			break
		}
		units, rest = append(units, unit), rest[length:]
	}
	c.units <- string(units)
	return n, err
}
