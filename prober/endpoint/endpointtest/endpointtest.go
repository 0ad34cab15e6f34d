// Package endpointtest makes endpoints of servers in the lab, for tests of checks.
package endpointtest

import (
	"context"
	"testing"
	"time"

	"tls_exporter/prober/connect"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

// At is a server as a check sees it in a probe with a long timeout.
func At(t testing.TB, addr string) *endpoint.Endpoint {
	t.Helper()
	return within(t, addr, 20*time.Second)
}

// Behind is a server behind a relay with a connection policy, in a probe with a
// timeout of a second.
func Behind(t testing.TB, lab *tlstest.Lab, server string, policy tlstest.ConnectionPolicy) *endpoint.Endpoint {
	t.Helper()
	addr, _, err := lab.StartRelay(server, policy)
	if err != nil {
		t.Fatal(err)
	}
	return within(t, addr, ShortTimeout)
}

// ShortTimeout is how long a server behind a policy may be silent.
const ShortTimeout = time.Second

func within(t testing.TB, addr string, timeout time.Duration) *endpoint.Endpoint {
	t.Helper()
	to, err := target.Parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	route, err := connect.New(connect.Options{IPProtocol: resolve.AnyIP}, guard.New(guard.Policy{}, new(guard.Listeners)), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	client, err := handshake.New(handshake.Options{TLSClient: handshake.Auto}, timeout, nil, new(handshake.Counts))
	if err != nil {
		t.Fatal(err)
	}
	trace := new(failure.Trace)
	at, ok := route.Locate(t.Context(), trace, &to)
	if !ok {
		t.Fatal(trace.Failure)
	}
	return endpoint.New(route, client, timeout, &to, at.Addrs)
}

// Within is a context that ends with the test, or after a minute.
func Within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Attempts is how often a server is asked whose policy leaves little time, until it
// has answered everything: this machine may be busy with something else meanwhile.
// A false answer is an error at once.
const Attempts = 20
