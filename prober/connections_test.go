package prober_test

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

func TestMeasure(t *testing.T) {
	lab := labtest.Lab(t)
	everything := legacy.Server{
		Versions: []uint16{0x0002, 0x0300, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13}, Suites: legacy.Suites(),
		FiniteGroups: legacy.FiniteGroupsFollowed, Tickets: legacy.TicketsFixed, Heartbeat: legacy.HeartbeatFixed,
	}
	oldest := everything
	oldest.Versions = oldest.Versions[:5]
	none := legacy.Server{}
	for name, server := range map[string]legacy.Server{"everything": everything, "oldest": oldest, "default": none} {
		for _, refusal := range []legacy.Refusal{legacy.RefuseWithSpecifiedAlert, legacy.RefuseWithHandshakeFailure, legacy.RefuseByClosing} {
			for policy, p := range map[string]tlstest.ConnectionPolicy{"": {}, "serial": {MaxConcurrent: 1, OverLimit: tlstest.RejectByClosing}} {
				for check, find := range map[string]func(context.Context, *endpoint.Endpoint) error{
					"versions": func(ctx context.Context, e *endpoint.Endpoint) error {
						_, err := versions.Options{}.Find(ctx, e)
						return err
					},
					"ciphers": func(ctx context.Context, e *endpoint.Endpoint) error {
						_, err := ciphers.Options{}.Find(ctx, e)
						return err
					},
					"vulnerabilities": func(ctx context.Context, e *endpoint.Endpoint) error {
						_, err := vulnerabilities.Options{}.Find(ctx, e)
						return err
					},
					"resumption": func(ctx context.Context, e *endpoint.Endpoint) error {
						_, err := resumption.Options{}.Find(ctx, e)
						return err
					},
				} {
					server.Refusal = refusal
					addr, err := legacy.Start(lab, server)
					if err != nil {
						t.Fatal(err)
					}
					addr, stats, err := lab.StartRelay(addr, p)
					if err != nil {
						t.Fatal(err)
					}
					start := time.Now()
					err = find(endpointtest.Within(t), endpointtest.At(t, addr))
					t.Logf("%s %d %s %s: %d connections, %v, %v", name, refusal, policy, check, stats.Total(), time.Since(start).Round(time.Millisecond), err)
				}
			}
		}
	}
}
