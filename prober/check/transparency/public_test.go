package transparency_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/transparency"
	"tls_exporter/prober/identity"
)

func identityOf(o transparency.Options) [16]byte { return identity.Of(o) }

// googleList has the logs of the SCTs in the certificate of www.google.com, with the states
// that they had then.
const googleList = `{"log_list_timestamp": "2023-01-20T00:00:00Z", "operators": [
	{"name": "Google", "logs": [{"description": "Google 'Argon2023' log", "state": {"usable": {"timestamp": "2019-12-17T18:38:01Z"}},
		"key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0JCPZFJOQqyEti5M8j13ALN3CAVHqkVM4yyOcKWCu2yye5yYeqDpEXYoALIgtM3TmHtNlifmt+4iatGwLpF3eA=="}]},
	{"name": "Cloudflare", "logs": [{"description": "Cloudflare 'Nimbus2023' Log", "state": {"usable": {"timestamp": "2019-10-31T19:22:00Z"}},
		"key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEi/8tkhjLRp0SXrlZdTzNkTd6HqmcmXiDJz3fAdWLgOhjmv4mohvRhwXul9bgW0ODgRwC9UGAgH/vpGHPvIS1qA=="}]}]}`

// A real certificate under a root of Mozilla's program meets the policy, at a time at which
// it was valid. Under the same root as a private one it would not be judged.
func TestPublicRoot(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sent := decode(t, "../../sct/testdata/google.pem")
	roots, err := chain.LoadRoots(chain.Options{CAFile: write("ca.pem", rootOf(t, sent[1]))})
	if err != nil {
		t.Fatal(err)
	}
	then := time.Date(2023, 2, 1, 0, 0, 0, 0, time.UTC)
	verifier := chain.NewVerifier(roots)
	var verified *chain.Chain
	for range 2 { // the second verdict is a cached one
		verified = verifier.Verify(certificate.ParseChain(sent, nil), "www.google.com", 0, then)
		if !verified.Valid || !verified.Public {
			t.Fatalf("valid: %v, public: %v, %v", verified.Valid, verified.Public, verified.Problems)
		}
	}
	options, err := transparency.Options{LogListFile: write("list.json", []byte(googleList))}.Load()
	if err != nil {
		t.Fatal(err)
	}
	var path []*x509.Certificate
	for _, der := range verified.PathDER() {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		path = append(path, cert)
	}
	found, err := options.Judge(&transparency.Facts{Chain: verified, Path: path, Completed: true, Now: then})
	if err != nil || found.Verdict == nil || !found.Verdict.Compliant || found.Sources[0].Valid != 2 {
		t.Errorf("%+v, %v", found, err)
	}
}

// rootOf is the root of Mozilla's program that issued a certificate, in PEM.
func rootOf(t *testing.T, issued []byte) []byte {
	t.Helper()
	cert, err := x509.ParseCertificate(issued)
	if err != nil {
		t.Fatal(err)
	}
	for root := range bundle.Roots() {
		if parsed, err := x509.ParseCertificate(root.Certificate); err == nil && cert.CheckSignatureFrom(parsed) == nil {
			return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	t.Fatal("the root has left Mozilla's program: take a certificate under another one")
	return nil
}

// decode returns the certificates of a PEM file, in DER.
func decode(t *testing.T, path string) (all [][]byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		all = append(all, block.Bytes)
	}
	return all
}
