package prober_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/transparency"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// writeLogList writes a list of logs, and returns its path.
func writeLogList(t *testing.T, at time.Time, operators map[string][]*tlstest.CTLog) string {
	t.Helper()
	content, err := tlstest.LogList(at, operators)
	path := filepath.Join(t.TempDir(), "log_list.json")
	if err := errors.Join(err, os.WriteFile(path, content, 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// newLog is a log with an ECDSA key, and an index as those of the Static CT API have it.
func newLog(t *testing.T, index *uint64) *tlstest.CTLog {
	t.Helper()
	log, err := tlstest.NewCTLog()
	if err != nil {
		t.Fatal(err)
	}
	log.Index = index
	return log
}

// SCTs are found in all three sources, by each client and in each version.
func TestTransparency(t *testing.T) {
	index := uint64(123456789012)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	one, static, other := newLog(t, nil), newLog(t, &index), &tlstest.CTLog{Key: key}
	list := writeLogList(t, time.Now(), map[string][]*tlstest.CTLog{"One": {one, static}, "Other": {other}})
	server := tlstest.Server{
		Logs: []*tlstest.CTLog{one, static, newLog(t, nil)},
		Staple: func(leaf *x509.Certificate, issuer *tlstest.CA) ([]byte, error) {
			sct, err := one.SignCertificate(leaf, time.Now().Add(-time.Hour))
			if err != nil {
				return nil, err
			}
			return issuer.RespondOCSP(leaf, tlstest.OCSP{Extensions: []pkix.Extension{tlstest.SCTExtension(tlstest.SCTList(sct), true)}})
		},
		Config: func(c *tls.Config) {
			leaf, err := x509.ParseCertificate(c.Certificates[0].Certificate[0])
			sct, signErr := other.SignCertificate(leaf, time.Now().Add(-time.Minute))
			if err := errors.Join(err, signErr); err != nil {
				t.Error(err)
			}
			c.Certificates[0].SignedCertificateTimestamps = [][]byte{sct, sct}
		},
	}
	want := []transparency.Tally{
		{Source: transparency.Certificate, Count: 3, Valid: 2, Verifiable: true},
		{Source: transparency.Extension, Count: 2, Valid: 2, Verifiable: true},
		{Source: transparency.Staple, Count: 1, Valid: 1, Verifiable: true},
	}
	lab := labtest.Lab(t)
	for name, change := range map[string]func(*prober.Module){
		"TLS 1.3 client": func(*prober.Module) {},
		"crypto/tls":     func(m *prober.Module) { m.TLSClient = handshake.CryptoTLS },
		"TLS 1.2":        func(m *prober.Module) { m.MaxVersion = tls.VersionTLS12 },
	} {
		t.Run(name, func(t *testing.T) {
			m := probetest.Module(t, lab)
			change(&m)
			m.Transparency.Enable().LogListFile = list
			r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, labtest.Serve(t, lab, server)))
			found := r.Transparency.Finding
			if found == nil {
				t.Fatalf("no finding: %v, %v", r.Failure, r.Outcomes)
			}
			if fmt.Sprint(found.Sources) != fmt.Sprint(want) || found.SCTs[1].Index != int64(index) {
				t.Errorf("the counts are %v, want %v; the index is %d", found.Sources, want, found.SCTs[1].Index)
			}
			if found.Verdict != nil || found.Unjudged == "" || r.Chain.Public {
				t.Errorf("a private root is judged: %v, %q", found.Verdict, found.Unjudged)
			}
		})
	}
}

// A probe with another list of logs is another probe, and an unreadable list is told when the
// module is loaded.
func TestLogList(t *testing.T) {
	m := probetest.Module(t, labtest.Lab(t))
	m.Transparency.Enable()
	builtIn := probetest.New(t, m)
	m.Transparency.Options = &transparency.Options{LogListFile: writeLogList(t, time.Now(), map[string][]*tlstest.CTLog{"A": {newLog(t, nil)}})}
	first := probetest.New(t, m)
	content, err := tlstest.LogList(time.Now(), map[string][]*tlstest.CTLog{"A": {newLog(t, nil)}})
	if err := errors.Join(err, os.WriteFile(m.Transparency.Options.LogListFile, content, 0o600)); err != nil {
		t.Fatal(err)
	}
	second := probetest.New(t, m)
	if builtIn.Identity() == first.Identity() || first.Identity() == second.Identity() {
		t.Error("probers with different lists have the same identity")
	}
	m.Transparency.Options.LogListFile = "missing.json"
	process := prober.NewProcess()
	t.Cleanup(process.Cache.Close)
	if _, err := prober.New(m, process); err == nil || err.Error() != "transparency: log_list_file: open missing.json: no such file or directory" {
		t.Errorf("error is %v", err)
	}
}
