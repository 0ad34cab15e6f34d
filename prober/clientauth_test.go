package prober_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
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

// TestClientCertificateRequired checks that a server that requires a client certificate
// is told from one that accepts clients without, in each of 40 probes, however it ends
// the connection; and that nothing is told if it cannot be known.
func TestClientCertificateRequired(t *testing.T) {
	const probes, atOnce = 40, 4
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	plain := probetest.New(t, module)
	module.Expect.Options = &expect.Options{ClientCertificateRequired: true}
	expecting := probetest.New(t, module)
	const unclear = "unclear"
	const none = failure.Reason("none") // TLS 1.3 has no close_notify in the clear
	for _, test := range []struct {
		name         string
		then         tlstest.WithoutCertificate
		tls12, tls13 failure.Reason // of the failure without the expectation; empty: none
		met12, met13 string         // of the expectation
	}{
		{"alert, then close", tlstest.AlertAndClose, "alert_handshake_failure", "alert_certificate_required", "met", "met"},
		{"alert, then reset", tlstest.AlertAndReset, "alert_handshake_failure", "alert_certificate_required", "met", "met"},
		{"close without alert", tlstest.CloseWithoutAlert, failure.ReasonClientCertificateRefused, failure.ReasonClientCertificateRefused, "met", "met"},
		{"reset without alert", tlstest.ResetWithoutAlert, failure.ReasonClientCertificateRefused, failure.ReasonClientCertificateRefused, "met", "met"},
		{"close_notify, then close", tlstest.CloseNotifyAndClose, failure.ReasonClientCertificateRefused, none, "met", ""},
		{"accepted, the server waits", tlstest.AcceptAndWait, "", "", "not met", "not met"},
		{"accepted, the server closes without close_notify", tlstest.AcceptAndDrop, "", "", "not met", unclear},
		{"accepted, the server speaks first", tlstest.AcceptAndGreet, "", "", "not met", "not met"},
		{"accepted, the server ends the connection at once", tlstest.AcceptAndEnd, "", "", "not met", unclear},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if version == tls.VersionTLS13 && test.tls13 == none {
				continue
			}
			t.Run(fmt.Sprintf("%s, %s", test.name, tls.VersionName(version)), func(t *testing.T) {
				if !test.then.Refuses() {
					t.Parallel() // the probes wait
				}
				want, met := test.tls12, test.met12
				if version == tls.VersionTLS13 {
					want, met = test.tls13, test.met13
				}
				addr := labtest.Serve(t, lab, tlstest.RequestingCertificate(version, test.then))
				outcomes := make(chan string, 2*probes)
				var running sync.WaitGroup
				for range atOnce {
					running.Go(func() {
						for range probes / atOnce {
							r := plain.Probe(context.Background(), probetest.Target(t, addr))
							outcomes <- fmt.Sprintf("%q, requested: %v, with a chain: %v", reasonOf(r), r.Session != nil && r.Session.ClientCertificateRequested, r.Chain != nil)
							r = expecting.Probe(context.Background(), probetest.Target(t, addr))
							outcomes <- fmt.Sprintf("%s, success: %v", expectation(r), r.Success())
						}
					})
				}
				running.Wait()
				close(outcomes)
				count := make(map[string]int)
				for outcome := range outcomes {
					count[outcome]++
				}
				first, second := fmt.Sprintf("%q, requested: true, with a chain: true", want), fmt.Sprintf("%s, success: %v", met, met != "not met")
				if count[first] != probes || count[second] != probes {
					t.Errorf("%d probes ended as %v", probes, count)
				}
			})
		}
	}
}

// A server that refuses a client and says nothing, in order to delay attackers, cannot be
// told from one that is slow.
func TestClientCertificateUnclear(t *testing.T) {
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	module.Timeout = option.Duration(time.Second)
	module.Expect.Options = &expect.Options{ClientCertificateRequired: true}
	p := probetest.New(t, module)
	for version, want := range map[uint16]failure.Reason{tls.VersionTLS12: failure.ReasonTimeout, tls.VersionTLS13: ""} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			addr := labtest.Serve(t, lab, tlstest.RequestingCertificate(version, tlstest.HoldWithoutAlert))
			r := p.Probe(context.Background(), probetest.Target(t, addr))
			if reasonOf(r) != want || expectation(r) != "unclear" {
				t.Errorf("failure %+v, the expectation is %s", r.Failure, expectation(r))
			}
		})
	}
}

// A probe with a certificate does not tell what the server does without one.
func TestClientCertificateSent(t *testing.T) {
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	module.ClientCertificate = clientCertificate(t, lab)
	module.Expect.Options = &expect.Options{ClientCertificateRequired: true}
	p := probetest.New(t, module)
	for name, test := range map[string]struct {
		server tlstest.Server
		want   string
	}{
		"required":      {tlstest.RequestingCertificate(tls.VersionTLS12, tlstest.AlertAndClose), "unclear"},
		"optional":      {tlstest.RequestingCertificate(tls.VersionTLS13, tlstest.AcceptAndWait), "unclear"},
		"not requested": {tlstest.Server{}, "not met"},
	} {
		if r := p.Probe(context.Background(), probetest.Target(t, labtest.Serve(t, lab, test.server))); expectation(r) != test.want {
			t.Errorf("%s: the expectation is %s, want %s: %+v", name, expectation(r), test.want, r.Failure)
		}
	}
}

// reasonOf is the reason of a failed probe; empty: it succeeded.
func reasonOf(r *prober.Result) failure.Reason {
	if r.Failure == nil {
		return ""
	}
	return r.Failure.Reason
}

// expectation tells whether the only expectation of a module is met.
func expectation(r *prober.Result) string {
	switch found := r.Expect.Finding; {
	case found == nil || len(found.Expectations) == 0:
		return "unclear"
	case found.Expectations[0].Met:
		return "met"
	}
	return "not met"
}
