package reporttest

import (
	"errors"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/caa"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/dane"
	httpsrecord "tls_exporter/prober/check/https_record"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
)

// Sparse is results with missing parts, by what is missing.
func Sparse() map[string]*prober.Result {
	bare := &chain.Chain{At: Now, Certificates: []*chain.Certificate{{KeyAlgorithm: "unknown", SignatureAlgorithm: "unknown"}}}
	return map[string]*prober.Result{
		"nothing at all":              {},
		"failure without a message":   {Failure: &failure.Failure{Phase: failure.PhaseConnect, Reason: failure.ReasonRefused}},
		"failure of an unknown kind":  {Failure: &failure.Failure{Reason: "gremlins", Err: errors.New("in the wire")}},
		"bad chain that is not there": {Failure: &failure.Failure{Phase: failure.PhaseVerify, Reason: "expired"}},
		"expectation not there":       {Failure: &failure.Failure{Phase: failure.PhaseExpect, Reason: "pin"}},
		"session without a version":   {Session: &handshake.Session{}},
		"certificate of no lifetime":  {Chain: bare},
		"scan of no answers": found(func(r *prober.Result) {
			r.Versions.Finding, r.Ciphers.Finding, r.Policy.Finding = new(versions.Finding), new(ciphers.Finding), new(policy.Finding)
			r.Vulnerabilities.Finding, r.Resumption.Finding = new(vulnerabilities.Finding), new(resumption.Finding)
		}),
		"TLSA records of nothing": found(func(r *prober.Result) {
			r.DANE.Finding = &dane.Finding{Services: []*dane.Service{{Records: []dane.Record{{}}}}}
		}),
		"client without a name": found(func(r *prober.Result) {
			r.Clients.Finding = &clients.Finding{Sessions: []clients.Session{{}}}
		}),
		"suite without a name": found(func(r *prober.Result) {
			r.Ciphers.Finding = &ciphers.Finding{Suites: []ciphers.Suite{{Version: hello.TLS12, Number: 0xfffe}}}
		}),
		"violation without a policy": found(func(r *prober.Result) {
			r.Policy.Finding = &policy.Finding{Verdicts: []policy.Verdict{{}}}
		}),
		"records of nothing": found(func(r *prober.Result) {
			r.CAA.Finding, r.HTTPSRecord.Finding = &caa.Finding{Verdict: caa.IssuerNotListed}, &httpsrecord.Finding{ECH: new(httpsrecord.ECHResult)}
		}),
		"phase of no time": {Phases: took(failure.PhaseConnect, 0.0)},
	}
}

// found is a result with findings and nothing else.
func found(set func(*prober.Result)) *prober.Result {
	r := new(prober.Result)
	set(r)
	return r
}
