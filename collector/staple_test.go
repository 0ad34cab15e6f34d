package collector

import (
	"fmt"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
)

// What is not proven is neither good nor a 0: of a problem that was not looked for, there is
// no series.
func TestRevocationRows(t *testing.T) {
	good := &certstatus.Answer{Source: certstatus.Staple, Status: certstatus.Good, NextUpdate: at.Add(day)}
	none := &certstatus.Answer{Source: certstatus.Staple, Status: certstatus.NotOffered}
	for _, test := range []struct {
		name     string
		staple   *certstatus.Answer
		must     bool
		problem  chain.Problem // empty: none
		want     []string
		unwanted []string
	}{
		{"good", good, false, "",
			[]string{`tls_revocation_info{position="0",source="staple",status="good"} 1`, `tls_chain_problem{problem="revoked"} 0`, `tls_chain_problem{problem="missing_staple"} 0`, "tls_must_staple 0",
				fmt.Sprintf(`tls_revocation_next_update_timestamp_seconds{position="0",source="staple"} %v`, unix(good.NextUpdate))},
			nil},
		{"none", none, false, "",
			[]string{`status="not_offered"} 1`, `{problem="missing_staple"} 0`, "tls_must_staple 0"},
			[]string{`problem="revoked"`, "next_update"}},
		{"none, and one is demanded", none, true, chain.ProblemMissingStaple,
			[]string{`status="not_offered"} 1`, `{problem="missing_staple"} 1`, "tls_must_staple 1"}, []string{`problem="revoked"`}},
		{"revoked", &certstatus.Answer{Source: certstatus.Staple, Status: certstatus.Revoked}, true, chain.ProblemRevoked,
			[]string{`status="revoked"} 1`, `{problem="revoked"} 1`, `{problem="missing_staple"} 0`}, nil},
		{"unknown", &certstatus.Answer{Source: certstatus.Staple, Status: certstatus.Unknown}, false, "",
			[]string{`status="unknown"} 1`}, []string{`problem="revoked"`}},
		{"a failed handshake", nil, false, "", []string{"tls_must_staple 0", `{problem="missing_staple"} 0`}, []string{"tls_revocation_", `problem="revoked"`}},
		{"a failed handshake of one that demands a staple", nil, true, "", []string{"tls_must_staple 1"}, []string{"tls_revocation_", `problem="missing_staple"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &prober.Result{Staple: test.staple, Chain: &chain.Chain{At: at, Certificates: []*chain.Certificate{{MustStaple: test.must}}}}
			if test.problem != "" {
				r.Chain.Problems = []chain.Found{{Problem: test.problem}}
			}
			text := page(t, r)
			for _, want := range test.want {
				if !strings.Contains(text, want+"\n") {
					t.Errorf("%s is missing in\n%s", want, text)
				}
			}
			for _, unwanted := range test.unwanted {
				if strings.Contains(text, unwanted) {
					t.Errorf("%s is in\n%s", unwanted, text)
				}
			}
		})
	}
}
