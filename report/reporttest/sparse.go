package reporttest

import (
	"crypto/x509"
	"errors"

	"tls_exporter/prober"
	"tls_exporter/prober/hello"
)

// Sparse is results with missing parts, by what is missing.
func Sparse() map[string]*prober.Result {
	bare := &prober.Chain{At: Now, Certificates: []*prober.Certificate{{X509: new(x509.Certificate), KeyAlgorithm: "unknown", SignatureAlgorithm: "unknown"}}}
	return map[string]*prober.Result{
		"nothing at all":              {},
		"failure without a message":   {Failure: &prober.Failure{Phase: prober.PhaseConnect, Reason: prober.ReasonRefused}},
		"failure of an unknown kind":  {Failure: &prober.Failure{Reason: "gremlins", Err: errors.New("in the wire")}},
		"bad chain that is not there": {Failure: &prober.Failure{Phase: prober.PhaseVerify, Reason: "expired"}},
		"expectation not there":       {Failure: &prober.Failure{Phase: prober.PhaseExpect, Reason: "pin"}},
		"session without a version":   {Session: &prober.Session{}},
		"certificate of no lifetime":  {Chain: bare},
		"scan of no answers": found(func(r *prober.Result) {
			r.Versions.Finding, r.Ciphers.Finding, r.Policy.Finding = new(prober.Versions), new(prober.Ciphers), new(prober.Compliance)
			r.Vulnerabilities.Finding, r.Resumption.Finding = new(prober.Vulnerabilities), new(prober.Resumption)
		}),
		"suite without a name": found(func(r *prober.Result) {
			r.Ciphers.Finding = &prober.Ciphers{Suites: []prober.TakenSuite{{Version: hello.TLS12, Number: 0xfffe}}}
		}),
		"violation without a policy": found(func(r *prober.Result) {
			r.Policy.Finding = &prober.Compliance{Verdicts: []prober.PolicyVerdict{{}}}
		}),
		"phase of no time": {Phases: took(prober.PhaseConnect, 0.0)},
	}
}

// found is a result with findings and nothing else.
func found(set func(*prober.Result)) *prober.Result {
	r := new(prober.Result)
	set(r)
	return r
}
