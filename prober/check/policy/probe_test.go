package policy_test

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober/check"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// The probe of a real server ends with a verdict.
func TestPolicyProbe(t *testing.T) {
	lab := labtest.Lab(t)
	strict := func(c *tls.Config) {
		c.MinVersion, c.CurvePreferences = tls.VersionTLS13, []tls.CurveID{tls.X25519, tls.X25519MLKEM768}
	}
	for _, test := range []struct {
		name   string
		server tlstest.Server
		want   string
	}{
		{"modern", tlstest.Server{Config: strict}, "ok ok ok ok"},
		{"a certificate with a long validity period", tlstest.Server{Config: strict, Leaf: func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 0, 100) }},
			"certificate_lifespan ok ok ok"},
		{"all of crypto/tls", tlstest.Server{Config: func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }},
			"protocols+ciphers protocols+ciphers ok protocols"},
		{"no server", tlstest.Server{Refuse: true}, "? ? ? ?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := probetest.Module(t, lab)
			m.Versions.Options, m.Ciphers.Options, m.Policy.Options = new(versions.Options), new(ciphers.Options), new(policy.Options)
			r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, labtest.Serve(t, lab, test.server)))
			if r.Policy.Finding == nil {
				r.Policy.Finding = new(policy.Finding)
			}
			if got := verdictsOf(r.Policy.Finding); got != test.want {
				t.Errorf("got %s, want %s; groups %v, checks %+v", got, test.want, r.Ciphers.Finding, r.Outcomes)
			}
			if test.server.Refuse && !slices.ContainsFunc(r.Outcomes, func(c check.Outcome) bool {
				return c.Name == "policy" && c.Failure != nil && c.Failure.Reason == failure.ReasonRefused
			}) {
				t.Errorf("checks are %+v", r.Outcomes)
			}
		})
	}
}

// What a server accepts only if groups of RFC 7919 are listed, or reads only in short lists,
// violates a policy like anything else; so does a prime that it sends only if none is.
func TestPolicyOfOddServers(t *testing.T) {
	lab := labtest.Lab(t)
	const good, dhe, anonymous = 0xc02f, 0x009e, 0x00a6
	tls12 := []uint16{tls.VersionTLS12}
	for _, test := range []struct {
		name   string
		server legacy.Server
		want   string // of PCI DSS
	}{
		{"strong suites", legacy.Server{Versions: tls12, Suites: []uint16{good, dhe}}, "ok"},
		{"anonymous, requires the groups", legacy.Server{Versions: tls12, Suites: []uint16{good, anonymous}, FiniteGroups: legacy.FiniteGroupsRequired}, "ciphers"},
		{"a short prime without the groups", legacy.Server{Versions: tls12, Suites: []uint16{good, dhe}, FiniteGroups: legacy.FiniteGroupsFollowed, PrimeBits: 1024}, "dh_param_size"},
		{"a short prime and none of the groups", legacy.Server{Versions: tls12, Suites: []uint16{good, dhe}, FiniteGroups: legacy.FiniteGroupsUnknown, PrimeBits: 1024}, "dh_param_size"},
		{"NULL, reads 150 suites", legacy.Server{Versions: tls12, Suites: []uint16{good, 0x003b}, MaxSuites: 150}, "ciphers"},
		{"reads 20 suites", legacy.Server{Versions: tls12, Suites: []uint16{good}, MaxSuites: 20}, "?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr, err := legacy.Start(lab, test.server)
			if err != nil {
				t.Fatal(err)
			}
			m := probetest.Module(t, lab)
			m.Versions.Options, m.Ciphers.Options, m.Policy.Options = new(versions.Options), new(ciphers.Options), new(policy.Options)
			r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
			if r.Policy.Finding == nil {
				r.Policy.Finding = new(policy.Finding)
			}
			if verdicts := verdictsOf(r.Policy.Finding); !strings.HasSuffix(verdicts, " "+test.want) {
				t.Errorf("got %s, want %s for PCI DSS; checks %+v", verdicts, test.want, r.Outcomes)
			}
		})
	}
}

// verdictsOf writes a finding as modern, intermediate, old and PCI: ok, the rules
// that fail, or ? for a policy that is absent.
func verdictsOf(c *policy.Finding) string {
	words := make([]string, len(policy.Names))
	for i, name := range policy.Names {
		words[i] = "?"
		for _, v := range c.Verdicts {
			if v.Policy == name && v.Compliant {
				words[i] = "ok"
			} else if v.Policy == name {
				words[i] = strings.Join(v.Violations, "+")
			}
		}
	}
	return strings.Join(words, " ")
}
