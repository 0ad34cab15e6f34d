package reporttest

import (
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/renewal"
)

// renewing is a healthy endpoint, and what the CA says about its certificate.
func renewing(found *renewal.Finding) *prober.Result {
	r := Healthy()
	found.Asked = Now.Add(-2 * time.Hour)
	r.Renewal.Finding = found
	r.Outcomes = append(r.Outcomes, check.Outcome{Name: "renewal", Duration: 41 * time.Microsecond, Time: Now})
	return r
}

// renewalDue is an endpoint whose CA wants the renewal in a month.
func renewalDue() *prober.Result {
	return renewing(&renewal.Finding{Start: Now.Add(28 * day), End: Now.Add(30 * day)})
}

// RenewalOverdue is an endpoint whose CA wanted the renewal, and says why.
func RenewalOverdue() *prober.Result {
	return renewing(&renewal.Finding{Start: Now.Add(-3 * day), End: Now.Add(-2 * day), Explanation: "https://ca.example/incidents/2026-11", Overdue: true})
}
