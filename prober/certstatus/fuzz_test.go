package certstatus_test

import (
	"os"
	"testing"
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

func writeFile(t testing.TB, name string, content []byte) {
	t.Helper()
	check(t, os.WriteFile(name, content, 0o600))
}

// Whatever a responder or a server sends, only what the CA has signed is a status.
func FuzzJudgeOCSP(f *testing.F) {
	p := newPKI(f)
	stranger := newPKI(f)
	for _, o := range []tlstest.OCSP{
		{}, {ByName: true}, {Status: tlstest.OCSPRevoked, Reason: 1}, {Status: tlstest.OCSPUnknown, NoNextUpdate: true},
		{Signer: p.delegate(p.ca)}, {Extensions: extension(true)}, {Before: []tlstest.OCSP{{}}},
	} {
		f.Add(p.respond(o))
	}
	f.Add(tlstest.OCSPError(3))
	f.Fuzz(func(t *testing.T, der []byte) {
		a := certstatus.JudgeOCSP(der, stranger.leaf, stranger.ca.Certificate, time.Now())
		if a.Status != certstatus.Invalid {
			t.Errorf("%s of another CA", a.Status)
		}
		if len(a.Detail) > 1000 || a.Detail == "" {
			t.Errorf("the detail has %d bytes", len(a.Detail))
		}
		certstatus.JudgeOCSP(der, p.leaf, p.ca.Certificate, time.Now())
	})
}
