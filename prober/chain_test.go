package prober_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// What clients reject is told of servers that send it: a problem each, and the probe has
// no success. Where nobody can tell, nobody says so.
func TestChains(t *testing.T) {
	lab := labtest.Lab(t)
	tampered := func(position int) func([][]byte) [][]byte {
		return func(sent [][]byte) [][]byte {
			sent[position] = bytes.Clone(sent[position])
			sent[position][len(sent[position])-1] ^= 1
			return sent
		}
	}
	leaf := func(change func(*x509.Certificate)) tlstest.Server { return tlstest.Server{Leaf: change} }
	usage := func(usage x509.KeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.KeyUsage = usage }
	}
	withRSA := func(usage x509.KeyUsage, suite uint16) tlstest.Server {
		return tlstest.Server{Key: labtest.RSAKey(2048), Leaf: func(c *x509.Certificate) { c.KeyUsage = usage }, Config: func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite}
		}}
	}
	notCA, err := lab.Intermediate.Intermediate("Not A CA", func(c *x509.Certificate) { c.IsCA = false })
	if err != nil {
		t.Fatal(err)
	}
	const encipherment, signature = x509.KeyUsageKeyEncipherment, x509.KeyUsageDigitalSignature
	for _, test := range []struct {
		name   string
		server tlstest.Server
		want   chain.Problem // empty: the chain is valid
	}{
		{"the signature of the leaf", tlstest.Server{RawChain: tampered(0)}, chain.ProblemBadSignature},
		{"the signature of the intermediate", tlstest.Server{RawChain: tampered(1)}, chain.ProblemBadSignature},
		{"an issuer that is not a CA", tlstest.Server{Issuer: notCA, Chain: func(leaf *x509.Certificate) []*x509.Certificate {
			return []*x509.Certificate{leaf, notCA.Certificate, lab.Intermediate.Certificate}
		}}, chain.ProblemInvalidCA},
		{"a critical extension", leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}), chain.ProblemUnhandledCriticalExtension},
		{"a wildcard for a whole top-level domain", leaf(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"*.test"}, nil }), chain.ProblemNameMismatch},
		{"a key usage for RSA key exchange, TLS 1.3", leaf(usage(encipherment)), chain.ProblemWrongUsage},
		{"a key usage for RSA key exchange, ECDHE", withRSA(encipherment, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), chain.ProblemWrongUsage},
		{"a key usage for RSA key exchange, and that", withRSA(encipherment, tls.TLS_RSA_WITH_AES_128_GCM_SHA256), ""},
		{"a key usage for signatures, RSA key exchange", withRSA(signature, tls.TLS_RSA_WITH_AES_128_GCM_SHA256), chain.ProblemWrongUsage},
		{"an algorithm that cannot be verified", tlstest.Server{RawChain: signedWithSM2}, chain.ProblemUnsupportedAlgorithm},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := probetest.Module(t, lab)
			m.ServerName = "localhost"
			if test.want == chain.ProblemNameMismatch {
				m.ServerName = "server.test"
			}
			r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, "tls://"+labtest.Serve(t, lab, test.server)))
			if r.Chain == nil {
				t.Fatalf("there is no chain: %v", r.Failure)
			}
			if test.want == "" {
				if !r.Success() || !r.Chain.Valid || len(r.Chain.Problems) > 0 {
					t.Errorf("%v, valid is %v, problems are %v", r.Failure, r.Chain.Valid, r.Chain.Problems)
				}
				return
			}
			if r.Success() || r.Failure.Phase != failure.PhaseVerify || r.Failure.Reason != failure.Reason(test.want) || !slices.Equal(problemsOf(r.Chain), []chain.Problem{test.want}) {
				t.Errorf("failed with %v, problems are %v", r.Failure, r.Chain.Problems)
			}
			if unknown := test.want == chain.ProblemUnsupportedAlgorithm; r.Chain.Valid || r.Chain.Unverified != unknown || !r.Session.Completed {
				t.Errorf("valid is %v, unverified %v, completed %v", r.Chain.Valid, r.Chain.Unverified, r.Session.Completed)
			}
		})
	}
}

// signedWithSM2 says of the leaf that it is signed with SM2.
func signedWithSM2(sent [][]byte) [][]byte {
	ecdsaWithSHA256, sm2 := []byte{0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}, []byte{0x30, 10, 6, 8, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x75}
	return append([][]byte{bytes.ReplaceAll(sent[0], ecdsaWithSHA256, sm2)}, sent[1:]...)
}
