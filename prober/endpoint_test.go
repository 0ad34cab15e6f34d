package prober

import (
	"context"
	"testing"
)

// endpointOf is a server as the checks of a module see it, without a probe of it
// before.
func endpointOf(ctx context.Context, t testing.TB, m Module, written string) *endpoint {
	t.Helper()
	p := newProber(t, m)
	to, trace := target(t, written), new(Trace)
	at, ok := p.route.Locate(ctx, trace, &to)
	if !ok {
		t.Fatal(trace.Failure)
	}
	return newEndpoint(p.route, p.client, p.Timeout(), &to, at.Addrs)
}
