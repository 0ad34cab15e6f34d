package prober

import (
	"errors"
	"os"
	"testing"

	"tls_exporter/prober/check"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/failure"
)

// A policy that cannot be judged fails with the reason of what is missing.
func TestPolicyNeeds(t *testing.T) {
	timedOut := failure.For(failure.PhaseConnect, os.ErrDeadlineExceeded)
	pending := &failure.Failure{Reason: failure.ReasonPending, Err: errors.New("pending")}
	for _, test := range []struct {
		name string
		r    Result
		want failure.Reason
	}{
		{"versions failed", Result{Outcomes: []check.Outcome{{Name: "versions", Failure: pending}}, Failure: timedOut}, failure.ReasonPending},
		{"ciphers failed", Result{Outcomes: []check.Outcome{{Name: "ciphers", Failure: &failure.Failure{Reason: failure.ReasonTimeout, Err: os.ErrDeadlineExceeded}}, {Name: "versions"}}}, failure.ReasonTimeout},
		{"the probe failed", Result{Failure: timedOut}, failure.ReasonTimeout},
		{"too few answers", Result{}, failure.ReasonClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := new(policy.Options).Judge(test.r.policyFacts())
			if err == nil || failure.Of(err) != test.want {
				t.Errorf("got %+v, %v; want the reason %s", found, err, test.want)
			}
		})
	}
}
