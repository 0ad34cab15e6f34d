package prober

import (
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
)

// judgeStaple judges the OCSP response that the server stapled, and adds the problems of the
// chain that follow from it. Both clients request one in every ClientHello. If the handshake
// failed before its end and no response came, it is not known whether one would have come.
func (p *Prober) judgeStaple(r *Result, h *handshake.Outcome, now time.Time) {
	if len(h.Staple) == 0 && (h.Session == nil || !h.Session.Completed) {
		return
	}
	var issuers [][]byte
	if len(h.Staple) > 0 {
		issuers = r.Chain.Issuers(h.Certificates)
	}
	r.Staple = p.staples.Judge(h.Staple, h.Certificates[0].X509, issuers, now)
	if r.Staple.Status == certstatus.Revoked {
		r.addProblem(chain.Found{Problem: chain.ProblemRevoked, Detail: r.Staple.Detail})
	}
	if position, missing := r.missingStaple(); missing {
		r.addProblem(chain.Found{Problem: chain.ProblemMissingStaple, Position: position, Detail: missingDetail(r.Staple)})
	}
}

// missingStaple reports whether a certificate demands a good stapled response (RFC 7633) and
// none came, and the position of that certificate. A response that says revoked is a problem
// of its own. Of an invalid one about a chain that leads nowhere it is not known whether it
// is good: its signer cannot be verified either.
func (r *Result) missingStaple() (position int, missing bool) {
	position, demands := r.Chain.Demanding()
	switch r.Staple.Status {
	case certstatus.Good, certstatus.Revoked:
		return 0, false
	case certstatus.Invalid:
		demands = demands && r.Chain.Path != nil
	}
	return position, demands
}

// LookedFor reports whether a chain that has not this problem is known not to have it.
func (r *Result) LookedFor(p chain.Problem) bool {
	switch p {
	case chain.ProblemNameMismatch:
		return r.Chain.Name != "" // else names are not compared
	case chain.ProblemRevoked:
		if found := r.Revocation.Finding; found != nil {
			return len(found.Unproven(r.Staple)) == 0
		}
		return r.Staple != nil && r.Staple.Status == certstatus.Good
	case chain.ProblemMissingStaple:
		_, demands := r.Chain.Demanding()
		return !demands || r.Staple != nil && r.Staple.Status != certstatus.Invalid
	}
	return true
}

// missingDetail says in a sentence what is missing.
func missingDetail(staple *certstatus.Answer) string {
	const demand = "the certificate demands a stapled OCSP response (must-staple, RFC 7633), and "
	if staple.Status == certstatus.NotOffered {
		return demand + "the server sends none"
	}
	return demand + "the one that the server sends is " + string(staple.Status) + ": " + staple.Detail
}

// received is what the server sent beside its certificates. No result has it.
type received struct {
	staple []byte
	scts   [][]byte
}

// receivedBy is what of h the checks may need. It is bounded, because a check may take longer
// than the room for the answer is held.
func receivedBy(h *handshake.Outcome) (kept received) {
	if len(h.Staple) <= certstatus.MaxResponse {
		kept.staple = h.Staple
	}
	size := 0
	for _, sct := range h.SCTs {
		size += len(sct)
	}
	if size <= certstatus.MaxResponse {
		kept.scts = h.SCTs
	}
	return kept
}

// addProblem adds a problem that was found in another way than by the verification of the
// chain. An invalid chain is the failure of the probe, with its most severe problem.
func (r *Result) addProblem(found chain.Found) {
	r.Chain = r.Chain.With(found)
	if r.Pool != nil {
		r.Pool.Members[r.Pool.Shown].Chain = r.Chain
	}
	if r.Failure != nil && r.Failure.Phase == failure.PhaseVerify && r.Chain.Has(chain.Problem(r.Failure.Reason)) {
		r.Failure = nil // failVerify sets it again, to the most severe problem
	}
	r.failVerify()
}
