package collector

import (
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/revocation"
	"tls_exporter/prober/failure"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Revocation.Finding = &revocation.Finding{Certificates: []revocation.Certificate{
			{Answers: []revocation.Answer{
				{Answer: certstatus.Answer{Source: certstatus.OCSP, Status: certstatus.Unavailable, Reason: failure.ReasonRefused}},
				{Answer: certstatus.Answer{Source: certstatus.CRL, Status: certstatus.Good, ThisUpdate: at.Add(-day), NextUpdate: at.Add(6 * day)}},
			}},
			{Position: 1, Answers: []revocation.Answer{
				{Answer: certstatus.Answer{Source: certstatus.OCSP, Status: certstatus.NotOffered}},
				{Answer: certstatus.Answer{Source: certstatus.CRL, Status: certstatus.Expired, ThisUpdate: at.Add(-8 * day), NextUpdate: at.Add(-day)}},
			}},
		}}
	})
}

// The sources of the check have the rows of the staple. That no certificate is revoked is
// only known once each is proven good.
func TestRevocationCheckRows(t *testing.T) {
	answered := func(statuses ...certstatus.Status) *revocation.Finding {
		f := new(revocation.Finding)
		for i, s := range statuses {
			f.Certificates = append(f.Certificates, revocation.Certificate{Position: i, Answers: []revocation.Answer{{Answer: certstatus.Answer{Source: certstatus.CRL, Status: s}}}})
		}
		return f
	}
	good := &certstatus.Answer{Source: certstatus.Staple, Status: certstatus.Good}
	for _, test := range []struct {
		name   string
		staple *certstatus.Answer
		found  *revocation.Finding
		known  bool // that nothing is revoked
	}{
		{"all good", nil, answered("good", "good"), true},
		{"good, and the intermediate is not known", good, answered("good", "unavailable"), false},
		{"good by the staple", good, answered("unavailable", "good"), true},
		{"not known", nil, answered("unavailable", "good"), false},
		{"stapled, without the check", good, nil, true},
		{"nothing", nil, nil, false},
	} {
		r := &prober.Result{Staple: test.staple, Chain: &chain.Chain{At: at, Certificates: []*chain.Certificate{{}}}}
		r.Revocation.Finding = test.found
		text := page(t, r)
		if known := strings.Contains(text, `tls_chain_problem{problem="revoked"} 0`); known != test.known {
			t.Errorf("%s: it is known that nothing is revoked: %t", test.name, known)
		}
		if test.found != nil && !strings.Contains(text, `tls_revocation_info{position="1",source="crl",status="`+string(test.found.Certificates[1].Answers[0].Status)+`"} 1`) {
			t.Errorf("%s: the intermediate is missing in\n%s", test.name, text)
		}
	}
}
