package certstatus

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
)

// sha1ID is the object identifier of SHA-1.
var sha1ID = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}

// RequestOCSP returns an OCSPRequest in DER about one certificate (RFC 6960 section 4.1), as
// RFC 5019 section 2.1.1 has it: with SHA-1, without a nonce and without a signature. It is
// the same for each call, so that responders and proxies can cache the response.
func RequestOCSP(cert, issuer *x509.Certificate) []byte {
	serial := cert.SerialNumber
	if serial == nil {
		serial = new(big.Int)
	}
	var b builder
	b.AddASN1(sequence, func(request *builder) {
		request.AddASN1(sequence, func(tbs *builder) {
			tbs.AddASN1(sequence, func(list *builder) {
				list.AddASN1(sequence, func(one *builder) {
					one.AddASN1(sequence, func(id *builder) {
						id.AddASN1(sequence, func(algorithm *builder) {
							algorithm.AddASN1ObjectIdentifier(sha1ID)
							algorithm.AddASN1NULL()
						})
						id.AddASN1OctetString(digest(crypto.SHA1, issuer.RawSubject))
						id.AddASN1OctetString(digest(crypto.SHA1, keyBits(issuer)))
						id.AddASN1BigInt(serial)
					})
				})
			})
		})
	})
	return b.BytesOrPanic()
}
