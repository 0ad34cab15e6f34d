package prober

import (
	"context"
	"errors"
	"fmt"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/revocation"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
)

const checkRevocation = "revocation"

// findRevocation asks about the certificates of the trusted path. Without one, the failure of
// the probe says why.
func (r *Result) findRevocation(ctx context.Context, o *revocation.Options, e *endpoint.Endpoint) (*revocation.Finding, error) {
	found, err := o.Find(ctx, e)
	if errors.Is(err, revocation.ErrNoPath) && r.Failure != nil {
		err = r.Failure
	}
	return found, err
}

// applyRevocation makes a revoked certificate a problem of the chain, and proof that the
// module requires and that is missing the failure of the probe.
func (r *Result) applyRevocation() {
	if r.Revocation.Finding != nil {
		for _, cert := range r.Revocation.Finding.Certificates {
			for _, a := range cert.Answers {
				if a.Status == certstatus.Revoked {
					r.addProblem(chain.Found{Problem: chain.ProblemRevoked, Position: cert.Position, Detail: a.Detail})
				}
			}
		}
	}
	r.failUnproven()
}

// failUnproven fails a probe without another failure if the module requires proof that no
// certificate was revoked, and there is none.
func (r *Result) failUnproven() {
	if o := r.Revocation.Options; o == nil || !o.Require {
		return
	}
	if found := r.Revocation.Finding; found != nil {
		if unproven := found.Unproven(r.Staple); len(unproven) > 0 {
			r.fail(failure.PhaseVerify, reasonUnproven(&unproven[0]), errUnproven(&unproven[0]))
		}
		return
	}
	for _, outcome := range r.Outcomes {
		if outcome.Name == checkRevocation && outcome.Failure != nil {
			r.fail(failure.PhaseVerify, failure.ReasonRevocationUnknown, outcome.Failure)
		}
	}
}

// reasonUnproven is why nothing is proven: a fault of the exporter or of its DNS is none of
// the endpoint.
func reasonUnproven(cert *revocation.Certificate) failure.Reason {
	if blind := cert.Blind(); blind != "" {
		return blind
	}
	return failure.ReasonRevocationUnknown
}

func errUnproven(cert *revocation.Certificate) error {
	said := ""
	for _, a := range cert.Answers {
		said += fmt.Sprintf("; %s: %s", a.Source, a.Status)
		if a.Detail != "" {
			said += " (" + a.Detail + ")"
		}
	}
	return fmt.Errorf("no source has proven that certificate %d is not revoked%s", cert.Position, said)
}
