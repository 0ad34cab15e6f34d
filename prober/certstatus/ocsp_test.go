package certstatus_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// pki is a CA with a certificate, and what may be taken for them.
type pki struct {
	t               testing.TB
	ca              *tlstest.CA
	leaf, neighbour *x509.Certificate
	namesake        *tlstest.CA // the name of the CA, and another key
	sameKey         *tlstest.CA // the key of the CA, and another name
	other           *tlstest.CA
	twin            *x509.Certificate // of other, with the serial number of leaf
}

func newPKI(t testing.TB) *pki {
	t.Helper()
	root, err := tlstest.NewRoot("Root")
	check(t, err)
	p := &pki{t: t}
	p.ca, err = root.Intermediate("CA")
	check(t, err)
	p.namesake, err = root.Intermediate("CA")
	check(t, err)
	renamed := *p.ca
	renamed.Certificate = new(x509.Certificate)
	*renamed.Certificate = *p.ca.Certificate
	renamed.Certificate.Subject = pkix.Name{CommonName: "Other name"}
	p.sameKey, err = root.CrossSign(&renamed)
	check(t, err)
	p.other, err = root.Intermediate("Other CA")
	check(t, err)
	p.leaf = p.issue(p.ca, nil)
	p.neighbour = p.issue(p.ca, nil)
	p.twin = p.issue(p.other, p.leaf.SerialNumber)
	return p
}

func (p *pki) issue(ca *tlstest.CA, serial *big.Int) *x509.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(p.t, err)
	cert, err := ca.Issue(&x509.Certificate{SerialNumber: serial, NotBefore: labtest.Now, NotAfter: labtest.Now.Add(24 * time.Hour)}, key)
	check(p.t, err)
	return cert
}

func (p *pki) delegate(ca *tlstest.CA, change ...func(*x509.Certificate)) *tlstest.CA {
	responder, err := ca.OCSPDelegate(change...)
	check(p.t, err)
	return responder
}

func (p *pki) respond(o tlstest.OCSP) []byte {
	der, err := p.ca.RespondOCSP(p.leaf, o)
	check(p.t, err)
	return der
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func usages(all ...x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtKeyUsage = all }
}

func critical(c *x509.Certificate) {
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
}

func TestJudgeOCSP(t *testing.T) {
	p := newPKI(t)
	now := time.Now()
	hour, day := time.Hour, 24*time.Hour
	hold := int(certstatus.CertificateHold)
	for _, test := range []struct {
		name     string
		response []byte
		status   certstatus.Status
		detail   string // that the detail contains
	}{
		// Who signed it.
		{"signed by the issuer", p.respond(tlstest.OCSP{}), certstatus.Good, ""},
		{"signed by the issuer, which is named", p.respond(tlstest.OCSP{ByName: true}), certstatus.Good, ""},
		{"revoked", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked, Reason: 1}), certstatus.Revoked, "keyCompromise"},
		{"revoked without a reason", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked}), certstatus.Revoked, "unspecified"},
		{"unknown", p.respond(tlstest.OCSP{Status: tlstest.OCSPUnknown}), certstatus.Unknown, "does not know"},
		{"signed by a delegate", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca)}), certstatus.Good, ""},
		{"signed by a delegate, which is named", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca), ByName: true}), certstatus.Good, ""},
		{"a delegate with the usage among others", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, usages(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageOCSPSigning))}), certstatus.Good, ""},
		{"revoked by a delegate", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca), Status: tlstest.OCSPRevoked, Reason: 4}), certstatus.Revoked, "superseded"},
		{"a delegate without the usage", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, usages(x509.ExtKeyUsageServerAuth))}), certstatus.Invalid, "not for signing OCSP responses"},
		{"a delegate without any usage", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, usages())}), certstatus.Invalid, "not for signing OCSP responses"},
		{"a delegate for any usage", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, usages(x509.ExtKeyUsageAny))}), certstatus.Invalid, "not for signing OCSP responses"},
		{"a delegate without the key usage", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })}), certstatus.Invalid, "not for signatures"},
		{"a delegate that has expired", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, func(c *x509.Certificate) { c.NotAfter = now.Add(-hour) })}), certstatus.Invalid, "responder that signed it expired"},
		{"a delegate that is not valid yet", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, func(c *x509.Certificate) { c.NotBefore = now.Add(hour) })}), certstatus.Invalid, "becomes valid"},
		{"a delegate with an unknown critical extension", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, critical)}), certstatus.Invalid, "critical extension 1.2.3.4"},
		{"a delegate of another CA", p.respond(tlstest.OCSP{Signer: p.delegate(p.other)}), certstatus.Invalid, "another CA has issued"},
		{"a delegate of a CA of the same name", p.respond(tlstest.OCSP{Signer: p.delegate(p.namesake)}), certstatus.Invalid, "did not sign the certificate of the responder"},
		{"a delegate with a certificate of SHA-1", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })}), certstatus.Invalid, "SHA-1"},
		{"signed by another CA", p.respond(tlstest.OCSP{Signer: p.other}), certstatus.Invalid, "another CA has issued"},
		{"signed by a CA of the same name, which is named", p.respond(tlstest.OCSP{Signer: p.namesake, ByName: true}), certstatus.Invalid, ""},
		{"revoked by another CA", p.respond(tlstest.OCSP{Signer: p.other, Status: tlstest.OCSPRevoked}), certstatus.Invalid, ""},
		{"signed with SHA-1", p.respond(tlstest.OCSP{SHA1: true}), certstatus.Invalid, "ECDSA with SHA-1"},
		{"a signature of other bytes", flip(p.respond(tlstest.OCSP{}), -1), certstatus.Invalid, "signature does not verify"},
		{"the certificate of the delegate before others", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca), Certificates: []*x509.Certificate{p.neighbour, p.ca.Certificate}}), certstatus.Good, ""},
		{"the certificate of the delegate after others", p.crowded(2), certstatus.Good, ""},
		{"the certificate of the delegate after too many others", p.crowded(4), certstatus.Invalid, "neither the issuer"},
		{"a delegate whose certificate is missing", p.respond(tlstest.OCSP{Signer: p.delegate(p.ca), WithoutSigner: true}), certstatus.Invalid, "neither the issuer"},

		// Which certificate it is about. x/crypto/ocsp compares the serial number alone.
		{"the issuer by SHA-256", p.respond(tlstest.OCSP{Hash: crypto.SHA256}), certstatus.Good, ""},
		{"the issuer by SHA-384", p.respond(tlstest.OCSP{Hash: crypto.SHA384}), certstatus.Good, ""},
		{"the issuer by SHA-512", p.respond(tlstest.OCSP{Hash: crypto.SHA512}), certstatus.Good, ""},
		{"the issuer by MD5", p.respond(tlstest.OCSP{Hash: crypto.MD5}), certstatus.Invalid, "a hash that is not known"},
		{"another serial number", p.respond(tlstest.OCSP{Serial: p.neighbour.SerialNumber}), certstatus.Invalid, "about another certificate"},
		{"the same serial number of another CA", p.respond(tlstest.OCSP{About: p.other}), certstatus.Invalid, "another CA with the same serial number"},
		{"of a CA of the same name", p.respond(tlstest.OCSP{About: p.namesake}), certstatus.Invalid, "another CA with the same serial number"},
		{"of a CA with the same key", p.respond(tlstest.OCSP{About: p.sameKey}), certstatus.Invalid, "another CA with the same serial number"},
		{"of a CA of the same name, by SHA-256", p.respond(tlstest.OCSP{About: p.namesake, Hash: crypto.SHA256}), certstatus.Invalid, "another CA with the same serial number"},
		{"of a CA with the same key, by SHA-256", p.respond(tlstest.OCSP{About: p.sameKey, Hash: crypto.SHA256}), certstatus.Invalid, "another CA with the same serial number"},

		// Several responses in one.
		{"after one about another certificate", p.respond(tlstest.OCSP{Before: []tlstest.OCSP{{Serial: p.neighbour.SerialNumber, Status: tlstest.OCSPRevoked}}}), certstatus.Good, ""},
		{"after one about the serial number of another CA", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked, Before: []tlstest.OCSP{{About: p.other}}}), certstatus.Revoked, ""},
		{"good and revoked", p.respond(tlstest.OCSP{Before: []tlstest.OCSP{{Status: tlstest.OCSPRevoked}}}), certstatus.Revoked, ""},
		{"revoked and good", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked, Before: []tlstest.OCSP{{}}}), certstatus.Revoked, ""},
		{"good and unknown, by different hashes", p.respond(tlstest.OCSP{Hash: crypto.SHA256, Before: []tlstest.OCSP{{Status: tlstest.OCSPUnknown}}}), certstatus.Unknown, ""},

		// When it counts.
		{"expired", p.respond(tlstest.OCSP{ThisUpdate: now.Add(-5 * day), NextUpdate: now.Add(-time.Minute)}), certstatus.Expired, "expired on"},
		{"of the future", p.respond(tlstest.OCSP{ThisUpdate: now.Add(10 * time.Minute)}), certstatus.Invalid, "in the future"},
		{"of a clock that is ahead", p.respond(tlstest.OCSP{ThisUpdate: now.Add(2 * time.Minute)}), certstatus.Good, ""},
		{"it ends before it begins", p.respond(tlstest.OCSP{NextUpdate: now.Add(-2 * hour)}), certstatus.Invalid, "before it begins"},
		{"without nextUpdate", p.respond(tlstest.OCSP{NoNextUpdate: true}), certstatus.Good, ""},
		{"without nextUpdate, of the day before yesterday", p.respond(tlstest.OCSP{NoNextUpdate: true, ThisUpdate: now.Add(-25 * hour)}), certstatus.Expired, "no nextUpdate"},
		{"revoked, and expired", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked, ThisUpdate: now.Add(-9 * day), NextUpdate: now.Add(-5 * day)}), certstatus.Revoked, ""},
		{"on hold", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked, Reason: hold}), certstatus.Revoked, "certificateHold"},
		{"on hold, and expired", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked, Reason: hold, ThisUpdate: now.Add(-9 * day), NextUpdate: now.Add(-5 * day)}), certstatus.Expired, ""},
		{"never issued", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked, Reason: hold, RevokedAt: time.Unix(0, 0)}), certstatus.Revoked, "did not issue"},
		{"unknown, and expired", p.respond(tlstest.OCSP{Status: tlstest.OCSPUnknown, ThisUpdate: now.Add(-9 * day), NextUpdate: now.Add(-5 * day)}), certstatus.Expired, ""},

		// What it is.
		{"malformedRequest", tlstest.OCSPError(1), certstatus.Invalid, "malformedRequest"},
		{"internalError", tlstest.OCSPError(2), certstatus.Invalid, "internalError"},
		{"tryLater", tlstest.OCSPError(3), certstatus.Invalid, "tryLater"},
		{"sigRequired", tlstest.OCSPError(5), certstatus.Invalid, "sigRequired"},
		{"unauthorized", tlstest.OCSPError(6), certstatus.Invalid, "unauthorized"},
		{"an unassigned status", tlstest.OCSPError(4), certstatus.Invalid, "unassigned number (4)"},
		{"successful, without a response", tlstest.OCSPError(0), certstatus.Invalid, "not an OCSP response"},
		{"nothing", nil, certstatus.Invalid, "not an OCSP response"},
		{"HTML", []byte("<html>"), certstatus.Invalid, "not an OCSP response"},
		{"a certificate", p.leaf.Raw, certstatus.Invalid, "not an OCSP response"},
		{"PEM", pem.EncodeToMemory(&pem.Block{Type: "OCSP RESPONSE", Bytes: p.respond(tlstest.OCSP{})}), certstatus.Invalid, "not an OCSP response"},
		{"cut off", p.respond(tlstest.OCSP{})[:100], certstatus.Invalid, "not an OCSP response"},
		{"a byte after it", append(p.respond(tlstest.OCSP{}), 0), certstatus.Invalid, "not an OCSP response"},
		{"too large", make([]byte, certstatus.MaxResponse+1), certstatus.Invalid, "at most 24576 are read"},
		{"of another type", bytes.Replace(p.respond(tlstest.OCSP{}), []byte{0x2b, 6, 1, 5, 5, 7, 48, 1, 1}, []byte{0x2b, 6, 1, 5, 5, 7, 48, 1, 2}, 1), certstatus.Invalid, "not id-pkix-ocsp-basic"},
		{"an unknown extension", p.respond(tlstest.OCSP{Extensions: extension(false)}), certstatus.Good, ""},
		{"an unknown critical extension", p.respond(tlstest.OCSP{Extensions: extension(true)}), certstatus.Invalid, "critical extension 1.2.3.4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := certstatus.JudgeOCSP(test.response, p.leaf, p.ca.Certificate, now)
			if a.Status != test.status || a.Source != certstatus.OCSP {
				t.Errorf("%s of %s, %q; want %s", a.Status, a.Source, a.Detail, test.status)
			}
			if !strings.Contains(a.Detail, test.detail) || (a.Detail == "") != (a.Status == certstatus.Good) {
				t.Errorf("the detail is %q, without %q", a.Detail, test.detail)
			}
			proven := slices.Contains([]certstatus.Status{certstatus.Good, certstatus.Revoked, certstatus.Unknown}, a.Status)
			if proven && (a.ThisUpdate.IsZero() || a.ProducedAt.IsZero()) || (a.Status == certstatus.Revoked) == a.RevokedAt.IsZero() {
				t.Errorf("the times of %s: %+v", a.Status, a)
			}
			if without := certstatus.JudgeOCSP(test.response, p.leaf, nil, now); without.Status != certstatus.Invalid {
				t.Errorf("%s without the issuer", without.Status)
			}
		})
	}
}

func extension(critical bool) []pkix.Extension {
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: critical, Value: []byte{5, 0}}}
}

func flip(der []byte, at int) []byte {
	der[len(der)+at] ^= 1
	return der
}

// crowded is a response of a delegate whose certificate comes after so many others.
func (p *pki) crowded(others int) []byte {
	o := tlstest.OCSP{Signer: p.delegate(p.ca), WithoutSigner: true}
	for range others {
		o.Certificates = append(o.Certificates, p.neighbour)
	}
	o.Certificates = append(o.Certificates, o.Signer.Certificate)
	return p.respond(o)
}

// TestTraps shows what golang.org/x/crypto/ocsp accepts, which is why it is not used.
func TestTraps(t *testing.T) {
	p := newPKI(t)
	for name, o := range map[string]tlstest.OCSP{
		"the serial number of another CA": {About: p.other},
		"a delegate without the usage":    {Signer: p.delegate(p.ca, usages(x509.ExtKeyUsageServerAuth))},
		"a delegate that has expired":     {Signer: p.delegate(p.ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })},
		"an old response":                 {ThisUpdate: time.Now().Add(-1000 * time.Hour), NextUpdate: time.Now().Add(-900 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			der := p.respond(o)
			response, err := ocsp.ParseResponseForCert(der, p.leaf, p.ca.Certificate)
			if err != nil || response.Status != ocsp.Good {
				t.Errorf("x/crypto/ocsp rejects it now: %v", err)
			}
			if a := certstatus.JudgeOCSP(der, p.leaf, p.ca.Certificate, time.Now()); a.Status == certstatus.Good {
				t.Error("good")
			}
		})
	}
}

func TestRSAIssuer(t *testing.T) {
	p := newPKI(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	renamed := &tlstest.CA{Certificate: p.ca.Certificate, Key: key}
	p.ca, err = p.other.CrossSign(renamed)
	check(t, err)
	p.leaf = p.issue(p.ca, nil)
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
		a := certstatus.JudgeOCSP(p.respond(tlstest.OCSP{Hash: hash}), p.leaf, p.ca.Certificate, time.Now())
		if a.Status != certstatus.Good {
			t.Errorf("%s: %s", a.Status, a.Detail)
		}
	}
}

// TestRequestOCSP reads the request with x/crypto/ocsp and with OpenSSL.
func TestRequestOCSP(t *testing.T) {
	p := newPKI(t)
	der := certstatus.RequestOCSP(p.leaf, p.ca.Certificate)
	want, err := ocsp.CreateRequest(p.leaf, p.ca.Certificate, nil)
	check(t, err)
	if !bytes.Equal(der, want) {
		t.Errorf("%x\nwant\n%x", der, want)
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	file := filepath.Join(t.TempDir(), "request")
	writeFile(t, file, der)
	said, err := exec.Command("openssl", "ocsp", "-reqin", file, "-req_text").CombinedOutput()
	if err != nil || !strings.Contains(strings.ToLower(string(said)), "serial number: "+p.leaf.SerialNumber.Text(16)) {
		t.Errorf("%v: %s", err, said)
	}
}
