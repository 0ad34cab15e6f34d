package grade_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// Real servers, each with what it accepts, have the grade of the guide.
func TestGradesOfServers(t *testing.T) {
	lab := labtest.Lab(t)
	stranger, err := tlstest.NewRoot("Stranger")
	if err != nil {
		t.Fatal(err)
	}
	tls12 := legacy.Server{Versions: []uint16{tls.VersionTLS12}}
	with := func(change func(*legacy.Server)) legacy.Server {
		server := tls12
		change(&server)
		return server
	}
	for _, test := range []struct {
		name   string
		server any    // of one of the labs; those of tlstest accept TLS 1.2 and 1.3
		want   string // as describe writes it
	}{
		{"Go", tlstest.Server{}, "A 96 hsts_unknown"},
		{"Go, TLS 1.2 alone", tlstest.Server{Config: between(tls.VersionTLS12, tls.VersionTLS12)}, "A- 96 no_tls13"},
		{"Go, TLS 1.0", tlstest.Server{Config: between(tls.VersionTLS10, tls.VersionTLS13)}, "B 94 tls10 tls11"},
		{"SMTP", tlstest.Server{StartTLS: "smtp"}, "T 0 starttls"},
		{"expired", tlstest.Server{Leaf: func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Second) }}, "T 0 expired"},
		{"self-signed", tlstest.Server{SelfSigned: true}, "T 0 self_signed"},
		{"SHA-1", tlstest.Server{Leaf: func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }}, "T 0 weak_signature"},
		{"unknown authority", tlstest.Server{Issuer: stranger}, "T 0 untrusted"},
		{"another name", tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.test"}, nil }}, "M 0 name_mismatch"},
		{"RSA with 1024 bits", tlstest.Server{Key: func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 1024) }}, "B 90 weak_key"},
		{"no intermediate", tlstest.Server{Chain: func(leaf *x509.Certificate) []*x509.Certificate { return []*x509.Certificate{leaf} }}, "B 96 incomplete_chain"},
		{"a certificate for clients", tlstest.Server{Leaf: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }}, "T 0 untrusted"},

		{"SSL 3.0", legacy.Server{Versions: []uint16{0x0300, tls.VersionTLS12}}, "C 90 poodle sslv3 no_tls13"},
		{"SSL 2.0", with(func(s *legacy.Server) { s.Versions = []uint16{2, tls.VersionTLS12} }), "F 0 sslv2 no_tls13"},
		{"Heartbleed", with(func(s *legacy.Server) { s.Heartbeat = legacy.HeartbeatVulnerable }), "F 0 heartbleed no_tls13"},
		{"CCS injection", with(func(s *legacy.Server) { s.EarlyCCS = legacy.EarlyCCSAccepted }), "F 0 ccs_injection no_tls13"},
		{"Ticketbleed", with(func(s *legacy.Server) { s.Tickets = legacy.TicketsVulnerable }), "F 0 ticketbleed no_tls13"},
		{"compression", with(func(s *legacy.Server) { s.Deflate = true }), "C 93 compression no_tls13"},
		{"no RFC 5746", with(func(s *legacy.Server) { s.NoRenegotiationInfo = true }), "A- 93 insecure_renegotiation no_tls13"},
		{"export", with(func(s *legacy.Server) { s.Suites = []uint16{0xc02f, 0x0003} }), "F 0 export weak_cipher rc4 no_tls13"},
		{"anonymous", with(func(s *legacy.Server) { s.Suites = []uint16{0xc02f, 0x00a6} }), "F 0 anonymous no_tls13"},
		{"NULL", with(func(s *legacy.Server) { s.Suites = []uint16{0xc02f, 0x003b} }), "F 0 weak_cipher no_tls13"},
		{"DHE with 1024 bits", with(func(s *legacy.Server) { s.Suites, s.PrimeBits = []uint16{0xc02f, 0x009e}, 1024 }), "B 86 weak_key no_tls13"},
		{"DHE with 768 bits", with(func(s *legacy.Server) { s.Suites, s.PrimeBits = []uint16{0xc02f, 0x009e}, 768 }), "F 0 insecure_key no_tls13"},
		{"static RSA", with(func(s *legacy.Server) { s.Suites = []uint16{0x009c} }), "B 89 no_forward_secrecy no_tls13"},
		{"CBC", with(func(s *legacy.Server) { s.Suites = []uint16{0xc027} }), "B 89 no_aead no_tls13"},
		{"RC4 last", with(func(s *legacy.Server) { s.Suites = []uint16{0xc02f, 0xc011} }), "B 89 rc4 no_tls13"},
		{"RC4 first", with(func(s *legacy.Server) { s.Suites = []uint16{0xc011, 0xc02f} }), "C 89 rc4_preferred rc4 no_tls13"},
		{"RC4 first, the client's order", with(func(s *legacy.Server) { s.Suites, s.ClientPreference = []uint16{0xc011, 0xc02f}, true }), "B 89 rc4 no_tls13"},
		{"3DES last", with(func(s *legacy.Server) { s.Suites = []uint16{0xc02f, 0xc012} }), "A- 89 no_tls13"},
		{"3DES first", with(func(s *legacy.Server) { s.Suites = []uint16{0xc012, 0xc02f} }), "C 89 sweet32_preferred no_tls13"},
		{"reads 20 suites", with(func(s *legacy.Server) { s.MaxSuites = 20 }), "none"},
		{"no server", tlstest.Server{Refuse: true}, "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			scheme, addr := "", ""
			switch server := test.server.(type) {
			case tlstest.Server:
				if server.Config == nil {
					server.Config = between(tls.VersionTLS12, tls.VersionTLS13)
				}
				addr = labtest.Serve(t, lab, server)
				scheme = server.StartTLS
			case legacy.Server:
				var err error
				if addr, err = legacy.Start(lab, server); err != nil {
					t.Fatal(err)
				}
			}
			m := probetest.Module(t, lab)
			m.Versions.Enable()
			m.Ciphers.Enable()
			m.Vulnerabilities.Enable()
			m.Grade.Enable()
			to := probetest.Target(t, addr)
			if scheme != "" {
				to.Scheme = target.Scheme(scheme)
			}
			r := probetest.New(t, m).Probe(t.Context(), to)
			if got := describe(r); got != test.want {
				t.Errorf("got %s, want %s; checks %+v", got, test.want, r.Outcomes)
			}
		})
	}
}

func between(oldest, newest uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MinVersion, c.MaxVersion = oldest, newest }
}

// describe writes the grade, the score, and what limits the grade.
func describe(r *prober.Result) string {
	found := r.Grade.Finding
	if found == nil {
		return "none"
	}
	words := []string{string(found.Grade), fmt.Sprint(found.Score)}
	for i, l := range found.Limits {
		if i == 0 || l.Cap != "hsts_unknown" {
			words = append(words, string(l.Cap))
		}
	}
	return strings.Join(words, " ")
}
