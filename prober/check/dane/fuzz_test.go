package dane

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/records"
	"tls_exporter/prober/tlstest"
)

// FuzzRecord checks that a record with any content has a result, and that one matches only
// if its content is that of a certificate, of its key, or a digest of one of them.
func FuzzRecord(f *testing.F) {
	root, err := tlstest.NewRoot("Root")
	if err != nil {
		f.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Now()
	leaf, err := root.Issue(&x509.Certificate{DNSNames: []string{"a.test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}, key)
	if err != nil {
		f.Fatal(err)
	}
	roots, err := chain.LoadRoots(chain.Options{})
	if err != nil {
		f.Fatal(err)
	}
	sent := [][]byte{leaf.Raw, root.Certificate.Raw}
	shown := &presented{certs: certificate.ParseChain(sent, nil), at: now}
	contents := slices.Concat(sent, [][]byte{leaf.RawSubjectPublicKeyInfo, root.Certificate.RawSubjectPublicKeyInfo})
	for usage := range uint8(5) {
		f.Add(usage, uint8(0), uint8(0), root.Certificate.Raw)
		f.Add(usage, uint8(1), uint8(0), leaf.RawSubjectPublicKeyInfo)
		f.Add(usage, uint8(1), uint8(1), make([]byte, 32))
	}
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data []byte) {
		for _, smtp := range []bool{false, true} {
			r := Record{TLSA: records.TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data}}
			r.judge(smtp, &judge{presented: shown, names: []string{"a.test"}, verifier: chain.NewVerifier(roots)})
			switch r.Result {
			case Match:
				if matching == full && !slices.ContainsFunc(contents, func(c []byte) bool { return bytes.Equal(c, data) }) {
					t.Errorf("%+v matches", r.TLSA)
				}
			case Unusable:
				if r.Detail == "" {
					t.Errorf("%+v is unusable, and does not say why", r.TLSA)
				}
			case Mismatch, Invalid, Unknown:
			default:
				t.Errorf("%+v has the result %q", r.TLSA, r.Result)
			}
			if usage > daneEE && r.Result != Unusable || smtp && usage < daneTA && r.Result != Unusable {
				t.Errorf("%+v is %s", r.TLSA, r.Result)
			}
		}
	})
}
