package prober_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"testing"

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

// scans are the checks of docs/scanning.md that connect to a server.
var scans = map[string]func(context.Context, *endpoint.Endpoint) error{
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
}

// The connections that docs/scanning.md states are those that servers of the lab take, and
// no server takes more than the page says.
func TestConnectionsAreStated(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	modern := labtest.Serve(t, lab, tlstest.Server{Key: labtest.RSAKey(2048), Config: func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }})
	everything := legacy.Server{
		Versions: []uint16{0x0002, 0x0300, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12}, Suites: legacy.Suites(),
		FiniteGroups: legacy.FiniteGroupsFollowed, Tickets: legacy.TicketsFixed, Heartbeat: legacy.HeartbeatFixed,
	}
	start := func(server legacy.Server, refusal legacy.Refusal) string {
		server.Refusal = refusal
		return labtest.StartWrapped(t, lab, server, nil)
	}
	serial := tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByClosing}
	for _, server := range []struct {
		column string // of the page; empty: none, as timing decides
		addr   string
		policy tlstest.ConnectionPolicy
	}{
		{"TLS 1.2 and 1.3", modern, tlstest.ConnectionPolicy{}},
		{"every suite", start(everything, legacy.RefuseWithSpecifiedAlert), tlstest.ConnectionPolicy{}},
		{"closes the connection", start(legacy.Server{Suites: []uint16{0x2f, 0x9c}}, legacy.RefuseByClosing), tlstest.ConnectionPolicy{}},
		{"", start(everything, legacy.RefuseByClosing), serial},
		{"", start(legacy.Server{Suites: []uint16{0x2f, 0x9c}}, legacy.RefuseByClosing), serial},
		{"", labtest.StartWrapped(t, lab, legacy.Server{Suites: []uint16{0x2f, 0x9c}, RSAOracle: legacy.RSAOracleStrong, Refusal: legacy.RefuseByClosing}, labtest.DropEvery(5)), serial},
	} {
		for check, find := range scans {
			t.Run(fmt.Sprintf("%s %s %d", check, server.column, server.policy.MaxConcurrent), func(t *testing.T) {
				t.Parallel()
				addr, stats, err := lab.StartRelay(server.addr, server.policy)
				if err != nil {
					t.Fatal(err)
				}
				err = find(endpointtest.Within(t), endpointtest.At(t, addr))
				got := stats.Total()
				t.Logf("%d connections, %v", got, err)
				if most := stated(t, check, "at most"); got > most {
					t.Errorf("%d connections, and the page says at most %d", got, most)
				}
				if server.column == "" {
					return
				}
				if want := stated(t, check, server.column); got > want || got < want*3/4 {
					t.Errorf("%d connections, and the page says %d", got, want)
				}
			})
		}
	}
}

// stated is the number in the table of docs/scanning.md, in the row of a check and the
// column whose head contains a text.
func stated(t *testing.T, check, column string) int {
	t.Helper()
	page, err := os.ReadFile("../docs/scanning.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Cost")
	at := -1
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		for i, cell := range cells {
			if at < 0 && strings.Contains(cell, column) {
				at = i
			}
		}
		if at < 0 || len(cells) <= at || strings.TrimSpace(cells[1]) != "`"+check+"`" {
			continue
		}
		var n int
		if _, err := fmt.Sscan(cells[at], &n); err != nil {
			t.Fatalf("%s: %q is no number", check, cells[at])
		}
		return n
	}
	t.Fatalf("the page has no %s for %s", column, check)
	return 0
}
