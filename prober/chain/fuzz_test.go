package chain

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"tls_exporter/prober/tlstest/labtest"
)

// Whatever is in the parts of a certificate that crypto/x509 does not read, judging it
// ends without a panic.
func FuzzUnknownParts(f *testing.F) {
	p := newPKI(f)
	root := p.root("Root")
	name := p.name(o("Acme"))
	template := new(x509.Certificate)
	p.constrained(true, [][]byte{p.general(formDirectory, name)}, [][]byte{p.general(8, []byte{1})})(template)
	p.alternative(p.general(formDirectory, name))(template)
	for _, s := range p.schemes() {
		leaf, ca := p.under(root, s)
		f.Add(template.ExtraExtensions[0].Value, template.ExtraExtensions[1].Value, name, ca.RawSubjectPublicKeyInfo, leaf.Raw, leaf.RawTBSCertificate, leaf.Signature)
	}
	for _, s := range p.unknownSchemes() {
		if key := p.marshal(s.key); len(key) < 1000 {
			f.Add([]byte{}, []byte{}, []byte{}, key, []byte{}, []byte{}, []byte{})
		}
	}
	f.Fuzz(func(t *testing.T, constraints, names, subject, key, raw, body, signature []byte) {
		leaf := &x509.Certificate{
			Raw: raw, RawTBSCertificate: body, Signature: signature, RawSubject: subject, RawIssuer: []byte{1}, PublicKey: p.key.Public(),
			NotBefore: labtest.Now, NotAfter: labtest.Now,
			Extensions: []pkix.Extension{{Id: oidAlternativeName, Value: names}},
		}
		ca := &x509.Certificate{
			Raw: raw, RawTBSCertificate: body, RawSubject: []byte{1}, RawIssuer: subject, RawSubjectPublicKeyInfo: key,
			Extensions: []pkix.Extension{{Id: oidNameConstraints, Critical: true, Value: constraints}, {Id: oidKeyUsage, Value: names}},
		}
		v := &verification{Chain: &Chain{At: labtest.Now}, sent: []*x509.Certificate{leaf, ca}, roots: trust(root)}
		v.objections(v.sent)
		v.unhandled(v.sent, 1)
		if issuanceOf(ca, leaf) == signed && checkOther(keyOf(ca), signatureOf(leaf), append([]byte{0}, body...), signature) == nil {
			t.Error("a signature of another body verifies")
		}
	})
}
