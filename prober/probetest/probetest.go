// Package probetest makes probers and targets for tests against servers of tlstest.
package probetest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

// Module returns the default module with the lab's root as ca_file and a timeout of
// 20 seconds.
func Module(t testing.TB, lab *tlstest.Lab) prober.Module {
	t.Helper()
	m := prober.DefaultModule()
	m.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(m.CAFile, lab.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Timeout = option.Duration(20 * time.Second)
	return m
}

// New returns a prober of a module that is valid. It is closed after the test.
func New(t testing.TB, m prober.Module) *prober.Prober {
	t.Helper()
	process := prober.NewProcess()
	t.Cleanup(process.Close)
	p, err := prober.New(m, process)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Target parses a target that is valid.
func Target(t testing.TB, s string) target.Target {
	t.Helper()
	parsed, err := target.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// ProxyURL parses a URL that is valid.
func ProxyURL(t testing.TB, s string) connect.ProxyURL {
	t.Helper()
	var u connect.ProxyURL
	if err := u.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return u
}
