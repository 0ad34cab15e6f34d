package renewal_test

import (
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/renewal"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/acme"
	"tls_exporter/prober/tlstest/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// example is the certificate of RFC 9773 appendix A.
const example = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`

// The identifier is that of RFC 9773 section 4.1.
func TestCertID(t *testing.T) {
	block, _ := pem.Decode([]byte(example))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := renewal.CertID(cert); id != "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE" {
		t.Errorf("%s, %v", id, err)
	}
	long := make([]byte, 65)
	long[0] = 1
	for _, test := range []struct {
		name   string
		issuer []byte
		serial *big.Int
		want   string
		reason failure.Reason // of the error; empty: none
	}{
		{"a serial number whose first bit is not set", []byte{0xff, 0xef}, big.NewInt(0x7f), "_-8.fw", ""},
		{"zero", []byte{1}, new(big.Int), "AQ.AA", ""},
		{"a serial number of 20 bytes", []byte{1}, new(big.Int).SetBytes(long[:20]), "AQ.AQAAAAAAAAAAAAAAAAAAAAAAAAA", ""},
		{"no identifier of the issuer", nil, big.NewInt(1), "", failure.ReasonRenewalNotOffered},
		{"an identifier that is too long", long, big.NewInt(1), "", failure.ReasonBadCertificate},
		{"a serial number that is too long", []byte{1}, new(big.Int).SetBytes(long), "", failure.ReasonBadCertificate},
	} {
		id, err := renewal.CertID(&x509.Certificate{AuthorityKeyId: test.issuer, SerialNumber: test.serial})
		if id != test.want || (err == nil) != (test.reason == "") || err != nil && failure.Of(err) != test.reason {
			t.Errorf("%s: %q, %v", test.name, id, err)
		}
	}
}

func TestValidate(t *testing.T) {
	var none *renewal.Options
	if err := none.Validate(); err != nil {
		t.Error(err)
	}
	if err := new(renewal.Options).Validate(); err == nil || !strings.HasPrefix(err.Error(), "needs the ACME directory of the CA") {
		t.Errorf("without a directory: %v", err)
	}
}

// start starts an ACME server.
func start(t *testing.T, lab *tlstest.Lab) *acme.Server {
	t.Helper()
	server, err := acme.Start(lab)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// proberOf is a prober whose module asks the CA with this directory.
func proberOf(t *testing.T, lab *tlstest.Lab, directory string) *prober.Prober {
	t.Helper()
	m := probetest.Module(t, lab)
	m.Renewal.Enable().ARI.Directory = option.URL(directory)
	return probetest.New(t, m)
}

const day = labtest.Day

// What a CA says about a certificate, and what becomes of every fault of its server.
func TestFind(t *testing.T) {
	lab := labtest.Lab(t)
	endpoint := labtest.Serve(t, lab, tlstest.Server{})
	now := labtest.Now.UTC()
	window := func(start, end time.Duration) acme.Info { return acme.Info{Start: now.Add(start), End: now.Add(end)} }
	page := func(p acme.Page) acme.Info { return acme.Info{Page: &p} }
	content := func(s string) acme.Info { return page(acme.Page{Content: s}) }
	explained := func(url string) acme.Info { i := window(-2*day, -day); i.Explanation = url; return i }
	type want struct {
		overdue     bool
		explanation string
		reason      failure.Reason // of the failure; empty: there is a finding
		says        string         // part of its message
	}
	for _, test := range []struct {
		name string
		info acme.Info
		want want
	}{
		{"a window that is to come", window(day, 3*day), want{}},
		{"an open window", window(-day, day), want{}},
		{"a window that is over", window(-2*day, -day), want{overdue: true}},
		{"an explanation", explained("https://ca.test/incident?id=1"), want{overdue: true, explanation: "https://ca.test/incident?id=1"}},
		{"an explanation that is a script", explained("javascript:alert(1)"), want{overdue: true}},
		{"an explanation with credentials", explained("https://me@ca.test/"), want{overdue: true}},
		{"an explanation with control characters", explained("https://ca.test/\u202e"), want{overdue: true}},
		{"an explanation that is too long", explained("https://ca.test/" + strings.Repeat("x", 1024)), want{overdue: true}},
		{"dates with an offset and fractions", content(`{"suggestedWindow": {"start": "2020-01-02T04:00:00.5+02:00", "end": "2020-01-03T00:00:00Z"}}`), want{overdue: true}},

		{"a window that ends before it starts", window(day, -day), want{reason: failure.ReasonBadContent, says: "does not end after its start"}},
		{"an empty window", window(day, day), want{reason: failure.ReasonBadContent, says: "does not end after its start"}},
		{"no window", content(`{"explanationURL": "https://ca.test"}`), want{reason: failure.ReasonBadContent, says: "no suggestedWindow"}},
		{"no end", content(`{"suggestedWindow": {"start": "2020-01-02T04:00:00Z"}}`), want{reason: failure.ReasonBadContent, says: "no suggestedWindow"}},
		{"a date that is none", content(`{"suggestedWindow": {"start": "tomorrow", "end": "2020-01-03T00:00:00Z"}}`), want{reason: failure.ReasonBadContent, says: "not a RenewalInfo object"}},
		{"a list", content(`[]`), want{reason: failure.ReasonBadContent, says: "not a RenewalInfo object"}},
		{"two objects", content(`{}{}`), want{reason: failure.ReasonBadContent, says: "not a RenewalInfo object"}},
		{"HTML", page(acme.Page{Type: "text/html", Content: "<html>"}), want{reason: failure.ReasonBadContent, says: "not a RenewalInfo object"}},
		{"nothing", content(""), want{reason: failure.ReasonBadContent, says: "not a RenewalInfo object"}},
		{"far too much", content(strings.Repeat(" ", 20<<10)), want{reason: failure.ReasonTooLarge}},
		{"a certificate of another CA", page(acme.Problem(404, "urn:ietf:params:acme:error:malformed", "Certificate not found")),
			want{reason: failure.ReasonRenewalCertificateUnknown, says: `404 Not Found: "Certificate not found"`}},
		{"404 without a problem document", page(acme.Page{Status: 404, Type: "text/plain", Content: "no"}), want{reason: failure.ReasonRenewalCertificateUnknown, says: "another CA may have issued it"}},
		{"too many requests", page(acme.Page{Status: 429, Type: "application/problem+json", Content: `{"title": "slow down"}`, Retry: "120"}), want{reason: failure.ReasonHTTPStatus, says: `429 Too Many Requests: "slow down"`}},
		{"a server that fails", page(acme.Page{Status: 500}), want{reason: failure.ReasonHTTPStatus, says: "500 Internal Server Error"}},
		{"a redirect in a circle", page(acme.Page{Status: 302, Location: "again"}), want{reason: failure.ReasonHTTPProtocol, says: "redirects"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, lab)
			server.Set(acme.Any, test.info)
			r := proberOf(t, lab, server.Directory()).Probe(t.Context(), probetest.Target(t, endpoint))
			found, outcome := r.Renewal.Finding, r.Outcomes[0]
			if test.want.reason != "" {
				if f := outcome.Failure; found != nil || f == nil || f.Reason != test.want.reason || !strings.Contains(f.Error(), test.want.says) {
					t.Fatalf("finding %+v, failure %+v; want %s, %q", found, f, test.want.reason, test.want.says)
				}
				return
			}
			if outcome.Failure != nil || found == nil {
				t.Fatalf("finding %+v, failure %+v", found, outcome.Failure)
			}
			if found.Overdue != test.want.overdue || found.Explanation != test.want.explanation || found.Asked.Before(now) {
				t.Errorf("finding %+v", found)
			}
			if test.info.Page == nil && (!found.Start.Equal(test.info.Start) || !found.End.Equal(test.info.End)) {
				t.Errorf("the window is %s to %s, want %s to %s", found.Start, found.End, test.info.Start, test.info.End)
			}
			if !r.Success() {
				t.Errorf("the probe failed: %v", r.Failure)
			}
		})
	}
}

// The directory is where the CA is asked.
func TestDirectory(t *testing.T) {
	lab := labtest.Lab(t)
	endpoint := labtest.Serve(t, lab, tlstest.Server{})
	for _, test := range []struct {
		name   string
		page   acme.Page
		reason failure.Reason
		says   string
	}{
		{"a CA without renewal information", acme.Page{Content: `{"newNonce": "https://ca.test/nonce", "newOrder": "https://ca.test/order"}`}, failure.ReasonRenewalNotOffered, "no renewalInfo"},
		{"JSON that is no directory", acme.Page{Content: `{}`}, failure.ReasonBadContent, "no newNonce"},
		{"HTML", acme.Page{Type: "text/html", Content: "<html>"}, failure.ReasonBadContent, "not a directory of an ACME server"},
		{"a URL of another scheme", acme.Page{Content: `{"renewalInfo": "file:///etc/passwd"}`}, failure.ReasonBadURL, "only http:// and https:// are followed"},
		{"a URL with credentials", acme.Page{Content: `{"renewalInfo": "https://me:secret@ca.test/"}`}, failure.ReasonBadURL, "credentials"},
		{"not there", acme.Page{Status: 404}, failure.ReasonHTTPStatus, "404 Not Found"},
		{"far too much", acme.Page{Content: strings.Repeat(" ", 100<<10)}, failure.ReasonTooLarge, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, lab)
			server.SetDirectory(test.page)
			r := proberOf(t, lab, server.Directory()).Probe(t.Context(), probetest.Target(t, endpoint))
			if f := r.Outcomes[0].Failure; f == nil || f.Reason != test.reason || !strings.Contains(f.Error(), test.says) {
				t.Errorf("failure is %+v, want %s, %q", f, test.reason, test.says)
			}
			if _, asked := server.Requests(); asked != 0 {
				t.Error("renewal information was asked for")
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		closed := labtest.Serve(t, lab, tlstest.Server{Refuse: true})
		r := proberOf(t, lab, "http://"+closed+"/directory").Probe(t.Context(), probetest.Target(t, endpoint))
		if f := r.Outcomes[0].Failure; f == nil || f.Reason != failure.ReasonRefused || !r.Success() {
			t.Errorf("failure is %+v, that of the probe %v", f, r.Failure)
		}
	})
}

// The directory of an internal CA is trusted by ca_file, as the endpoints are. One of https
// does not lead to http.
func TestHTTPS(t *testing.T) {
	lab := labtest.Lab(t)
	endpoint := labtest.Serve(t, lab, tlstest.Server{})
	server, err := acme.StartTLS(lab)
	if err != nil {
		t.Fatal(err)
	}
	server.Set(acme.Any, acme.Info{Start: labtest.Now, End: labtest.Now.Add(day)})
	if r := proberOf(t, lab, server.Directory()).Probe(t.Context(), probetest.Target(t, endpoint)); r.Renewal.Finding == nil {
		t.Errorf("checks are %+v", r.Outcomes)
	}
	other := proberOf(t, labtest.Lab(t), server.Directory()) // it trusts neither the endpoint nor the directory
	if r := other.Probe(t.Context(), probetest.Target(t, endpoint)); r.Outcomes[0].Failure.Reason != "unknown_authority" {
		t.Errorf("failure is %+v", r.Outcomes[0].Failure)
	}
	server.SetDirectory(acme.Page{Content: `{"renewalInfo": "http://ca.test/"}`})
	if r := proberOf(t, lab, server.Directory()).Probe(t.Context(), probetest.Target(t, endpoint)); r.Outcomes[0].Failure == nil || r.Outcomes[0].Failure.Reason != failure.ReasonBadURL {
		t.Errorf("from https to http: checks are %+v", r.Outcomes)
	}
}

// What was asked is kept, for all targets of the CA: one directory, and one answer for each
// certificate.
func TestKept(t *testing.T) {
	lab := labtest.Lab(t)
	server := start(t, lab)
	server.Set(acme.Any, acme.Info{Start: labtest.Now, End: labtest.Now.Add(day)})
	p := proberOf(t, lab, server.Directory())
	endpoints := []string{labtest.Serve(t, lab, tlstest.Server{}), labtest.Serve(t, lab, tlstest.Server{})}
	for range 3 {
		for _, endpoint := range endpoints {
			if r := p.Probe(t.Context(), probetest.Target(t, endpoint)); r.Renewal.Finding == nil {
				t.Fatalf("checks are %+v", r.Outcomes)
			}
		}
	}
	if directory, renewal := server.Requests(); directory != 1 || renewal != 2 {
		t.Errorf("%d requests for the directory, and %d for renewal information", directory, renewal)
	}
}

// A server without a trusted chain causes no request: anybody can make certificates.
func TestNotAsked(t *testing.T) {
	lab := labtest.Lab(t)
	server := start(t, lab)
	server.Set(acme.Any, acme.Info{Start: labtest.Now, End: labtest.Now.Add(day)})
	p := proberOf(t, lab, server.Directory())
	for _, test := range []struct {
		name   string
		server tlstest.Server
		reason failure.Reason
	}{
		{"a certificate of its own", tlstest.Server{SelfSigned: true}, "self_signed"},
		{"no server", tlstest.Server{Refuse: true}, failure.ReasonRefused},
		{"no TLS", labtest.Canned("HTTP/1.1 400 Bad Request\r\n\r\n"), failure.ReasonNotTLS},
	} {
		r := p.Probe(t.Context(), probetest.Target(t, labtest.Serve(t, lab, test.server)))
		if f := r.Outcomes[0].Failure; f == nil || f.Reason != test.reason {
			t.Errorf("%s: failure is %+v", test.name, f)
		}
	}
	if directory, renewal := server.Requests(); directory != 0 || renewal != 0 {
		t.Errorf("%d requests for the directory, and %d for renewal information", directory, renewal)
	}
}

// An endpoint with another chain fault is asked about: its certificate is of the CA.
func TestExpired(t *testing.T) {
	lab := labtest.Lab(t)
	server := start(t, lab)
	server.Set(acme.Any, acme.Info{Start: labtest.Now.Add(-3 * day), End: labtest.Now.Add(-2 * day)})
	expired := labtest.Serve(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) { c.NotBefore, c.NotAfter = labtest.Now.Add(-9*day), labtest.Now.Add(-day) }})
	r := proberOf(t, lab, server.Directory()).Probe(t.Context(), probetest.Target(t, expired))
	if r.Renewal.Finding == nil || !r.Renewal.Finding.Overdue || r.Failure == nil || r.Failure.Reason != "expired" {
		t.Errorf("finding %+v, checks %+v, failure %v", r.Renewal.Finding, r.Outcomes, r.Failure)
	}
}
