package prober_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// An endpoint that must not let the exporter in: what counts as a refusal, and what fails
// the probe.
func TestRefused(t *testing.T) {
	lab := labtest.Lab(t)
	misnamed := tlstest.RequestingCertificate(tls.VersionTLS13, tlstest.AlertAndClose)
	misnamed.Leaf = func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.test"}, nil }
	for _, test := range []struct {
		name        string
		server      tlstest.Server
		scheme      string
		expectation string
		reason      failure.Reason // of the failure; empty: none
	}{
		{"it lets the exporter in", tlstest.Server{}, "https", "not met", "rejected"},
		{"it accepts clients without a certificate", tlstest.RequestingCertificate(tls.VersionTLS13, tlstest.AcceptAndWait), "https", "not met", "rejected"},
		{"the port is closed", tlstest.Server{Refuse: true}, "https", "met", ""},
		{"an alert", tlstest.Server{Accept: labtest.Canned("\x15\x03\x03\x00\x02\x02\x31").Accept}, "https", "met", ""},
		{"a client certificate is required, TLS 1.2", tlstest.RequestingCertificate(tls.VersionTLS12, tlstest.AlertAndClose), "https", "met", ""},
		{"a client certificate is required, TLS 1.3", tlstest.RequestingCertificate(tls.VersionTLS13, tlstest.AlertAndClose), "https", "met", ""},
		{"closed without an alert", tlstest.RequestingCertificate(tls.VersionTLS13, tlstest.CloseWithoutAlert), "https", "met", ""},
		{"refused, and its chain is bad", misnamed, "https", "met", "name_mismatch"},
		{"no answer", tlstest.Server{Hang: true}, "https", "unclear", failure.ReasonTimeout},
		{"plaintext", tlstest.Server{Accept: labtest.Canned("HTTP/1.1 400 Bad Request\r\n\r\n").Accept}, "https", "unclear", failure.ReasonNotTLS},
		{"STARTTLS is not offered", tlstest.Server{StartTLS: "smtp", StartTLSFault: tlstest.StartTLSNotOffered}, "smtp", "unclear", failure.ReasonStartTLSNotOffered},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			module := probetest.Module(t, lab)
			if test.reason == failure.ReasonTimeout {
				module.Timeout = option.Duration(300 * time.Millisecond)
			}
			module.Expect.Options = &expect.Options{Refused: true}
			addr := labtest.Serve(t, lab, test.server)
			r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, test.scheme+"://"+addr))
			if reasonOf(r) != test.reason || expectation(r) != test.expectation {
				t.Errorf("failure is %+v, the expectation is %s; want %q and %s", r.Failure, expectation(r), test.reason, test.expectation)
			}
			if answered, known := r.Reachable(); !known || answered != (test.name != "the port is closed" && test.name != "no answer") {
				t.Errorf("the port answered: %v, known: %v", answered, known)
			}
		})
	}
}

// Every address of a pool has to refuse.
func TestPoolRefused(t *testing.T) {
	closed := tlstest.Server{Refuse: true}
	for _, test := range []struct {
		servers []tlstest.Server
		want    failure.Reason
	}{
		{[]tlstest.Server{closed, closed}, ""},
		{[]tlstest.Server{closed, tlstest.Server{}}, "rejected"},
	} {
		to, module := poolOf(t, test.servers...)
		to.ServerName = "localhost"
		module.Expect.Options = &expect.Options{Refused: true}
		if r := probetest.New(t, module).Probe(context.Background(), to); reasonOf(r) != test.want {
			t.Errorf("%d addresses: failure is %+v, want %q", len(test.servers), r.Failure, test.want)
		}
	}
}

// What the exporter itself lacks is no refusal.
func TestRefusedUnasked(t *testing.T) {
	module := prober.DefaultModule()
	module.SourceAddress = "192.0.2.1" // not an address of this machine
	module.Expect.Options = &expect.Options{Refused: true}
	r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "127.0.0.1:1"))
	if reasonOf(r) != failure.ReasonLocalResources || expectation(r) != "unclear" {
		t.Errorf("failure is %+v, the expectation is %s", r.Failure, expectation(r))
	}
}
