package chain

import (
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// rsaCA is an intermediate with an RSA key.
func (p pki) rsaCA(ca *tlstest.CA, name string) *tlstest.CA {
	p.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.Fatal(err)
	}
	other := &tlstest.CA{Key: key, Certificate: &x509.Certificate{Subject: pkix.Name{Organization: []string{"tls_exporter lab"}, CommonName: name}}}
	return p.crossSign(ca, other)
}

// withoutKeyIdentifiers signs a certificate of issuer again, without its subject and
// authority key identifiers.
func (p pki) withoutKeyIdentifiers(issuer *tlstest.CA, cert *x509.Certificate) *x509.Certificate {
	p.Helper()
	return p.resigned(cert, nil, func(body *toBeSigned) {
		body.Extensions = slices.DeleteFunc(body.Extensions, func(e pkix.Extension) bool {
			return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 14}) || e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 35})
		})
	}, withKey(issuer))
}

// signedCertificate is Certificate of RFC 5280 section 4.1.
type signedCertificate struct {
	Body      asn1.RawValue
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

// toBeSigned is TBSCertificate of RFC 5280 section 4.1.
type toBeSigned struct {
	Version      int `asn1:"explicit,tag:0"`
	SerialNumber asn1.RawValue
	Algorithm    asn1.RawValue
	Issuer       asn1.RawValue
	Validity     asn1.RawValue
	Subject      asn1.RawValue
	PublicKey    asn1.RawValue
	Extensions   []pkix.Extension `asn1:"optional,explicit,tag:3"`
}

// resigned changes a certificate and signs it again. sign returns the signature of the
// body; algorithm is the DER of its AlgorithmIdentifier, nil: that of before.
func (p pki) resigned(cert *x509.Certificate, algorithm []byte, change func(*toBeSigned), sign func(body []byte) ([]byte, error)) *x509.Certificate {
	p.Helper()
	changed, err := x509.ParseCertificate(p.reissued(cert, algorithm, change, sign))
	if err != nil {
		p.Fatal(err)
	}
	return changed
}

// reissued is resigned for certificates that crypto/x509 may reject. It returns DER.
func (p pki) reissued(cert *x509.Certificate, algorithm []byte, change func(*toBeSigned), sign func(body []byte) ([]byte, error)) []byte {
	p.Helper()
	var whole signedCertificate
	var body toBeSigned
	if _, err := asn1.Unmarshal(cert.Raw, &whole); err != nil {
		p.Fatal(err)
	}
	if _, err := asn1.Unmarshal(whole.Body.FullBytes, &body); err != nil {
		p.Fatal(err)
	}
	if algorithm != nil {
		whole.Algorithm = asn1.RawValue{FullBytes: algorithm}
		body.Algorithm = whole.Algorithm
	}
	if change != nil {
		change(&body)
	}
	der, err := asn1.Marshal(body)
	if err != nil {
		p.Fatal(err)
	}
	signature, err := sign(der)
	if err != nil {
		p.Fatal(err)
	}
	whole.Body = asn1.RawValue{FullBytes: der}
	whole.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	if der, err = asn1.Marshal(whole); err != nil {
		p.Fatal(err)
	}
	return der
}

func (p pki) marshal(value any) []byte {
	p.Helper()
	der, err := asn1.Marshal(value)
	if err != nil {
		p.Fatal(err)
	}
	return der
}

// md5Signed signs a certificate again, with MD5.
func (p pki) md5Signed(ca *tlstest.CA, cert *x509.Certificate) *x509.Certificate {
	p.Helper()
	md5WithRSA := p.marshal(pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4}, Parameters: asn1.NullRawValue})
	return p.resigned(cert, md5WithRSA, nil, func(body []byte) ([]byte, error) {
		digest := md5.Sum(body)
		return rsa.SignPKCS1v15(nil, ca.Key.(*rsa.PrivateKey), crypto.MD5, digest[:])
	})
}

// The system's roots are not listed, but those of Mozilla's program are known: a bad
// signature under one of them is told from a root that is not trusted.
func TestBadSignatureUnderAPublicRoot(t *testing.T) {
	p := newPKI(t)
	var root *x509.Certificate
	for known := range bundle.Roots() {
		cert, err := x509.ParseCertificate(known.Certificate)
		if err == nil && len(cert.SubjectKeyId) > 0 && known.Constraint == nil && cert.PublicKeyAlgorithm == x509.ECDSA {
			root = cert
			break
		}
	}
	leaf := p.forged(root)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	for _, test := range []struct {
		name  string
		pool  *x509.CertPool
		leaf  *x509.Certificate
		want  Problem
		never Problem
	}{
		{"the root is trusted", pool, leaf, ProblemBadSignature, ProblemUnknownAuthority},
		{"the root is not trusted", x509.NewCertPool(), leaf, ProblemUnknownAuthority, ProblemBadSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := uncached(certs(test.leaf), "localhost", &Roots{Pool: test.pool, public: isPublicRoot}, labtest.Now)
			if c.Valid || !c.Has(test.want) || c.Has(test.never) {
				t.Errorf("valid: %v, problems %v", c.Valid, c.Problems)
			}
		})
	}
}

// A certificate that crypto/x509 rejects is judged by the same roots.
func TestBadSignatureOfUnreadCertificate(t *testing.T) {
	p := newPKI(t)
	for known := range bundle.Roots() {
		root, err := x509.ParseCertificate(known.Certificate)
		if err != nil || len(root.SubjectKeyId) == 0 || known.Constraint != nil || root.PublicKeyAlgorithm != x509.ECDSA {
			continue
		}
		pool := x509.NewCertPool()
		pool.AddCert(root)
		unread := p.reissued(p.forged(root), nil, validity(asn1.TagGeneralizedTime, "20200101000000.0Z", "20991231235959.0Z"), withKey(p.root("Forger")))
		c := verify(certificate.ParseChain([][]byte{unread}, nil), "localhost", 0, &Roots{Pool: pool, public: isPublicRoot}, labtest.Now).Chain
		if !c.Has(ProblemBadSignature) || !c.Has(ProblemBadCertificate) || c.Has(ProblemUnknownAuthority) {
			t.Errorf("problems %v", c.Problems)
		}
		return
	}
}

// forged is a leaf that says that root issued it.
func (p pki) forged(root *x509.Certificate) *x509.Certificate {
	p.Helper()
	forger := p.root("Forger", func(c *x509.Certificate) { c.SubjectKeyId = root.SubjectKeyId })
	leaf := p.leaf(forger)
	return p.resigned(leaf, nil, func(body *toBeSigned) { body.Issuer = asn1.RawValue{FullBytes: root.RawSubject} }, withKey(forger))
}

func pemOf(certs ...*x509.Certificate) []byte {
	var all []byte
	for _, cert := range certs {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return all
}
