package prober

import (
	"errors"
	"os"
	"testing"
)

// A policy that cannot be judged fails for the reason of what it needs.
func TestPolicyNeeds(t *testing.T) {
	timedOut := NewFailure(PhaseConnect, os.ErrDeadlineExceeded)
	pending := &Failure{Reason: ReasonPending, Err: errors.New("pending")}
	for _, test := range []struct {
		name string
		r    Result
		want Reason
	}{
		{"versions failed", Result{Outcomes: []CheckOutcome{{Name: "versions", Failure: pending}}, Failure: timedOut}, ReasonPending},
		{"ciphers failed", Result{Outcomes: []CheckOutcome{{Name: "ciphers", Failure: &Failure{Reason: ReasonTimeout, Err: os.ErrDeadlineExceeded}}, {Name: "versions"}}}, ReasonTimeout},
		{"the probe failed", Result{Failure: timedOut}, ReasonTimeout},
		{"too little was answered", Result{}, ReasonClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := new(PolicyOptions).Judge(test.r.policyFacts())
			if err == nil || Of(err) != test.want {
				t.Errorf("got %+v, %v; want the reason %s", found, err, test.want)
			}
		})
	}
}
