package report

import "tls_exporter/prober"

// trouble is one thing that is wrong with an endpoint.
type trouble struct {
	Reason   prober.Reason
	Detail   string
	Remedy   string
	Grave    bool // it makes the endpoint bad; else clients overlook it
	Position int  // the certificate that has it, as sent; -1: none in particular
}

// troubles is everything that is wrong: first what makes the endpoint bad, then
// what clients overlook, and last what a scan found.
func troubles(r *prober.Result) []trouble {
	var grave, overlooked []trouble
	if f := r.Failure; f != nil && !toldElsewhere(r, f) {
		grave = append(grave, trouble{f.Reason, where(f) + message(f), Remedy(f.Reason), true, -1})
	}
	if r.Chain != nil {
		for _, found := range r.Chain.Problems {
			reason := prober.Reason(found.Problem)
			t := trouble{reason, clean(found.Detail), Remedy(reason), found.Problem.Invalidates(), found.Position}
			if t.Grave {
				grave = append(grave, t)
			} else {
				overlooked = append(overlooked, t)
			}
		}
	}
	for _, e := range unmet(r) {
		reason := prober.Reason(e.Name)
		grave = append(grave, trouble{reason, notMet(e), Remedy(reason), true, -1})
	}
	return append(append(grave, overlooked...), scanTroubles(r)...)
}

// where is the address that a failure of a pool is about.
func where(f *prober.Failure) string {
	if !f.Address.IsValid() {
		return ""
	}
	return "at " + f.Address.Addr().String() + ": "
}

// toldElsewhere tells whether a failure stands among the problems of the chain
// or the unmet expectations.
func toldElsewhere(r *prober.Result, f *prober.Failure) bool {
	if !ofShown(r, f) {
		return false
	}
	switch f.Phase {
	case prober.PhaseVerify:
		return r.Chain != nil && r.Chain.Has(prober.Problem(f.Reason))
	case prober.PhaseExpect:
		return expectation(r, f.Reason) != nil
	}
	return false
}

// ofShown tells whether a failure is that of the address which the result is
// about: of a pool, it may be another's.
func ofShown(r *prober.Result, f *prober.Failure) bool {
	return r.Pool == nil || r.Pool.Members[r.Pool.Shown].Address == f.Address
}
