// Package endpointtest makes endpoints of servers of the lab, for tests of checks.
package endpointtest

import (
	"context"
	"testing"
	"time"

	"tls_exporter/prober/connect"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/fetch"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

// At is the endpoint of the server at addr, in a probe with a long timeout.
func At(t testing.TB, addr string) *endpoint.Endpoint {
	t.Helper()
	return withTimeout(t, addr, 20*time.Second)
}

// Behind is the endpoint of a server behind a relay with a connection policy, in a probe
// with a timeout of ShortTimeout.
func Behind(t testing.TB, lab *tlstest.Lab, server string, policy tlstest.ConnectionPolicy) *endpoint.Endpoint {
	t.Helper()
	addr, _, err := lab.StartRelay(server, policy)
	if err != nil {
		t.Fatal(err)
	}
	return withTimeout(t, addr, ShortTimeout)
}

// ShortTimeout is the timeout of a probe of a server behind a connection policy.
const ShortTimeout = time.Second

func withTimeout(t testing.TB, addr string, timeout time.Duration) *endpoint.Endpoint {
	t.Helper()
	to, err := target.Parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	g := guard.New(guard.Policy{}, new(guard.Listeners))
	route, err := connect.New(connect.Options{IPProtocol: resolve.AnyIP}, g, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	downloads := fetch.NewStore()
	t.Cleanup(downloads.Close)
	fetcher, err := fetch.New(downloads, connect.Options{IPProtocol: resolve.AnyIP}, g, nil, [16]byte{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := handshake.New(handshake.Options{TLSClient: handshake.Auto}, timeout, nil, new(handshake.Process))
	if err != nil {
		t.Fatal(err)
	}
	trace := new(failure.Trace)
	location, ok := route.Locate(t.Context(), trace, &to)
	if !ok {
		t.Fatal(trace.Failure)
	}
	e := endpoint.New(route, client, &to, location.Addrs)
	e.Fetch = fetcher
	return e
}

// Within is a context with a deadline of a minute. It ends with the test.
func Within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Attempts is how often a test repeats a check of a server whose policy leaves little
// time, until the finding is complete: the machine may be busy. A wrong finding is an
// error at once.
const Attempts = 20
