package chain

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 chains may have it
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// scheme is a key of a CA and the algorithm of its signatures.
type scheme struct {
	key       publicKeyInfo
	algorithm pkix.AlgorithmIdentifier
	sign      func(body []byte) ([]byte, error)
}

func (p pki) oid(s string) asn1.ObjectIdentifier {
	p.Helper()
	parsed, err := x509.ParseOID(s)
	if err != nil {
		p.Fatal(err)
	}
	der, _ := parsed.MarshalBinary()
	var oid asn1.ObjectIdentifier
	asn1.Unmarshal(append([]byte{asn1.TagOID, byte(len(der))}, der...), &oid)
	return oid
}

// schemeOf has the public key as raw bytes.
func (p pki) schemeOf(key, algorithm string, raw []byte, sign func([]byte) ([]byte, error)) scheme {
	p.Helper()
	return scheme{
		publicKeyInfo{pkix.AlgorithmIdentifier{Algorithm: p.oid(key)}, asn1.BitString{Bytes: raw, BitLength: 8 * len(raw)}},
		pkix.AlgorithmIdentifier{Algorithm: p.oid(algorithm)}, sign,
	}
}

// pssParameters is RSASSA-PSS-params.
func (p pki) pssParameters(hash string, salt int) asn1.RawValue {
	p.Helper()
	h := pkix.AlgorithmIdentifier{Algorithm: p.oid(hash), Parameters: asn1.NullRawValue}
	return asn1.RawValue{FullBytes: p.marshal(struct {
		Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
		Mask pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
		Salt int                      `asn1:"explicit,tag:2"`
	}{h, pkix.AlgorithmIdentifier{Algorithm: p.oid("1.2.840.113549.1.1.8"), Parameters: asn1.RawValue{FullBytes: p.marshal(h)}}, salt})}
}

// under returns a leaf and its issuer, which has the key of a scheme.
func (p pki) under(root *tlstest.CA, s scheme, change ...func(*x509.Certificate)) (leaf, issuer *x509.Certificate) {
	p.Helper()
	ca := p.intermediate(root, "CA")
	issuer = p.resigned(ca.Certificate, nil, func(body *toBeSigned) { body.PublicKey = asn1.RawValue{FullBytes: p.marshal(s.key)} }, withKey(root))
	return p.resigned(p.leaf(ca, change...), p.marshal(s.algorithm), nil, s.sign), issuer
}

// schemes are signatures that crypto/x509 does not verify.
func (p pki) schemes() map[string]scheme {
	p.Helper()
	all := make(map[string]scheme)
	must := func(err error) {
		p.Helper()
		if err != nil {
			p.Fatal(err)
		}
	}
	public448, private448, err := ed448.GenerateKey(rand.Reader)
	must(err)
	all["Ed448"] = p.schemeOf("1.3.101.113", "1.3.101.113", public448, func(body []byte) ([]byte, error) { return ed448.Sign(private448, body, ""), nil })
	public44, private44, err := mldsa44.GenerateKey(rand.Reader)
	must(err)
	all["ML-DSA-44"] = p.schemeOf("2.16.840.1.101.3.4.3.17", "2.16.840.1.101.3.4.3.17", public44.Bytes(), func(body []byte) ([]byte, error) {
		return private44.Sign(rand.Reader, body, crypto.Hash(0))
	})
	public65, private65, err := mldsa65.GenerateKey(rand.Reader)
	must(err)
	all["ML-DSA-65"] = p.schemeOf("2.16.840.1.101.3.4.3.18", "2.16.840.1.101.3.4.3.18", public65.Bytes(), func(body []byte) ([]byte, error) {
		return private65.Sign(rand.Reader, body, crypto.Hash(0))
	})
	public87, private87, err := mldsa87.GenerateKey(rand.Reader)
	must(err)
	all["ML-DSA-87"] = p.schemeOf("2.16.840.1.101.3.4.3.19", "2.16.840.1.101.3.4.3.19", public87.Bytes(), func(body []byte) ([]byte, error) {
		return private87.Sign(rand.Reader, body, crypto.Hash(0))
	})

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	rsaRaw := x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)
	null := func(s scheme) scheme {
		s.key.Algorithm.Parameters, s.algorithm.Parameters = asn1.NullRawValue, asn1.NullRawValue
		return s
	}
	signPSS := func(hash crypto.Hash, salt int) func([]byte) ([]byte, error) {
		return func(body []byte) ([]byte, error) {
			return rsa.SignPSS(rand.Reader, rsaKey, hash, sum(hash, body), &rsa.PSSOptions{SaltLength: salt})
		}
	}
	const sha256OID, sha384OID = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2"
	onlyPSS := p.schemeOf(oidRSAPSS, oidRSAPSS, rsaRaw, signPSS(crypto.SHA256, 32))
	onlyPSS.algorithm.Parameters = p.pssParameters(sha256OID, 32)
	all["RSA-PSS with a key for it alone"] = onlyPSS
	limited := onlyPSS
	limited.key.Algorithm.Parameters = p.pssParameters(sha256OID, 20)
	all["RSA-PSS with a key with parameters"] = limited
	salted := null(p.schemeOf("1.2.840.113549.1.1.1", oidRSAPSS, rsaRaw, signPSS(crypto.SHA384, 20)))
	salted.algorithm.Parameters = p.pssParameters(sha384OID, 20)
	all["RSA-PSS with a short salt"] = salted
	for name, hash := range map[string]crypto.Hash{"1.2.840.113549.1.1.14": crypto.SHA224, "2.16.840.1.101.3.4.3.14": crypto.SHA3_256} {
		all["RSA with "+hash.String()] = null(p.schemeOf("1.2.840.113549.1.1.1", name, rsaRaw, func(body []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(nil, rsaKey, hash, sum(hash, body))
		}))
	}

	curve := asn1.RawValue{FullBytes: p.marshal(p.oid("1.2.840.10045.3.1.7"))}
	ecKey := p.key.(*ecdsa.PrivateKey)
	uncompressed := elliptic.Marshal(elliptic.P256(), ecKey.X, ecKey.Y) //lint:ignore SA1019 crypto/ecdsa has no compressed points
	for name, hash := range map[string]crypto.Hash{"1.2.840.10045.4.3.1": crypto.SHA224} {
		s := p.schemeOf("1.2.840.10045.2.1", name, uncompressed, func(body []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, ecKey, sum(hash, body)) })
		s.key.Algorithm.Parameters = curve
		all["ECDSA with "+hash.String()] = s
	}
	return all
}

// A chain whose signatures crypto/x509 does not know is valid if they verify, and all
// its problems are told.
func TestOtherAlgorithms(t *testing.T) {
	p := newPKI(t)
	root, untrusted := p.root("Root"), p.root("Untrusted")
	expired := expires(labtest.Now.Add(-labtest.Day))
	misnamed := func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }
	for name, s := range p.schemes() {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				name    string
				of      *tlstest.CA
				change  func(*x509.Certificate)
				altered bool
				want    []Problem
				path    int
			}{
				{"good", root, func(*x509.Certificate) {}, false, nil, 3},
				{"expired", root, expired, false, []Problem{ProblemExpired}, 3},
				{"expired and misnamed, of an unknown root", untrusted, both(expired, misnamed), false, allBad, 0},
				{"a bad signature", root, func(*x509.Certificate) {}, true, []Problem{ProblemBadSignature}, 0},
				{"a bad signature, expired and misnamed", root, both(expired, misnamed), true, []Problem{ProblemExpired, ProblemNameMismatch, ProblemBadSignature}, 0},
				{"a name constraint", p.constrainedCA(root), func(*x509.Certificate) {}, false, []Problem{ProblemNameConstraint}, 0},
			} {
				leaf, ca := p.under(test.of, s, test.change)
				sent := certs(leaf, ca)
				if test.of.Certificate.Issuer.CommonName != test.of.Certificate.Subject.CommonName {
					sent = append(sent, test.of.Certificate)
				}
				if test.altered {
					sent[0] = tampered(t, leaf)
				}
				c := uncached(sent, "localhost", trust(root), labtest.Now)
				if c.Valid != (test.want == nil) || c.Unverified || !slices.Equal(problems(c), test.want) || len(c.Path) != test.path {
					t.Errorf("%s: valid is %v, problems are %v, path of %d; want %v", test.name, c.Valid, c.Problems, len(c.Path), test.want)
				}
			}
			leaf, ca := p.under(root, s)
			if c := uncached(certs(leaf), "localhost", trust(&tlstest.CA{Certificate: ca}), labtest.Now); !c.Valid || len(c.Path) != 2 {
				t.Errorf("its CA is trusted as a root: %v", c.Problems)
			}
			if c := uncached([]*x509.Certificate{tampered(t, leaf)}, "localhost", trust(&tlstest.CA{Certificate: ca}), labtest.Now); !slices.Equal(problems(c), []Problem{ProblemBadSignature}) {
				t.Errorf("its CA is trusted as a root, and did not sign: %v", c.Problems)
			}
			v := NewVerifier(trust(root))
			for range 2 {
				if c := v.Verify(described(certs(leaf, ca)), "localhost", 0, labtest.Now); !c.Valid || !c.NotAfter.Equal(leaf.NotAfter) {
					t.Errorf("cached: valid is %v, problems are %v", c.Valid, c.Problems)
				}
			}
			if !strings.HasPrefix(name, "ML-DSA") { // OpenSSL has it since 3.5
				agrees(t, true, root.Certificate, leaf, ca)
			}
		})
	}
}

// The parameters of RSA-PSS count: those of a key limit its signatures, and SHA-1 is
// weak there too.
func TestParametersOfRSAPSS(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const sha1OID, sha256OID, sha384OID = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2"
	none := asn1.RawValue{}
	for _, test := range []struct {
		name    string
		allowed asn1.RawValue // of the key
		hash    crypto.Hash
		used    asn1.RawValue
		want    []Problem
	}{
		{"a key without parameters", none, crypto.SHA384, p.pssParameters(sha384OID, 48), nil},
		{"the parameters of the key", p.pssParameters(sha256OID, 32), crypto.SHA256, p.pssParameters(sha256OID, 32), nil},
		{"a longer salt", p.pssParameters(sha256OID, 20), crypto.SHA256, p.pssParameters(sha256OID, 32), nil},
		{"a shorter salt", p.pssParameters(sha256OID, 32), crypto.SHA256, p.pssParameters(sha256OID, 20), []Problem{ProblemBadSignature}},
		{"another hash", p.pssParameters(sha256OID, 32), crypto.SHA384, p.pssParameters(sha384OID, 32), []Problem{ProblemBadSignature}},
		{"SHA-1", none, crypto.SHA1, p.pssParameters(sha1OID, 20), []Problem{ProblemWeakSignature}},
	} {
		used, ok := pssOf(pkix.AlgorithmIdentifier{Parameters: test.used})
		if !ok {
			t.Fatalf("%s: the parameters cannot be read", test.name)
		}
		s := p.schemeOf(oidRSAPSS, oidRSAPSS, x509.MarshalPKCS1PublicKey(&key.PublicKey), func(body []byte) ([]byte, error) {
			return rsa.SignPSS(rand.Reader, key, test.hash, sum(test.hash, body), &rsa.PSSOptions{SaltLength: used.salt})
		})
		s.key.Algorithm.Parameters, s.algorithm.Parameters = test.allowed, test.used
		leaf, ca := p.under(root, s)
		if c := uncached(certs(leaf, ca), "localhost", trust(root), labtest.Now); c.Valid != (test.want == nil) || !slices.Equal(problems(c), test.want) {
			t.Errorf("%s: valid is %v, problems are %v, want %v", test.name, c.Valid, c.Problems, test.want)
		}
	}
}

// constrainedCA is an intermediate that may not issue for localhost.
func (p pki) constrainedCA(root *tlstest.CA) *tlstest.CA {
	return p.intermediate(root, "Constrained", func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"permitted.test"} })
}

// unknownSchemes are signatures that the exporter cannot verify.
func (p pki) unknownSchemes() map[string]scheme {
	p.Helper()
	garbage := func([]byte) ([]byte, error) { return make([]byte, 64), nil }
	sm2 := p.schemeOf("1.2.840.10045.2.1", "1.2.156.10197.1.501", make([]byte, 65), garbage)
	sm2.key.Algorithm.Parameters = asn1.RawValue{FullBytes: p.marshal(p.oid("1.2.840.10045.3.1.7"))}     // crypto/x509 parses no other curve
	point := elliptic.Marshal(elliptic.P256(), p.key.(*ecdsa.PrivateKey).X, p.key.(*ecdsa.PrivateKey).Y) //lint:ignore SA1019 as above
	sm2.key.Key = asn1.BitString{Bytes: point, BitLength: 8 * len(point)}

	var parameters dsa.Parameters
	if err := dsa.GenerateParameters(&parameters, rand.Reader, dsa.L1024N160); err != nil {
		p.Fatal(err)
	}
	key := dsa.PrivateKey{PublicKey: dsa.PublicKey{Parameters: parameters}}
	if err := dsa.GenerateKey(&key, rand.Reader); err != nil {
		p.Fatal(err)
	}
	signDSA := p.schemeOf("1.2.840.10040.4.1", "2.16.840.1.101.3.4.3.2", p.marshal(key.Y), func(body []byte) ([]byte, error) {
		digest := sha256.Sum256(body)
		r, s, err := dsa.Sign(rand.Reader, &key, digest[:20])
		return p.marshal(struct{ R, S *big.Int }{r, s}), err
	})
	signDSA.key.Algorithm.Parameters = asn1.RawValue{FullBytes: p.marshal(struct{ P, Q, G *big.Int }{parameters.P, parameters.Q, parameters.G})}

	costly := func(bits uint) scheme {
		modulus := new(big.Int).Lsh(big.NewInt(1), bits-1)
		s := p.schemeOf("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", p.marshal(struct {
			N *big.Int
			E int
		}{modulus.SetBit(modulus, 0, 1), 1<<31 - 1}), func([]byte) ([]byte, error) { return make([]byte, bits/8), nil })
		s.key.Algorithm.Parameters, s.algorithm.Parameters = asn1.NullRawValue, asn1.NullRawValue
		return s
	}
	return map[string]scheme{
		"SM2":                            sm2,
		"DSA":                            signDSA,
		"an algorithm that nobody knows": p.schemeOf("1.2.3.4.5", "1.2.3.4.6", []byte{1, 2, 3}, garbage),
		// To verify one signature takes minutes, and 6 ms: a hundred of them are tried twice.
		"an RSA key of a million bits":                   costly(1_000_000),
		"an RSA key of 16384 bits and an exponent of 31": costly(16384),
	}
}

// Whether a chain is valid is not known if a signature of it cannot be verified, and
// nothing else is wrong with it.
func TestUnsupportedAlgorithm(t *testing.T) {
	p := newPKI(t)
	root, untrusted := p.root("Root"), p.root("Untrusted")
	for name, s := range p.unknownSchemes() {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				name    string
				of      *tlstest.CA
				change  func(*x509.Certificate)
				want    []Problem // beside unsupported_algorithm
				unknown bool
			}{
				{"nothing else", root, func(*x509.Certificate) {}, nil, true},
				{"expired", root, expires(labtest.Now.Add(-labtest.Day)), []Problem{ProblemExpired}, false},
				{"misnamed", root, func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }, []Problem{ProblemNameMismatch}, false},
				{"of an unknown root", untrusted, func(*x509.Certificate) {}, []Problem{ProblemUnknownAuthority}, false},
				{"an unknown critical extension", root, critical, []Problem{ProblemUnhandledCriticalExtension}, false},
			} {
				leaf, ca := p.under(test.of, s, test.change)
				v := NewVerifier(trust(root))
				for range 2 { // then from the cache
					c := v.Verify(described(certs(leaf, ca)), "localhost", 0, labtest.Now)
					got := slices.DeleteFunc(problems(c), func(p Problem) bool { return p == ProblemUnsupportedAlgorithm || p == ProblemWeakKey })
					if c.Valid || c.Unverified != test.unknown || !c.Has(ProblemUnsupportedAlgorithm) || !slices.Equal(got, test.want) || c.Path != nil {
						t.Errorf("%s: valid is %v, unverified %v, problems are %v", test.name, c.Valid, c.Unverified, c.Problems)
					}
				}
			}
		})
	}
	for name, s := range p.unknownSchemes() {
		if strings.HasPrefix(name, "an RSA key") {
			continue // no one configures such a root, and crypto/x509 would take minutes
		}
		leaf, issuer := p.under(root, s)
		if c := uncached(certs(leaf), "localhost", trust(&tlstest.CA{Certificate: issuer}), labtest.Now); !c.Unverified || !c.Has(ProblemUnsupportedAlgorithm) || c.Has(ProblemUnknownAuthority) {
			t.Errorf("%s of a root: %v", name, c.Problems)
		}
	}
	ca := p.intermediate(root, "Other")
	leaf, issuer := p.under(root, p.unknownSchemes()["SM2"])
	if c := uncached(certs(leaf, ca, issuer), "localhost", trust(root), labtest.Now); !c.Unverified || c.Problems[0].Position != 0 || !strings.Contains(c.Problems[0].Detail, "SM2") {
		t.Errorf("problems are %v", c.Problems)
	}
	if c := uncached(certs(p.leaf(ca), ca, issuer), "localhost", trust(root), labtest.Now); !c.Valid {
		t.Errorf("a certificate outside of the path: %v", c.Problems)
	}
}

// A point may be compressed (RFC 5480 section 2.2). crypto/x509 parses no such key.
func TestCompressedPoint(t *testing.T) {
	p := newPKI(t)
	for oid, curve := range map[string]elliptic.Curve{"1.2.840.10045.3.1.7": elliptic.P256(), "1.3.132.0.34": elliptic.P384()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		compressed := elliptic.MarshalCompressed(curve, key.X, key.Y)
		info := p.schemeOf("1.2.840.10045.2.1", "1.2.840.10045.4.3.2", compressed, nil)
		info.key.Algorithm.Parameters = asn1.RawValue{FullBytes: p.marshal(p.oid(oid))}
		digest := sha256.Sum256([]byte("body"))
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		if err := checkOther(info.key, info.algorithm, []byte("body"), signature); err != nil {
			t.Errorf("%s: %v", oid, err)
		}
		if err := checkOther(info.key, info.algorithm, []byte("ydob"), signature); err != errBadSignature {
			t.Errorf("%s, another body: %v", oid, err)
		}
	}
}
