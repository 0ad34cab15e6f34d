package handshake_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// fatal is an alert in a record without protection.
func fatal(d hello.AlertDescription) []byte { return tls13test.PlaintextAlert(2, d) }

// numbers are the numbers in an extension that has a list of them: 13 is
// signature_algorithms, 43 is supported_versions.
func numbers(h *hello.ClientHello, extension uint16) []uint16 {
	data, _ := h.Extension(extension)
	header := 2
	if extension == 43 {
		header = 1
	}
	var all []uint16
	for i := header; i+1 < len(data); i += 2 {
		all = append(all, binary.BigEndian.Uint16(data[i:]))
	}
	return all
}

func offersTLS13(h *hello.ClientHello) bool { return slices.Contains(numbers(h, 43), tls.VersionTLS13) }

func length(h *hello.ClientHello) int {
	message, err := h.MarshalMessage()
	if err != nil {
		panic(err)
	}
	return len(message)
}

// intolerant are servers that reject the hello of a current client, and have a
// certificate that another hello shows.
func intolerant(t *testing.T, lab *tlstest.Lab) map[string]intolerance {
	t.Helper()
	older := func(h *hello.ClientHello) bool { return !offersTLS13(h) }
	certificate := newCertificate(t, lab)
	in13 := func(s tls13test.Server) labtest.Wrapper {
		s.Group = hello.X25519
		return labtest.Unless(older, func(c net.Conn) { s.Handle(c, certificate); io.Copy(io.Discard, c) })
	}
	rsa512, err := rsa.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	shorter := func(than int) labtest.Wrapper {
		return labtest.RejectUnless(func(h *hello.ClientHello) bool { return length(h) < than }, nil)
	}
	const modern = "TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
	return map[string]intolerance{
		"alert protocol_version for TLS 1.3":             {wrapper: labtest.RejectUnless(older, fatal(hello.ProtocolVersion)), reason: failure.ReasonTLS13Intolerant, selected: modern},
		"alert decode_error for TLS 1.3":                 {wrapper: labtest.RejectUnless(older, fatal(hello.DecodeError)), reason: failure.ReasonTLS13Intolerant, selected: modern},
		"alert internal_error for TLS 1.3":               {wrapper: labtest.RejectUnless(older, fatal(hello.InternalError)), reason: failure.ReasonTLS13Intolerant, selected: modern},
		"alert unexpected_message for TLS 1.3":           {wrapper: labtest.RejectUnless(older, fatal(hello.UnexpectedMessage)), reason: failure.ReasonTLS13Intolerant, selected: modern},
		"alert unsupported_extension":                    {wrapper: labtest.RejectUnless(older, fatal(110)), reason: failure.ReasonTLS13Intolerant, selected: modern},
		"closes for TLS 1.3":                             {wrapper: labtest.RejectUnless(older, nil), reason: failure.ReasonTLS13Intolerant, selected: modern},
		"alert without protection after its ServerHello": {wrapper: in13(tls13test.Server{After: [][]byte{fatal(hello.HandshakeFailure)}}), reason: failure.ReasonBadMessage, selected: modern, session: true},
		"protected alert after its ServerHello": {wrapper: in13(tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{2, byte(hello.InternalError)})}),
			reason: failure.ReasonTLS13Intolerant, selected: modern, session: true},
		"RSA key too small for PSS": {base: &tlstest.Server{Config: func(c *tls.Config) {
			c.Certificates = []tls.Certificate{*labtest.CertificateFor(t, lab, rsa512)}
		}}, reason: failure.ReasonTLS13Intolerant, selected: "TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},

		"insists on MD5": {wrapper: labtest.RejectUnless(func(h *hello.ClientHello) bool { return slices.Contains(numbers(h, 13), 0x0101) }, fatal(hello.HandshakeFailure)),
			reason: failure.ReasonLegacyOnly, selected: modern, says: "but only with signature algorithms that Go, Chrome and other clients do not offer"},
		"insists on a brainpool curve": {wrapper: labtest.RejectUnless(func(h *hello.ClientHello) bool { return slices.Contains(numbers(h, 10), 26) }, fatal(hello.HandshakeFailure)),
			reason: failure.ReasonLegacyOnly, selected: modern},

		"at most 149 bytes":      {wrapper: shorter(150), reason: failure.ReasonClosed, selected: "TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		"at most two extensions": {wrapper: labtest.RejectUnless(func(h *hello.ClientHello) bool { return len(h.Extensions) <= 2 }, fatal(hello.DecodeError)), reason: "alert_decode_error", selected: modern},
		"no extensions, and TLS 1.0": {wrapper: labtest.RejectUnless(func(h *hello.ClientHello) bool { return len(h.Extensions) == 0 && h.LegacyVersion <= hello.TLS10 }, nil),
			reason: failure.ReasonClosed, selected: "TLS 1.0 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
		"no ALPN": {wrapper: labtest.RejectUnless(func(h *hello.ClientHello) bool { _, sent := h.Extension(16); return !sent }, fatal(hello.NoApplicationProtocol)),
			reason: "alert_no_application_protocol", selected: modern},
	}
}

// intolerance is a server with one fault, and what a probe reports.
type intolerance struct {
	wrapper  labtest.Wrapper
	base     *tlstest.Server // instead of the one of package legacy
	reason   failure.Reason
	selected string // version and suite
	session  bool   // the handshake itself had a ServerHello
	says     string // is in the message of the failure
}

func (i *intolerance) start(t *testing.T, lab *tlstest.Lab) string {
	t.Helper()
	if i.base != nil {
		return labtest.Serve(t, lab, *i.base)
	}
	return labtest.StartWrapped(t, lab, legacy.Server{}, i.wrapper)
}

// TestLook checks that the certificates of a server that rejects today's hello are shown,
// and why a current client fails. The second probe, which remembers the shape, reports
// the same.
func TestLook(t *testing.T) {
	lab := labtest.Lab(t)
	for name, test := range intolerant(t, lab) {
		t.Run(name, func(t *testing.T) {
			addr := test.start(t, lab)
			p := probetest.New(t, probetest.Module(t, lab))
			for i := range 3 {
				r := p.Probe(t.Context(), probetest.Target(t, addr))
				if r.Failure == nil || r.Failure.Reason != test.reason || !strings.Contains(r.Failure.Err.Error(), test.says) {
					t.Errorf("probe %d: failure is %+v, want %s", i+1, r.Failure, test.reason)
				}
				if r.Chain == nil || len(r.Chain.Certificates) != 2 || test.base == nil && !r.Chain.Valid {
					t.Fatalf("probe %d: chain is %+v", i+1, r.Chain)
				}
				if r.Selected == nil || r.Selected.VersionName()+" "+r.Selected.CipherName() != test.selected {
					t.Errorf("probe %d: selected is %+v, want %s", i+1, r.Selected, test.selected)
				}
				if (r.Session != nil) != test.session || r.Session != nil && (r.Session.Completed || r.Session.VersionName() != "TLS 1.3") {
					t.Errorf("probe %d: session is %+v", i+1, r.Session)
				}
			}
		})
	}
}

// TestLookLongHello checks a server that fails on the length of a hello, and not on TLS
// 1.3: its certificates are shown, and it is neither legacy nor intolerant.
func TestLookLongHello(t *testing.T) {
	lab := labtest.Lab(t)
	certificate := newCertificate(t, lab)
	wrapper := labtest.RejectUnless(func(h *hello.ClientHello) bool { return length(h) < 1200 }, nil)
	addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, c net.Conn) {
		wrapper(ctx, c, func(_ context.Context, c net.Conn) { tls13test.Server{Group: hello.X25519}.Handle(c, certificate) })
	}})
	r := probetest.New(t, probetest.Module(t, lab)).Probe(t.Context(), probetest.Target(t, addr))
	if r.Failure == nil || r.Failure.Reason != failure.ReasonClosed || r.Chain == nil || r.Selected == nil || r.Selected.VersionName() != "TLS 1.3" || r.Session != nil {
		t.Errorf("%+v, %+v, %+v", r.Failure, r.Selected, r.Chain)
	}
}

// TestLookWithoutTLS13 checks that a server is not called intolerant of what the module
// does not offer, or if there is nothing older.
func TestLookWithoutTLS13(t *testing.T) {
	lab := labtest.Lab(t)
	never := func(*hello.ClientHello) bool { return false }
	for name, test := range map[string]struct {
		change func(*prober.Module)
		accept func(*hello.ClientHello) bool
	}{
		"TLS 1.2 at most":  {func(m *prober.Module) { m.MaxVersion = tls.VersionTLS12 }, never},
		"TLS 1.3 at least": {func(m *prober.Module) { m.MinVersion = tls.VersionTLS13 }, func(h *hello.ClientHello) bool { return !offersTLS13(h) }},
	} {
		m := probetest.Module(t, lab)
		test.change(&m)
		addr := labtest.StartWrapped(t, lab, legacy.Server{}, labtest.RejectUnless(test.accept, fatal(hello.ProtocolVersion)))
		r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
		if r.Failure == nil || r.Failure.Reason != "alert_protocol_version" {
			t.Errorf("%s: %+v", name, r.Failure)
		}
	}
}

// TestLookIsNotFooled checks that a server that fails now and then is not called
// intolerant or legacy, whichever of its connections fail.
func TestLookIsNotFooled(t *testing.T) {
	lab := labtest.Lab(t)
	for name, server := range map[string]legacy.Server{
		"":                           {},
		"prefers what is not common": {Suites: []uint16{0x009e, 0xc02f}},
	} {
		for _, answer := range [][]byte{nil, fatal(hello.InternalError), fatal(hello.HandshakeFailure)} {
			for pattern, fails := range map[string]func(n int64) bool{
				"the first":       func(n int64) bool { return n == 1 },
				"the first two":   func(n int64) bool { return n <= 2 },
				"the first three": func(n int64) bool { return n <= 3 },
				"every second":    func(n int64) bool { return n%2 == 1 },
				"every third":     func(n int64) bool { return n%3 == 1 },
				"two of three":    func(n int64) bool { return n%3 != 2 },
				"two of four":     func(n int64) bool { return n%4 < 2 },
				"one of five":     func(n int64) bool { return n%5 == 1 },
				"three of five":   func(n int64) bool { return n%5 < 3 },
			} {
				var connections atomic.Int64
				reject := labtest.RejectUnless(func(*hello.ClientHello) bool { return false }, answer)
				addr := labtest.StartWrapped(t, lab, server, func(ctx context.Context, c net.Conn, serve func(context.Context, net.Conn)) {
					if fails(connections.Add(1)) {
						reject(ctx, c, serve)
						return
					}
					serve(ctx, c)
				})
				r := probetest.New(t, probetest.Module(t, lab)).Probe(t.Context(), probetest.Target(t, addr))
				if r.Failure == nil || r.Failure.Reason == failure.ReasonTLS13Intolerant || r.Failure.Reason == failure.ReasonLegacyOnly {
					t.Errorf("%s, %x, %s: %+v", name, answer, pattern, r.Failure)
				}
			}
		}
	}
}

// TestLookIsRemembered checks how many connections a probe of such a server opens: many
// once, then one for the handshake and one for the shape that was answered. A server
// that answers nothing is asked less from the second probe on.
func TestLookIsRemembered(t *testing.T) {
	lab := labtest.Lab(t)
	for name, test := range map[string]struct {
		accepts func(*hello.ClientHello) bool
		want    []int64
	}{
		"TLS 1.2 only":   {func(h *hello.ClientHello) bool { return !offersTLS13(h) }, []int64{9, 2, 2}},
		"few extensions": {func(h *hello.ClientHello) bool { return len(h.Extensions) <= 1 }, []int64{7, 2, 2}},
		"nothing":        {func(*hello.ClientHello) bool { return false }, []int64{10, 3, 3}},
	} {
		var calls atomic.Int64
		reject := labtest.RejectUnless(test.accepts, fatal(hello.DecodeError))
		addr := labtest.StartWrapped(t, lab, legacy.Server{}, func(ctx context.Context, c net.Conn, serve func(context.Context, net.Conn)) {
			calls.Add(1)
			reject(ctx, c, serve)
		})
		p := probetest.New(t, probetest.Module(t, lab))
		for i, want := range test.want {
			before := calls.Load()
			r := p.Probe(t.Context(), probetest.Target(t, addr))
			if got := calls.Load() - before; got != want {
				t.Errorf("%s: probe %d opened %d connections, want %d: %+v", name, i+1, got, want, r.Failure)
			}
		}
	}
}

// TestLookAtLargeChain checks that a large chain is read after the verdict, and is not asked
// for again.
func TestLookAtLargeChain(t *testing.T) {
	lab := labtest.Lab(t)
	certificate := newCertificate(t, lab)
	const most = 20 // that are read
	certificate.Certificate = append(certificate.Certificate, slices.Repeat(certificate.Certificate[1:2], most-len(certificate.Certificate))...)
	var calls atomic.Int64
	reject := labtest.RejectUnless(func(h *hello.ClientHello) bool { return !offersTLS13(h) }, fatal(hello.DecodeError))
	addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, c net.Conn) {
		calls.Add(1)
		reject(ctx, c, func(_ context.Context, c net.Conn) {
			tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*certificate}}).Handshake()
			io.Copy(io.Discard, c)
		})
	}})
	p := probetest.New(t, probetest.Module(t, lab))
	for i, want := range []int64{9, 2} {
		before := calls.Load()
		r := p.Probe(t.Context(), probetest.Target(t, addr))
		if r.Failure == nil || r.Failure.Reason != failure.ReasonTLS13Intolerant || r.Chain == nil || len(r.Chain.Certificates) != most {
			t.Errorf("probe %d: %+v, %+v", i+1, r.Failure, r.Chain)
		}
		if got := calls.Load() - before; got != want {
			t.Errorf("probe %d opened %d connections, want %d", i+1, got, want)
		}
	}
}

// TestLookFindsLater checks that a server that answered no shape is looked at again with
// the other shapes in turn.
func TestLookFindsLater(t *testing.T) {
	lab := labtest.Lab(t)
	var changed atomic.Bool
	reject := labtest.RejectUnless(func(h *hello.ClientHello) bool {
		return changed.Load() && len(h.Extensions) == 0 && h.LegacyVersion == hello.TLS10
	}, nil)
	addr := labtest.StartWrapped(t, lab, legacy.Server{}, reject)
	p := probetest.New(t, probetest.Module(t, lab))
	p.Probe(t.Context(), probetest.Target(t, addr))
	changed.Store(true)
	for i := range 10 {
		if r := p.Probe(t.Context(), probetest.Target(t, addr)); r.Chain != nil {
			if i == 0 {
				t.Error("found at once")
			}
			if name := r.Selected.ServerName; name != "" {
				t.Errorf("the hello had no extension, and the name %s", name)
			}
			return
		}
	}
	t.Error("ten probes did not find the certificate")
}

// TestWideTLS13 checks servers that accept a group or a suite of TLS 1.3 alone that
// crypto/tls does not have: their certificates are encrypted.
func TestWideTLS13(t *testing.T) {
	lab := labtest.Lab(t)
	certificate := newCertificate(t, lab)
	for name, test := range map[string]struct {
		server tls13test.Server
		says   string
	}{
		"ffdhe2048":              {tls13test.Server{Group: hello.FFDHE2048}, "the server would select TLS 1.3 with TLS_AES_128_GCM_SHA256 and ffdhe2048, which Go, Chrome and other clients do not offer; "},
		"ffdhe8192":              {tls13test.Server{Group: hello.FFDHE8192}, "ffdhe8192"},
		"x448":                   {tls13test.Server{Group: hello.X448}, "x448"},
		"brainpoolP256r1tls13":   {tls13test.Server{Group: 31}, "brainpoolP256r1tls13"},
		"CCM":                    {tls13test.Server{Group: hello.X25519, Suite: 0x1304}, "TLS_AES_128_CCM_SHA256"},
		"CCM_8":                  {tls13test.Server{Group: hello.X25519, Suite: 0x1305}, "TLS_AES_128_CCM_8_SHA256"},
		"requests a certificate": {tls13test.Server{Group: hello.X448, RequestCertificate: true}, "x448"},
		"wrong signature":        {tls13test.Server{Group: hello.X448, Signature: tls13test.FlipBit}, "(the server's CertificateVerify has an invalid signature)"},
		"wrong Finished":         {tls13test.Server{Group: hello.X448, Finished: tls13test.FlipBit}, "(the server's Finished does not match the handshake)"},
	} {
		t.Run(name, func(t *testing.T) {
			suite := hello.CipherSuite(max(test.server.Suite, tls.TLS_AES_128_GCM_SHA256))
			wrapper := labtest.RejectUnless(func(h *hello.ClientHello) bool {
				return slices.Contains(numbers(h, 10), uint16(test.server.Group)) && slices.Contains(h.CipherSuites, suite)
			}, fatal(hello.HandshakeFailure))
			addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, c net.Conn) {
				wrapper(ctx, c, func(_ context.Context, c net.Conn) { test.server.Handle(c, certificate) })
			}})
			p := probetest.New(t, probetest.Module(t, lab))
			for range 2 {
				r := p.Probe(t.Context(), probetest.Target(t, addr))
				if r.Failure == nil || r.Failure.Reason != failure.ReasonLegacyOnly || !strings.Contains(r.Failure.Err.Error(), test.says) {
					t.Errorf("failure is %+v", r.Failure)
				}
				if r.Chain == nil || len(r.Chain.Certificates) != 2 || r.Session != nil || r.Selected == nil || r.Selected.Completed || r.Selected.ClientCertificateRequested != test.server.RequestCertificate {
					t.Errorf("chain %+v, session %+v, selected %+v", r.Chain, r.Session, r.Selected)
				}
			}
		})
	}
}
