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

// said writes a finding of versions as the question "taken, or refused?".
func answersOf(v *versions.Finding) string {
	var said []string
	for _, a := range v.Answers {
		sign := "-"
		if a.Accepted {
			sign = "+"
		}
		said = append(said, sign+strings.TrimPrefix(a.Version.String(), "TLS "))
	}
	return strings.Join(said, " ")
}

func TestVersions(t *testing.T) {
	lab := labtest.Lab(t)
	for _, test := range []struct {
		name     string
		min, max uint16
		want     string
	}{
		{"all that Go has", tls.VersionTLS10, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 +1.3"},
		{"today's", tls.VersionTLS12, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 +1.2 +1.3"},
		{"the newest", tls.VersionTLS13, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 -1.2 +1.3"},
		{"old ones", tls.VersionTLS10, tls.VersionTLS11, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 -1.2 -1.3"},
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

// Old versions, and servers that turn down what they do not take without a word.
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
		{"hangs up", legacy.Server{Versions: old, Suites: []uint16{0x000a}, Refusal: legacy.RefuseByClosing}, "+SSL 2.0 +SSL 3.0 +1.0 -1.1 -1.2 -1.3"},
		{"resets", legacy.Server{Versions: old, Suites: []uint16{0x000a}, Refusal: legacy.RefuseByReset}, "+SSL 2.0 +SSL 3.0 +1.0 -1.1 -1.2 -1.3"},
		{"handshake_failure for everything", legacy.Server{Refusal: legacy.RefuseWithHandshakeFailure}, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 -1.3"},
		{"takes nothing, and says so", legacy.Server{Versions: []uint16{tls.VersionTLS10}, Suites: []uint16{0x009e}}, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 -1.2 -1.3"},
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

// A server that does not like to be asked is never taken to refuse what it was
// not heard on. Nothing else is to be at work meanwhile: the manners are a matter
// of time.
func TestVersionsOfShyServers(t *testing.T) {
	lab := labtest.Lab(t)
	const truth = "+SSL 2.0 -SSL 3.0 +1.0 -1.1 -1.2 -1.3"
	server, err := legacy.Start(lab, legacy.Server{Versions: []uint16{0x0002, tls.VersionTLS10}, Refusal: legacy.RefuseByClosing})
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := legacy.Start(lab, legacy.Server{Versions: []uint16{0x0002, tls.VersionTLS10}, Refusal: legacy.RefuseBySilence})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		server  string
		manners tlstest.ConnectionPolicy
		whole   bool // all of the truth is to be learned
	}{
		{"slow", server, tlstest.ConnectionPolicy{Delay: time.Millisecond, Bytewise: true}, true},
		{"one at a time, the others wait", server, tlstest.ConnectionPolicy{MaxConcurrent: 1}, true},
		{"one at a time, the others are reset", server, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByReset}, true},
		{"one at a time, the others are closed", server, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByClosing}, true},
		{"chokes on several", server, tlstest.ConnectionPolicy{StallConcurrent: true}, true},
		{"bans by reset after 3", server, tlstest.ConnectionPolicy{BanAfter: 3, Banned: tlstest.RejectByReset}, false},
		{"bans by closing after 8", server, tlstest.ConnectionPolicy{BanAfter: 8, Banned: tlstest.RejectByClosing}, false},
		{"bans by silence after 5", server, tlstest.ConnectionPolicy{BanAfter: 5}, false},
		{"refuses by silence", quiet, tlstest.ConnectionPolicy{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr, _, err := lab.StartRelay(test.server, test.manners)
			if err != nil {
				t.Fatal(err)
			}
			m := probetest.Module(t, lab)
			m.Versions.Options, m.Timeout = new(versions.Options), option.Duration(400*time.Millisecond)
			if test.whole {
				m.Timeout = option.Duration(2 * time.Second)
			}
			var said string
			for range endpointtest.Attempts {
				p := probetest.New(t, m)
				r := p.Probe(t.Context(), probetest.Target(t, addr))
				for r.Outcomes[0].Failure != nil && r.Outcomes[0].Failure.Reason == failure.ReasonPending {
					r = p.Probe(t.Context(), probetest.Target(t, addr))
				}
				if r.Versions.Finding == nil {
					said = fmt.Sprint(r.Outcomes[0].Failure)
				} else {
					said = answersOf(r.Versions.Finding)
					for _, a := range r.Versions.Finding.Answers {
						if sign := map[bool]string{true: "+", false: "-"}[a.Accepted]; !strings.Contains(truth, sign+strings.TrimPrefix(a.Version.String(), "TLS ")) {
							t.Errorf("%s, which is false", sign+a.Version.String())
						}
					}
				}
				t.Log(said)
				if !test.whole || said == truth {
					return
				}
			}
			t.Errorf("got %s, want %s", said, truth)
		})
	}
}
