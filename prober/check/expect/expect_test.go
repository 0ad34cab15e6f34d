package expect

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// key is a pin: 32 times the same byte.
func key(digits string) option.Pin { return option.Pin(strings.Repeat(digits, 32)) }

// cert is what is shown of a certificate with that key.
func cert(digits string, change func(*x509.Certificate)) *chain.Certificate {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: "leaf"}, Issuer: pkix.Name{CommonName: "Issuing CA", Organization: []string{"Example Trust"}},
		NotBefore: now.Add(-60 * day), NotAfter: now.Add(30 * day), DNSNames: []string{"example.com", "*.example.com", "*.b.example"},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")},
	}
	if change != nil {
		change(c)
	}
	shown := certificate.Describe(c)
	shown.SPKISHA256, shown.KeyAlgorithm, shown.KeyBits, shown.Curve = string(key(digits)), "ECDSA", 256, "P-256"
	return shown
}

// facts are about a chain of a leaf 1a, an intermediate 2b and a root 3c. The server also
// sends a certificate 4d that is not in its trusted path.
func facts(change func(*Facts)) *Facts {
	path := []*chain.Certificate{cert("1a", nil), cert("2b", nil), cert("3c", nil)}
	f := &Facts{
		Session: &handshake.Session{Completed: true, Version: tls.VersionTLS13, Group: tls.X25519, ALPN: "h2", WithoutCertificate: handshake.Accepted},
		Chain: &chain.Chain{
			At: now, Valid: true, Certificates: []*chain.Certificate{path[0], path[1], cert("4d", nil)}, Path: path, NotAfter: now.Add(20 * day),
		},
	}
	if change != nil {
		change(f)
	}
	return f
}

func failed(phase failure.Phase, reason failure.Reason) *failure.Failure {
	return &failure.Failure{Phase: phase, Reason: reason, Err: errors.New("failed")}
}

// refusal are the facts of a probe without a handshake.
func refusal(phase failure.Phase, reason failure.Reason) *Facts {
	return &Facts{Failure: failed(phase, reason)}
}

func TestJudge(t *testing.T) {
	untrusted := facts(func(f *Facts) { f.Chain.Valid, f.Chain.Path = false, nil })
	selfSigned := facts(func(f *Facts) {
		root := cert("1a", func(c *x509.Certificate) { c.RawSubject, c.RawIssuer = []byte("x"), []byte("x") })
		f.Chain.Certificates, f.Chain.Path = []*chain.Certificate{root}, []*chain.Certificate{root}
	})
	directlyTrusted := facts(func(f *Facts) { f.Chain.Path = f.Chain.Path[:1] })
	leafOf := func(change func(*chain.Certificate)) *Facts {
		return facts(func(f *Facts) { change(f.Chain.Certificates[0]) })
	}
	let := facts(nil)
	let.Session.ClientCertificateRequested, let.Session.WithoutCertificate = true, handshake.NotKnown
	nothing := &Facts{}
	for _, test := range []struct {
		name    string
		options Options
		facts   *Facts
		want    string
	}{
		{"a pin of the leaf", Options{Pins: []option.Pin{key("00"), key("1a")}}, facts(nil), "pin met " + pinned("1a")},
		{"a pin of the root, which is not sent", Options{Pins: []option.Pin{key("3c")}}, facts(nil), "pin met " + pinned("3c")},
		{"a pin of a certificate that anybody can send", Options{Pins: []option.Pin{key("4d")}}, facts(nil), "pin unmet " + pinned("1a")},
		{"the same in a chain that is not trusted", Options{Pins: []option.Pin{key("4d")}}, untrusted, "pin met " + pinned("4d")},
		{"another pin", Options{Pins: []option.Pin{key("00")}}, facts(nil), "pin unmet " + pinned("1a")},
		{"a backup in reserve", Options{Pins: []option.Pin{key("2b")}, BackupPins: []option.Pin{key("00")}}, facts(nil), "pin met " + pinned("2b") + "; backup_pin met " + pinned("1a")},
		{"a backup in use", Options{Pins: []option.Pin{key("00")}, BackupPins: []option.Pin{key("1a")}}, facts(nil), "pin met " + pinned("1a") + "; backup_pin unmet " + pinned("1a")},

		{"the issuer", Options{Issuer: "Issuing CA"}, facts(nil), "issuer met Issuing CA"},
		{"another issuer", Options{Issuer: "Issuing CB"}, facts(nil), "issuer unmet Issuing CA"},
		{"the organization", Options{IssuerOrganization: "Example Trust"}, facts(nil), "issuer_organization met Example Trust"},
		{"another organization", Options{IssuerOrganization: "Example"}, facts(nil), "issuer_organization unmet Example Trust"},
		{"an issuer without one", Options{IssuerOrganization: "Example"}, leafOf(func(c *chain.Certificate) { c.IssuerOrganization = "" }), "issuer_organization unmet "},
		{"the key of the issuer", Options{IssuerSPKI: []option.Pin{key("00"), key("2b")}}, facts(nil), "issuer_spki met " + pinned("2b")},
		{"the key of the root", Options{IssuerSPKI: []option.Pin{key("3c")}}, facts(nil), "issuer_spki unmet " + pinned("2b")},
		{"the key of a certificate that is sent", Options{IssuerSPKI: []option.Pin{key("4d")}}, facts(nil), "issuer_spki unmet " + pinned("2b")},
		{"a self-signed leaf in ca_file", Options{IssuerSPKI: []option.Pin{key("1a")}}, selfSigned, "issuer_spki met " + pinned("1a")},
		{"a leaf in ca_file", Options{IssuerSPKI: []option.Pin{key("2b")}}, directlyTrusted, ""},
		{"a chain that is not trusted", Options{IssuerSPKI: []option.Pin{key("2b")}}, untrusted, ""},

		{"names", Options{Names: []Name{"example.com", "www.example.com", "192.0.2.1", "2001:db8::1"}}, facts(nil), "names met *.b.example,*.example.com,example.com"},
		{"a listed wildcard", Options{Names: []Name{"*.b.example"}}, facts(nil), "names met *.b.example,*.example.com,example.com"},
		{"a name below the wildcard", Options{Names: []Name{"a.www.example.com"}}, facts(nil), "names unmet *.b.example,*.example.com,example.com, without a.www.example.com"},
		{"the base of a wildcard", Options{Names: []Name{"b.example"}}, facts(nil), "names unmet *.b.example,*.example.com,example.com, without b.example"},
		{"a wildcard that is not listed", Options{Names: []Name{"example.com", "*.www.example.com", "192.0.2.2"}}, facts(nil),
			"names unmet *.b.example,*.example.com,example.com, without *.www.example.com, 192.0.2.2"},
		{"a certificate without names", Options{Names: []Name{"example.com"}}, leafOf(func(c *chain.Certificate) { c.Names, c.DNSNames = certificate.Names{}, "" }), "names unmet no DNS name, without example.com"},
		{"names that are left out", Options{Names: []Name{"example.org"}}, leafOf(func(c *chain.Certificate) { c.Names.More = 1 }), ""},
		{"a name that is not left out", Options{Names: []Name{"example.com"}}, leafOf(func(c *chain.Certificate) { c.Names.More = 1 }), "names met *.b.example,*.example.com,example.com"},

		{"a key of the curve", Options{KeyType: []option.KeyType{"RSA", "ECDSA P-256"}}, facts(nil), "key_type met ECDSA P-256"},
		{"any key of the algorithm", Options{KeyType: []option.KeyType{"ECDSA"}}, facts(nil), "key_type met ECDSA P-256"},
		{"another curve", Options{KeyType: []option.KeyType{"ECDSA P-384", "RSA"}}, facts(nil), "key_type unmet ECDSA P-256"},
		{"RSA", Options{KeyType: []option.KeyType{"RSA 2048"}}, leafOf(func(c *chain.Certificate) { c.KeyAlgorithm, c.KeyBits, c.Curve = "RSA", 2048, "" }), "key_type met RSA 2048"},
		{"Ed25519", Options{KeyType: []option.KeyType{"Ed25519"}}, leafOf(func(c *chain.Certificate) { c.KeyAlgorithm, c.KeyBits, c.Curve = "Ed25519", 256, "" }), "key_type met Ed25519"},

		{"days that the chain has", Options{MinDays: 20}, facts(nil), "min_days met 20.0 days"},
		{"days that only the leaf has", Options{MinDays: 25}, facts(nil), "min_days unmet 20.0 days"},
		{"days of an expired path", Options{MinDays: 1}, facts(func(f *Facts) { f.Chain.NotAfter = now.Add(-day) }), "min_days unmet -1.0 days"},
		{"days of a chain that is not trusted", Options{MinDays: 1}, untrusted, ""},
		{"a share of the lifetime", Options{MinLifetimeRatio: 0.3}, facts(nil), "min_lifetime_ratio met 0.33"},
		{"less than a share of it", Options{MinLifetimeRatio: 0.34}, facts(nil), "min_lifetime_ratio unmet 0.33"},
		{"a leaf without dates", Options{MinLifetimeRatio: 0.34}, leafOf(func(c *chain.Certificate) { c.Undated = true }), ""},

		{"let in", Options{Refused: true}, facts(nil), "rejected unmet a completed handshake"},
		{"let in with a chain that is not valid", Options{Refused: true}, facts(func(f *Facts) { f.Failure = failed(failure.PhaseVerify, "expired") }), "rejected unmet a completed handshake"},
		{"let in with a client certificate", Options{Refused: true}, let, "rejected unmet a completed handshake"},
		{"the port is closed", Options{Refused: true}, refusal(failure.PhaseConnect, failure.ReasonRefused), "rejected met refused"},
		{"the connection is reset", Options{Refused: true}, refusal(failure.PhaseServerHello, failure.ReasonReset), "rejected met reset"},
		{"closed instead of a ServerHello", Options{Refused: true}, refusal(failure.PhaseServerHello, failure.ReasonClosed), "rejected met closed"},
		{"closed before STARTTLS", Options{Refused: true}, refusal(failure.PhaseStartTLS, failure.ReasonClosed), "rejected met closed"},
		{"an alert", Options{Refused: true}, refusal(failure.PhaseServerHello, "alert_access_denied"), "rejected met alert_access_denied"},
		{"a client certificate is refused", Options{Refused: true}, refusal(failure.PhaseKeyExchange, failure.ReasonClientCertificateRefused), "rejected met client_certificate_refused"},
		{"closed later", Options{Refused: true}, refusal(failure.PhaseKeyExchange, failure.ReasonClosed), "fails"},
		{"no answer", Options{Refused: true}, refusal(failure.PhaseConnect, failure.ReasonTimeout), "fails"},
		{"no answer to a ClientHello", Options{Refused: true}, refusal(failure.PhaseServerHello, failure.ReasonTimeout), "fails"},
		{"no route", Options{Refused: true}, refusal(failure.PhaseConnect, failure.ReasonUnreachable), "fails"},
		{"the name does not exist", Options{Refused: true}, refusal(failure.PhaseResolve, failure.ReasonNXDOMAIN), "fails"},
		{"DNS fails", Options{Refused: true}, refusal(failure.PhaseResolve, failure.ReasonDNSFailure), "fails"},
		{"no descriptor", Options{Refused: true}, refusal(failure.PhaseConnect, failure.ReasonLocalResources), "fails"},
		{"denied by the policy", Options{Refused: true}, refusal(failure.PhaseConnect, failure.ReasonDenied), "fails"},
		{"the proxy refuses", Options{Refused: true}, refusal(failure.PhaseProxy, failure.ReasonRefused), "fails"},
		{"plaintext", Options{Refused: true}, refusal(failure.PhaseServerHello, failure.ReasonNotTLS), "fails"},
		{"STARTTLS is not offered", Options{Refused: true}, refusal(failure.PhaseStartTLS, failure.ReasonStartTLSNotOffered), "fails"},
		{"other clients are let in", Options{Refused: true}, refusal(failure.PhaseServerHello, failure.ReasonLegacyOnly), "fails"},

		{"nothing is expected", Options{}, facts(nil), ""},
		{"nothing is known", Options{Refused: true, Pins: []option.Pin{key("1a")}, BackupPins: []option.Pin{key("1a")}, Issuer: "x", IssuerOrganization: "x",
			IssuerSPKI: []option.Pin{key("1a")}, Names: []Name{"x"}, KeyType: []option.KeyType{"RSA"}, MinDays: 1, MinLifetimeRatio: 0.5, same: "x",
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, ALPN: []option.Protocol{"h2"}, Group: []option.Group{"x25519"},
			ClientCertificateRequired: true, Alert: "access_denied"}, nothing, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := test.options.Judge(test.facts)
			if got := written(found, err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func pinned(digits string) string { return "sha256/" + string(key(digits)) }

func written(found *Finding, err error) string {
	if err != nil {
		return "fails"
	}
	var all []string
	for _, e := range found.Expectations {
		met := "unmet"
		if e.Met {
			met = "met"
		}
		all = append(all, fmt.Sprintf("%s %s %s", e.Name, met, e.Saw))
	}
	return strings.Join(all, "; ")
}

// A name that is not among those that are shown of a leaf is found in the leaf itself.
func TestNamesBeyondThoseShown(t *testing.T) {
	der := leafWithNames(t, 1000)
	leaf := certificate.ParseChain([][]byte{der}, nil)[0]
	if leaf.Names.More == 0 {
		t.Fatal("all names are shown")
	}
	f := &Facts{Chain: &chain.Chain{At: now, Certificates: []*chain.Certificate{leaf.Certificate}, DER: [][]byte{der}}}
	for name, want := range map[Name]bool{"n0999.example.com": true, "n1000.example.com": false} {
		found, err := (&Options{Names: []Name{name}}).Judge(f)
		if err != nil || len(found.Expectations) != 1 || found.Expectations[0].Met != want {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

func TestName(t *testing.T) {
	for written, want := range map[string]Name{
		"example.com": "example.com", "Example.COM.": "example.com", "bücher.example": "xn--bcher-kva.example", "*.Bücher.example": "*.xn--bcher-kva.example",
		"192.0.2.1": "192.0.2.1", "2001:DB8::1": "2001:db8::1", "::ffff:192.0.2.1": "192.0.2.1",
		"": "", "*": "", "*.": "", "a*.example.com": "", "www.*.example.com": "", "*.192.0.2.1": "", "https://example.com": "",
	} {
		var n Name
		err := n.UnmarshalText([]byte(written))
		if (err != nil) != (want == "") || err == nil && n != want {
			t.Errorf("%q is %q, %v; want %q", written, n, err, want)
		}
	}
}

// Only a rejection that is expected makes a failed handshake a success.
func TestRejection(t *testing.T) {
	var rejections []string
	for _, name := range Names {
		if (Expectation{Name: name}).Rejection() {
			t.Errorf("%s is a rejection although it is not met", name)
		}
		if (Expectation{Name: name, Met: true}).Rejection() {
			rejections = append(rejections, name)
		}
	}
	if want := []string{"rejected", "client_certificate_required", "alert"}; !slices.Equal(rejections, want) {
		t.Errorf("rejections are %v", rejections)
	}
}
