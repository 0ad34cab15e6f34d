package handshake_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// TestLegacyServers checks that a probe reports what a server would select that has
// nothing in common with crypto/tls, and its certificates.
func TestLegacyServers(t *testing.T) {
	lab := labtest.Lab(t)
	for _, test := range []struct {
		name    string
		server  legacy.Server
		reason  failure.Reason
		session string // version and suite
		chain   int
	}{
		{"SSL 3.0 only", legacy.Server{Versions: []uint16{0x0300}, Suites: []uint16{0x000a}}, failure.ReasonLegacyOnly, "SSL 3.0 TLS_RSA_WITH_3DES_EDE_CBC_SHA", 2},
		{"SSL 2.0 only", legacy.Server{Versions: []uint16{0x0002}}, failure.ReasonLegacyOnly, "SSL 2.0 ", 1},
		{"DES", legacy.Server{Suites: []uint16{0x0009}}, failure.ReasonLegacyOnly, "TLS 1.2 TLS_RSA_WITH_DES_CBC_SHA", 2},
		{"NULL", legacy.Server{Suites: []uint16{0x0002}}, failure.ReasonLegacyOnly, "TLS 1.2 TLS_RSA_WITH_NULL_SHA", 2},
		{"export", legacy.Server{Suites: []uint16{0x0003}, Versions: []uint16{0x0301}}, failure.ReasonLegacyOnly, "TLS 1.0 TLS_RSA_EXPORT_WITH_RC4_40_MD5", 2},
		{"anonymous", legacy.Server{Suites: []uint16{0x0034}}, failure.ReasonLegacyOnly, "TLS 1.2 TLS_DH_anon_WITH_AES_128_CBC_SHA", 0},
		{"Diffie-Hellman without curves", legacy.Server{Suites: []uint16{0x009e}}, failure.ReasonLegacyOnly, "TLS 1.2 TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", 2},
		{"closes the connection to refuse", legacy.Server{Versions: []uint16{0x0300}, Suites: []uint16{0x000a}, Refusal: legacy.RefuseByClosing}, failure.ReasonLegacyOnly, "SSL 3.0 TLS_RSA_WITH_3DES_EDE_CBC_SHA", 2},
		{"over SMTP", legacy.Server{Base: tlstest.Server{StartTLS: "smtp"}, Suites: []uint16{0x0009}}, failure.ReasonLegacyOnly, "TLS 1.2 TLS_RSA_WITH_DES_CBC_SHA", 2},
		{"RC4, which crypto/tls supports", legacy.Server{Suites: []uint16{0x0005}}, "", "TLS 1.2 TLS_RSA_WITH_RC4_128_SHA", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, err := legacy.Start(lab, test.server)
			if err != nil {
				t.Fatal(err)
			}
			if scheme := test.server.Base.StartTLS; scheme != "" {
				addr = scheme + "://" + addr
			}
			r := probetest.New(t, probetest.Module(t, lab)).Probe(t.Context(), probetest.Target(t, addr))
			var reason failure.Reason
			if r.Failure != nil {
				reason = r.Failure.Reason
			}
			if reason != test.reason {
				t.Errorf("failure is %+v, want %q", r.Failure, test.reason)
			}
			selected := r.Selected // a handshake that was never completed is not a session
			if test.reason == "" {
				selected = r.Session
			}
			if selected == nil || selected.VersionName()+" "+selected.CipherName() != test.session || selected.Completed != (test.reason == "") || (r.Session != nil) != (test.reason == "") {
				t.Errorf("session is %+v, selected %+v, want %s", r.Session, r.Selected, test.session)
			}
			certificates := 0
			if r.Chain != nil {
				certificates = len(r.Chain.Certificates)
			}
			if certificates != test.chain {
				t.Errorf("%d certificates, want %d", certificates, test.chain)
			}
			if reason == failure.ReasonLegacyOnly && !strings.HasPrefix(r.Failure.Err.Error(), "the server would select "+strings.TrimSuffix(strings.Replace(test.session, " TLS_", " with TLS_", 1), " ")) {
				t.Errorf("the failure says %v", r.Failure.Err)
			}
		})
	}
}

// TestLegacyRefusesAll checks that the failure of the handshake stays if a server refuses
// the raw hellos as well.
func TestLegacyRefusesAll(t *testing.T) {
	lab := labtest.Lab(t)
	for refusal, want := range map[legacy.Refusal]failure.Reason{
		legacy.RefuseWithHandshakeFailure: "alert_handshake_failure", legacy.RefuseByClosing: failure.ReasonClosed, legacy.RefuseByReset: failure.ReasonReset,
	} {
		addr, err := legacy.Start(lab, legacy.Server{Versions: []uint16{tls.VersionTLS10}, Suites: []uint16{0x009e}, Refusal: refusal}) // a suite of TLS 1.2 alone
		if err != nil {
			t.Fatal(err)
		}
		r := probetest.New(t, probetest.Module(t, lab)).Probe(t.Context(), probetest.Target(t, addr))
		if r.Failure == nil || r.Failure.Reason != want || r.Session != nil || r.Selected != nil || r.Chain != nil {
			t.Errorf("failure is %+v, want %s; session is %+v, selected %+v", r.Failure, want, r.Session, r.Selected)
		}
	}
}

// TestLegacyWithinCryptoTLS checks that a server is not reported as legacy if only the
// module's min_version excludes it. Its certificates are reported nevertheless.
func TestLegacyWithinCryptoTLS(t *testing.T) {
	lab := labtest.Lab(t)
	addr, err := legacy.Start(lab, legacy.Server{Versions: []uint16{tls.VersionTLS10}})
	if err != nil {
		t.Fatal(err)
	}
	m := probetest.Module(t, lab)
	m.MinVersion = tls.VersionTLS12
	r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
	if r.Failure == nil || r.Failure.Reason != "alert_protocol_version" && r.Failure.Reason != failure.ReasonNoCommonVersion {
		t.Errorf("failure is %+v", r.Failure)
	}
	if r.Session != nil || r.Selected == nil || r.Selected.VersionName() != "TLS 1.0" || r.Chain == nil || !r.Chain.Valid {
		t.Errorf("session is %+v, selected %+v, chain %+v", r.Session, r.Selected, r.Chain)
	}
}

// TestLegacyUnregistered checks that a server cannot fill labels with numbers that are
// not registered.
func TestLegacyUnregistered(t *testing.T) {
	lab := labtest.Lab(t)
	for name, answer := range map[string]*hello.ServerHello{
		"suite":   {LegacyVersion: hello.TLS12, CipherSuite: 0xfafa},
		"version": {LegacyVersion: 0x03fa, CipherSuite: 0x002f},
		"group":   {LegacyVersion: hello.TLS12, CipherSuite: 0x1301, Extensions: []hello.Extension{hello.SupportedVersions(hello.TLS13), {Type: 51, Data: []byte{0xfa, 0xfa, 0, 1, 0}}}},
	} {
		if name == "group" {
			answer.Extensions[0].Data = []byte{3, 4} // the form of a ServerHello
		}
		message, err := answer.MarshalMessage()
		if err != nil {
			t.Fatal(err)
		}
		var calls atomic.Int32
		addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
			c.Read(make([]byte, 1<<14))
			if calls.Add(1) == 1 {
				c.Write([]byte{21, 3, 3, 0, 2, 2, 40}) // handshake_failure
			} else {
				c.Write(hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, message))
			}
		}})
		r := probetest.New(t, probetest.Module(t, lab)).Probe(t.Context(), probetest.Target(t, addr))
		if calls.Load() < 2 || r.Session != nil || r.Selected != nil || r.Failure == nil || r.Failure.Reason != "alert_handshake_failure" {
			t.Errorf("%s: %d connections, selected %+v, failure %+v", name, calls.Load(), r.Selected, r.Failure)
		}
	}
}
