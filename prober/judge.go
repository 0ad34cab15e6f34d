package prober

import (
	"cmp"
	"context"
	"fmt"

	"tls_exporter/prober/check"
	"tls_exporter/prober/check/caa"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/dane"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/check/grade"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/renewal"
	"tls_exporter/prober/check/revocation"
	"tls_exporter/prober/check/transparency"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
)

// runChecks runs the checks that are on, in parallel, and then those that judge what
// the others found.
func (r *Result) runChecks(ctx context.Context, run *check.Run) {
	if r.Target.IsFile() {
		r.runFileChecks(ctx, run)
		return
	}
	for _, entry := range cachedChecks {
		entry.slot(&r.Checks).Ask(ctx, run, entry.name)
	}
	r.askCAs(ctx, run)
	failed := r.Failure
	r.DANE.Start(run, "dane", func(o *dane.Options) (*dane.Finding, error) { return o.Find(ctx, run.Endpoint, failed) })
	r.CAA.Start(run, "caa", func(o *caa.Options) (*caa.Finding, error) { return o.Find(ctx, run.Endpoint) })
	r.Outcomes = run.Wait()
	r.applyRevocation()
	r.Policy.Judge(run, "policy", func(o *policy.Options) (*policy.Finding, error) { return o.Judge(r.policyFacts()) })
	r.Grade.Judge(run, "grade", func(o *grade.Options) (*grade.Finding, error) { return o.Judge(r.gradeFacts()) })
	r.Clients.Judge(run, "clients", func(o *clients.Options) (*clients.Finding, error) { return o.Judge(r.clientFacts()) })
	r.judgeTransparency(run)
	r.Expect.Judge(run, "expect", func(o *expect.Options) (*expect.Finding, error) { return o.Judge(r.expectFacts()) })
	r.Outcomes = run.Wait()
}

// askCAs starts the checks that ask the CAs of the chain.
func (r *Result) askCAs(ctx context.Context, run *check.Run) {
	r.Revocation.Start(run, checkRevocation, func(o *revocation.Options) (*revocation.Finding, error) {
		return r.findRevocation(ctx, o, run.Endpoint)
	})
	r.Renewal.Start(run, "renewal", func(o *renewal.Options) (*renewal.Finding, error) { return r.findRenewal(ctx, o, run.Endpoint) })
}

func (r *Result) judgeTransparency(run *check.Run) {
	r.Transparency.Judge(run, "transparency", func(o *transparency.Options) (*transparency.Finding, error) {
		return o.Judge(r.transparencyFacts(run.Endpoint))
	})
}

// runFileChecks runs the checks that need a chain and no server, and what judges them.
func (r *Result) runFileChecks(ctx context.Context, run *check.Run) {
	chained := r.Chain != nil && !r.Chain.Bundle
	if chained {
		r.askCAs(ctx, run)
	}
	r.Outcomes = run.Wait()
	r.applyRevocation()
	if chained {
		r.judgeTransparency(run)
	}
	r.Expect.Judge(run, "expect", func(o *expect.Options) (*expect.Finding, error) { return o.Judge(r.expectFacts()) })
	r.Outcomes = run.Wait()
}

// applyExpectations drops a failure that the module expects, and makes an unmet
// expectation the failure of a probe that has no other.
func (r *Result) applyExpectations(x *expect.Finding) {
	for _, e := range x.Expectations {
		if e.Rejection() {
			r.Failure = nil
			r.failVerify()
			r.failUnproven()
		}
	}
	for _, e := range x.Expectations {
		if !e.Met {
			r.fail(failure.PhaseExpect, failure.Reason(e.Name), fmt.Errorf("%s: saw %s, which is not as expected", e.Name, cmp.Or(e.Saw, "none")))
		}
	}
}

// expectFacts is what expectations are compared with.
func (r *Result) expectFacts() *expect.Facts {
	return &expect.Facts{Session: r.Session, Chain: r.Chain, Failure: r.Failure}
}

// policyFacts is what policies judge.
func (r *Result) policyFacts() *policy.Facts {
	return &policy.Facts{
		Session: r.Session, Chain: r.Chain, Versions: r.Versions.Finding, Ciphers: r.Ciphers.Finding, Missing: r.missing("versions", "ciphers"),
	}
}

// gradeFacts is what is graded.
func (r *Result) gradeFacts() *grade.Facts {
	return &grade.Facts{
		StartTLS: r.Target.Scheme.StartTLS(), Session: r.Session, Chain: r.Chain,
		Versions: r.Versions.Finding, Ciphers: r.Ciphers.Finding, Vulnerabilities: r.Vulnerabilities.Finding,
		Missing: r.missing("versions", "ciphers", "vulnerabilities"),
	}
}

// clientFacts is what the simulation of clients needs.
func (r *Result) clientFacts() *clients.Facts {
	return &clients.Facts{
		Session: r.Session, Chain: r.Chain, Versions: r.Versions.Finding, Ciphers: r.Ciphers.Finding, Missing: r.missing("versions", "ciphers"),
	}
}

// transparencyFacts is what SCTs are about, and where they come from.
func (r *Result) transparencyFacts(e *endpoint.Endpoint) *transparency.Facts {
	return &transparency.Facts{
		Chain: r.Chain, Path: e.Path(), Completed: r.Session != nil && r.Session.Completed, SCTs: e.SCTs, Staple: e.Staple,
		Failure: r.Failure, Now: r.Start,
	}
}

// missing is why a check that needs these cannot judge: the failure of one of them, else
// that of the probe; nil: there is none.
func (r *Result) missing(checks ...string) error {
	for _, name := range checks {
		for _, check := range r.Outcomes {
			if check.Name == name && check.Failure != nil {
				return check.Failure
			}
		}
	}
	if r.Failure != nil {
		return r.Failure
	}
	return nil
}
