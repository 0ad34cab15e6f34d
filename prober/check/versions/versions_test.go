package versions_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// answersOf writes a finding as a list of versions: + accepted, - refused.
func answersOf(v *versions.Finding) string {
	var words []string
	for _, a := range v.Answers {
		sign := "-"
		if a.Accepted {
			sign = "+"
		}
		words = append(words, sign+strings.TrimPrefix(a.Version.String(), "TLS "))
	}
	return strings.Join(words, " ")
}

func TestVersions(t *testing.T) {
	lab := labtest.Lab(t)
	for _, test := range []struct {
		name     string
		min, max uint16
		want     string
	}{
		{"all of crypto/tls", tls.VersionTLS10, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 +1.3"},
		{"TLS 1.2 and 1.3", tls.VersionTLS12, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 +1.2 +1.3"},
		{"TLS 1.3 alone", tls.VersionTLS13, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 -1.2 +1.3"},
		{"TLS 1.0 and 1.1", tls.VersionTLS10, tls.VersionTLS11, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 -1.2 -1.3"},
	} {
		for _, scheme := range []string{"", "smtp"} {
			t.Run(fmt.Sprint(test.name, " ", scheme), func(t *testing.T) {
				addr, err := lab.Start(tlstest.Server{StartTLS: scheme, Config: func(c *tls.Config) { c.MinVersion, c.MaxVersion = test.min, test.max }})
				if err != nil {
					t.Fatal(err)
				}
				if scheme != "" {
					addr = scheme + "://" + addr
				}
				m := probetest.Module(t, lab)
				m.Versions.Options = new(versions.Options)
				r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
				if r.Versions.Finding == nil || answersOf(r.Versions.Finding) != test.want {
					t.Errorf("got %+v, checks %+v; want %s", r.Versions.Finding, r.Outcomes, test.want)
				}
			})
		}
	}
}

// Old versions, and servers that refuse without an alert.
func TestVersionsOfOldServers(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	old := []uint16{0x0002, 0x0300, tls.VersionTLS10}
	for _, test := range []struct {
		name   string
		server legacy.Server
		want   string
	}{
		{"SSL", legacy.Server{Versions: old, Suites: []uint16{0x000a}}, "+SSL 2.0 +SSL 3.0 +1.0 -1.1 -1.2 -1.3"},
		{"closes the connection", legacy.Server{Versions: old, Suites: []uint16{0x000a}, Refusal: legacy.RefuseByClosing}, "+SSL 2.0 +SSL 3.0 +1.0 -1.1 -1.2 -1.3"},
		{"resets", legacy.Server{Versions: old, Suites: []uint16{0x000a}, Refusal: legacy.RefuseByReset}, "+SSL 2.0 +SSL 3.0 +1.0 -1.1 -1.2 -1.3"},
		{"handshake_failure for everything", legacy.Server{Refusal: legacy.RefuseWithHandshakeFailure}, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"reads 150 suites at most", legacy.Server{Suites: []uint16{0xc050, 0x0033}, MaxSuites: 150}, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"reads 100 suites at most", legacy.Server{Suites: []uint16{0xc02f, 0xc013}, MaxSuites: 100}, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"fails on TLS 1.1 and SSL 3.0 with unsupported_extension and decode_error", legacy.Server{Suites: []uint16{0xc013}, Chokes: map[uint16]byte{tls.VersionTLS11: 110, 0x0300: 50}},
			"-SSL 2.0 +1.0 +1.2 -1.3"},
		{"fails on every suite of TLS 1.0 and 1.1 with internal_error, as OpenSSL 3", legacy.Server{Suites: []uint16{0xc013}, Chokes: map[uint16]byte{tls.VersionTLS10: 80, tls.VersionTLS11: 80}},
			"-SSL 2.0 -SSL 3.0 -1.0 -1.1 +1.2 -1.3"},
		{"fails on the suites that it prefers with internal_error", legacy.Server{SuitesOf: map[uint16][]uint16{tls.VersionTLS11: {0x0034, 0x002f}, tls.VersionTLS12: {0xc02f}}, FailsWith: []uint16{0x0034}},
			"-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"fails with access_denied, unrecognized_name and record_overflow", legacy.Server{Suites: []uint16{0xc013}, Chokes: map[uint16]byte{tls.VersionTLS11: 49, tls.VersionTLS10: 112, 0x0300: 22}},
			"-SSL 2.0 +1.2 -1.3"},
		{"answers SSL 2.0 with decode_error, as rustls", legacy.Server{Suites: []uint16{0xc013}, Chokes: map[uint16]byte{0x0002: 50}}, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"answers TLS 1.1 with illegal_parameter", legacy.Server{Suites: []uint16{0xc013}, Chokes: map[uint16]byte{tls.VersionTLS11: 47}}, "-SSL 2.0 -SSL 3.0 +1.0 -1.1 +1.2 -1.3"},
		{"fails on TLS 1.2 if it is offered alone, and completed the probe's handshake", legacy.Server{Suites: []uint16{0xc013}, Chokes: map[uint16]byte{tls.VersionTLS12: 80}},
			"-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"accepts rare suites alone", legacy.Server{Versions: []uint16{tls.VersionTLS12}, Suites: []uint16{0xc052}}, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 +1.2 -1.3"},
		{"requires the groups of RFC 7919", legacy.Server{Suites: []uint16{0x0033}, FiniteGroups: legacy.FiniteGroupsRequired}, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"has none of the groups of RFC 7919", legacy.Server{Suites: []uint16{0x0033}, FiniteGroups: legacy.FiniteGroupsUnknown}, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"accepts no suite, and sends an alert", legacy.Server{Versions: []uint16{tls.VersionTLS10}, Suites: []uint16{0x009e}}, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 -1.2 -1.3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, err := legacy.Start(lab, test.server)
			if err != nil {
				t.Fatal(err)
			}
			m := probetest.Module(t, lab)
			m.Versions.Options = new(versions.Options)
			r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
			if r.Versions.Finding == nil || answersOf(r.Versions.Finding) != test.want {
				t.Errorf("got %+v, checks %+v; want %s", r.Versions.Finding, r.Outcomes, test.want)
			}
		})
	}
}

// No version is reported as refused that a server limiting connections was not able to
// answer. The test runs alone, because connection policies depend on timing.
func TestVersionsWithConnectionPolicies(t *testing.T) {
	lab := labtest.Lab(t)
	const truth = "+SSL 2.0 -SSL 3.0 +1.0 -1.1 -1.2 -1.3"
	server, err := legacy.Start(lab, legacy.Server{Versions: []uint16{0x0002, tls.VersionTLS10}, Refusal: legacy.RefuseByClosing})
	if err != nil {
		t.Fatal(err)
	}
	silent, err := legacy.Start(lab, legacy.Server{Versions: []uint16{0x0002, tls.VersionTLS10}, Refusal: legacy.RefuseBySilence})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		server   string
		policy   tlstest.ConnectionPolicy
		complete bool // the finding has to be complete
	}{
		{"slow", server, tlstest.ConnectionPolicy{Delay: time.Millisecond, Bytewise: true}, true},
		{"one at a time, the others wait", server, tlstest.ConnectionPolicy{MaxConcurrent: 1}, true},
		{"one at a time, the others are reset", server, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByReset}, true},
		{"one at a time, the others are closed", server, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByClosing}, true},
		{"stalls on several at a time", server, tlstest.ConnectionPolicy{StallConcurrent: true}, true},
		{"bans by reset after 3", server, tlstest.ConnectionPolicy{BanAfter: 3, Banned: tlstest.RejectByReset}, false},
		{"bans by closing after 8", server, tlstest.ConnectionPolicy{BanAfter: 8, Banned: tlstest.RejectByClosing}, false},
		{"bans by silence after 5", server, tlstest.ConnectionPolicy{BanAfter: 5}, false},
		{"refuses by silence", silent, tlstest.ConnectionPolicy{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr, _, err := lab.StartRelay(test.server, test.policy)
			if err != nil {
				t.Fatal(err)
			}
			m := probetest.Module(t, lab)
			m.Versions.Options, m.Timeout = new(versions.Options), option.Duration(400*time.Millisecond)
			if test.complete {
				m.Timeout = option.Duration(2 * time.Second)
			}
			var got string
			for range endpointtest.Attempts {
				p := probetest.New(t, m)
				r := p.Probe(t.Context(), probetest.Target(t, addr))
				for r.Outcomes[0].Failure != nil && r.Outcomes[0].Failure.Reason == failure.ReasonPending {
					r = p.Probe(t.Context(), probetest.Target(t, addr))
				}
				if r.Versions.Finding == nil {
					got = fmt.Sprint(r.Outcomes[0].Failure)
				} else {
					got = answersOf(r.Versions.Finding)
					for _, a := range r.Versions.Finding.Answers {
						if sign := map[bool]string{true: "+", false: "-"}[a.Accepted]; !strings.Contains(truth, sign+strings.TrimPrefix(a.Version.String(), "TLS ")) {
							t.Errorf("%s is false", sign+a.Version.String())
						}
					}
				}
				t.Log(got)
				if !test.complete || got == truth {
					return
				}
			}
			t.Errorf("got %s, want %s", got, truth)
		})
	}
}
