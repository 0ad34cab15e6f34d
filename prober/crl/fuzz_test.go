package crl_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"testing"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/crl"
)

// Whatever a CA signs: what is accepted here, crypto/x509 reads in the same way, and no
// certificate is good that is in the list.
func FuzzRead(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ca := newCA(f)
	issuer, err := ca.Issue(ca.Certificate, key)
	if err != nil {
		f.Fatal(err)
	}
	base := newParts(ca)
	rest := bytes.Join([][]byte{base.thisUpdate, base.nextUpdate, base.entries}, nil)
	f.Add(rest, base.extensions)
	f.Add(rest, scopeOf(nameOf(uri(here)), []byte{0x81, 1, 0xff}))
	f.Add(rest, scopeOf(nameOf(uri(there)), []byte{0x83, 2, 6, 0x40}))
	f.Add(bytes.Join([][]byte{base.thisUpdate, entryOf(reasonIs(8))}, nil), []byte{})
	f.Add(bytes.Join([][]byte{base.thisUpdate, serials([]byte{0x7f}, []byte{0, 0x80}, []byte{0x80})}, nil), []byte{})
	f.Fuzz(func(t *testing.T, content, extensions []byte) {
		p := newParts(ca)
		p.algorithm, p.thisUpdate, p.nextUpdate, p.entries, p.extensions = edDSA, nil, nil, content, extensions
		der := p.sign(t, key)
		list, err := crl.Read(bytes.NewReader(der), issuer)
		if err != nil {
			return
		}
		parsed, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Skip(err) // crypto/x509 is stricter about some extensions
		}
		if err := parsed.CheckSignatureFrom(issuer); err != nil {
			t.Fatal(err)
		}
		if !parsed.ThisUpdate.Equal(list.ThisUpdate) || !parsed.NextUpdate.Equal(list.NextUpdate) || len(parsed.RevokedCertificateEntries) != list.Entries {
			t.Errorf("%+v; crypto/x509: %+v", list, parsed)
		}
		for _, entry := range parsed.RevokedCertificateEntries {
			cert := certificate(ca)
			cert.SerialNumber = entry.SerialNumber
			answer := list.Judge(cert, issuer, here, list.ThisUpdate)
			if answer.Status == certstatus.Good || answer.Status == certstatus.Unknown {
				t.Errorf("%s, and revoked at %v", answer.Status, entry.RevocationTime)
			}
			if at := answer.RevokedAt; !at.IsZero() && len(parsed.RevokedCertificateEntries) == 1 && (!at.Equal(entry.RevocationTime) || byte(answer.RevocationReason) != byte(entry.ReasonCode)) {
				t.Errorf("%+v; crypto/x509: %+v", answer, entry)
			}
		}
	})
}
