package prober

import (
	"context"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/renewal"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
)

// findRenewal asks the CA about the leaf of the trusted path. Without one, the failure of the
// probe says why.
func (r *Result) findRenewal(ctx context.Context, o *renewal.Options, e *endpoint.Endpoint) (*renewal.Finding, error) {
	path := e.Path()
	switch {
	case path != nil:
		return o.Find(ctx, e.Fetch, path[0], time.Now())
	case r.Failure != nil:
		return nil, r.Failure
	}
	return nil, failure.New(failure.ReasonTooLarge, "the certificates have more than %d bytes together", chain.MaxDER)
}
